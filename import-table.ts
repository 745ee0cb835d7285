import { relative } from "node:path";
import { dirname, join } from "node:path/posix";
import type { RuleTester } from "oxlint/plugins-dev";

/** Oxlint names its types of rule and syntax tree nowhere else. */
type Rule = Extract<Parameters<RuleTester["run"]>[1], { create: unknown }>;
type Visitor = ReturnType<Rule["create"]>;
type Node<Kind extends keyof Visitor> = Parameters<NonNullable<Visitor[Kind]>>[0];
type ImportNode = Node<
  | "ImportDeclaration"
  | "ExportNamedDeclaration"
  | "ExportAllDeclaration"
  | "ImportExpression"
  | "TSImportType"
>;

/** How much of a folder or file: all of it, its types alone, or its types and schemas. */
type Part = "all" | "types" | "schemas";

interface Row {
  /** Folders, or single files of one. */
  readonly from: Readonly<Record<string, Part>>;
  /** The only packages; `node:` stands for every module of Node. Left out: any. */
  readonly packages?: readonly string[];
}

const EVERY_STAGE = {
  policy: "all",
  converge: "all",
  lab: "all",
  probes: "all",
  audit: "all",
  reports: "all",
} as const;
const SCHEMAS = {
  audit: "schemas",
  policy: "schemas",
  probes: "schemas",
  "probes/flow-key.ts": "all",
} as const;
const READS_FILES = { from: {}, packages: ["node:fs", "node:path", "node:crypto"] } as const;

/**
 * What a folder may import beside itself and `errors.ts`. A file's own row stands in place of its folder's; a test has
 * its subject's. ARCHITECTURE.md shows the same table with its reasons.
 */
const TABLE: Readonly<Record<string, Row>> = {
  "errors.ts": { from: {}, packages: [] },
  policy: { from: {}, packages: ["zod", "jsonc-parser", "yaml"] },
  "policy/read.ts": READS_FILES,
  "policy/read-file.ts": READS_FILES,
  "policy/read-proxmox.ts": READS_FILES,
  lab: { from: {}, packages: ["node:", "koffi", "testcontainers"] },
  components: { from: {}, packages: ["node:"] },
  converge: { from: { policy: "all" } },
  "converge/apply.ts": { from: { policy: "all", lab: "all", components: "all" } },
  "converge/apply-services.ts": { from: { policy: "all", lab: "all" } },
  probes: { from: { lab: "all", policy: "types" } },
  audit: { from: { policy: "all", probes: "schemas", "probes/flow-key.ts": "all" } },
  mutation: { from: { policy: "all", converge: "all", lab: "all", audit: "all" } },
  reports: { from: SCHEMAS },
  "reports/reporter.ts": { from: { ...SCHEMAS, "audit/run.ts": "all" } },
  fixtures: { from: { policy: "all", converge: "all", lab: "all", probes: "all", audit: "all" } },
  spec: { from: { fixtures: "all" } },
  cli: { from: { ...EVERY_STAGE, components: "all", mutation: "all" } },
  bench: { from: { ...EVERY_STAGE, components: "all", mutation: "all", fixtures: "all", cli: "all" } },
  "playwright.config.ts": { from: { fixtures: "all" } },
  "import-table.ts": { from: {}, packages: ["node:", "oxlint"] },
};

const TEST = /\.test\.ts$/;
/** Schemas are named as their types, constants and functions are not; a class is named so too and passes. */
const SCHEMA_NAME = /^[A-Z]+[a-z]/;

/** One import or re-export: the names it takes at run time, or `types` where all of it is erased. */
export interface Import {
  readonly specifier: string;
  readonly takes: "types" | readonly string[];
}

/** Why a file, given from the repository's root, may not have an import; undefined where it may. */
export function refuse(file: string, { specifier, takes }: Import): string | undefined {
  const subject = file.replace(TEST, ".ts");
  const isTest = TEST.test(file);
  const owner = subject in TABLE ? subject : folderOf(file);
  const row = TABLE[owner];
  if (!row) return `${owner} has no row in import-table.ts`;
  if (!specifier.startsWith(".")) return refusePackage(owner, row, isTest, specifier);
  const target = join(dirname(file), specifier);
  if (folderOf(target) === folderOf(file) || target === subject) return undefined;
  if (target === "errors.ts" || (isTest && folderOf(target) === "fixtures")) return undefined;
  const part = row.from[target] ?? row.from[folderOf(target)];
  if (part === undefined) return `${owner} may not import ${target}`;
  return permits(part, takes) ? undefined : `${owner} may import only ${PART_WORDS[part]} of ${target}`;
}

const PART_WORDS = { all: "everything", types: "types (import type)", schemas: "types and schemas" } as const;

function refusePackage(
  owner: string,
  { packages }: Row,
  isTest: boolean,
  specifier: string,
): string | undefined {
  const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
  const isNode = name.startsWith("node:");
  if (!packages || packages.includes(name) || (isNode && packages.includes("node:"))) return undefined;
  if (isTest && (isNode || name === "fast-check")) return undefined;
  return `${owner} may not import the package ${name}`;
}

function permits(part: Part, takes: Import["takes"]): boolean {
  if (part === "all" || takes === "types") return true;
  return part === "schemas" && takes.length > 0 && takes.every((name) => SCHEMA_NAME.test(name));
}

/** The folder at the root, or the file itself where it lies there. */
function folderOf(file: string): string {
  return file.split("/", 1)[0] ?? file;
}

/** Oxlint's rule `phx/import-table`. */
const importTable: Rule = {
  create(context) {
    const file = relative(import.meta.dirname, context.filename);
    const judge = (node: ImportNode, takes: Import["takes"]) => {
      if (node.source?.type !== "Literal" || typeof node.source.value !== "string") return;
      const message = refuse(file, { specifier: node.source.value, takes });
      if (message) context.report({ node, message });
    };
    return {
      ImportDeclaration: (node) => judge(node, node.importKind === "type" ? "types" : importedNames(node)),
      ExportNamedDeclaration: (node) =>
        judge(node, node.exportKind === "type" ? "types" : exportedNames(node)),
      ExportAllDeclaration: (node) => judge(node, node.exportKind === "type" ? "types" : ["*"]),
      ImportExpression: (node) => judge(node, ["*"]),
      TSImportType: (node) => judge(node, "types"),
    };
  },
};

/** `*` for a namespace, for `import "x"` and for `import { type A }`, which all run the module. */
function importedNames({ specifiers }: Node<"ImportDeclaration">): readonly string[] {
  const names = specifiers.flatMap((specifier) => {
    if (specifier.type !== "ImportSpecifier") return ["*"];
    return specifier.importKind === "type" ? [] : [nameOf(specifier.imported)];
  });
  return names.length > 0 ? names : ["*"];
}

function exportedNames({ specifiers }: Node<"ExportNamedDeclaration">): readonly string[] {
  const names = specifiers.flatMap(({ exportKind, local }) => (exportKind === "type" ? [] : [nameOf(local)]));
  return names.length > 0 ? names : ["*"];
}

function nameOf(name: { readonly name: string } | { readonly value: string }): string {
  return "name" in name ? name.name : name.value;
}

export default { meta: { name: "phx" }, rules: { "import-table": importTable } };
