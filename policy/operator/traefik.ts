import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { filesOf, type OperatorEstate, type OperatorFile } from "./operator.ts";

/** Where Traefik's own configuration stands; every other YAML file of its folder is dynamic, for its file provider. */
const STATIC = /^\/etc\/traefik\/traefik\.ya?ml$/;

export function isStatic({ path }: Pick<OperatorFile, "path">): boolean {
  return STATIC.test(path);
}

/** A value of a YAML file: the keys on its way, and where it stands. */
export interface Leaf {
  readonly keys: readonly string[];
  readonly value: string;
  readonly line: number;
  readonly column: number;
}

/** Past this a file is no configuration, or one that grows by its own anchors. */
const MOST_LEAVES = 20_000;

/** Every scalar of a file with its way; none where it is no YAML: Traefik itself says what is wrong with it. */
export function leavesOf(text: string): readonly Leaf[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, logLevel: "silent", strict: false });
  if (document.errors.length > 0) return [];
  const found: Leaf[] = [];
  const visit = (node: unknown, keys: readonly string[]): void => {
    if (found.length >= MOST_LEAVES) return;
    if (isMap(node)) {
      for (const { key, value } of node.items)
        visit(value, [...keys, isScalar(key) ? String(key.value) : ""]);
      if (node.items.length === 0) found.push({ keys, value: "", ...placeOf(node) });
    } else if (isSeq(node)) node.items.forEach((item, index) => visit(item, [...keys, String(index)]));
    else if (isScalar(node)) found.push({ keys, value: textOf(node.value), ...placeOf(node) });
    else found.push({ keys, value: "", line: 1, column: 1 });
  };
  const placeOf = ({ range }: Node) => {
    const { line, col } = lines.linePos(range?.[0] ?? 0);
    return { line, column: col };
  };
  visit(document.contents, []);
  return found;
}

/** A scalar as Traefik reads it. */
function textOf(value: unknown): string {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? `${value}`
    : "";
}

/** What Traefik does at its start, as its static file says it; without the file, phx's own. */
export interface MeshStatic {
  readonly entryPoints: readonly { readonly name: string; readonly address: string; readonly port: number }[];
  readonly resolvers: readonly { readonly name: string; readonly storage: string }[];
  /** Where the API answers without authorization, on the mesh's loopback too; undefined: nowhere. */
  readonly apiPort: number | undefined;
  /** Folder or file of the file provider. */
  readonly dynamic: { readonly kind: "directory" | "filename"; readonly path: string } | undefined;
}

export function staticFile(estate: OperatorEstate): OperatorFile | undefined {
  return filesOf(estate, "traefik").find(isStatic);
}

/** Traefik's keys know no case: `entrypoints` is `entryPoints`. */
export function under(leaves: readonly Leaf[], ...way: readonly string[]): Leaf[] {
  const same = (a: string | undefined, b: string) => b === "*" || a?.toLowerCase() === b.toLowerCase();
  return leaves.filter(({ keys }) => way.every((key, index) => same(keys[index], key)));
}

export function meshStatic(text: string): MeshStatic {
  const leaves = leavesOf(text);
  const entryPoints = under(leaves, "entryPoints", "*", "address").map(({ keys, value }) => {
    return {
      name: keys[1] ?? "",
      address: value,
      port: Number(/:(\d+)(?:\/tcp)?$/.exec(value)?.[1] ?? Number.NaN),
    };
  });
  const names = [...new Set(under(leaves, "certificatesResolvers").map(({ keys }) => keys[1] ?? ""))];
  const resolvers = names.map((name) => {
    const storage = under(leaves, "certificatesResolvers", name, "acme", "storage")[0]?.value ?? "acme.json";
    return { name, storage };
  });
  const isOpen = under(leaves, "api", "insecure")[0]?.value === "true";
  const api = entryPoints.find(({ name }) => name.toLowerCase() === "traefik");
  const dynamic = (["directory", "filename"] as const).flatMap((kind) =>
    under(leaves, "providers", "file", kind).map(({ value }) => ({ kind, path: value })),
  )[0];
  return { entryPoints, resolvers, apiPort: isOpen ? (api?.port ?? 8080) : undefined, dynamic };
}

/** Entry points that take https, and the port of the API on loopback, as Traefik runs in a lab. */
export function runtimeOf(estate: OperatorEstate): {
  readonly secure: readonly string[];
  readonly apiPort: number;
} {
  const own = staticFile(estate);
  if (!own) return { secure: ["websecure"], apiPort: PHX_API_PORT };
  const { entryPoints, apiPort = PHX_API_PORT } = meshStatic(own.text);
  return { secure: entryPoints.filter(({ port }) => port === 443).map(({ name }) => name), apiPort };
}

/** Where phx has Traefik's API. */
const PHX_API_PORT = 8080;
