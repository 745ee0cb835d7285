import { readFileSync } from "node:fs";
import { EXIT } from "../errors.ts";
import type { SourceFile } from "../policy/estate.ts";
import { LINTS } from "../policy/lint/catalogue.ts";
import type { LintFinding } from "../policy/lint/finding.ts";
import { lint, type LintReport, type Told } from "../policy/lint/lint.ts";
import type { FirewallFile } from "../policy/proxmox/file.ts";
import type { Node } from "../policy/proxmox/node.ts";
import { parseFirewallFile } from "../policy/proxmox/parse.ts";
import { readDeclaration } from "../policy/read.ts";
import { asciiJson } from "../reports/ascii-json.ts";
import { renderSarif } from "../reports/sarif.ts";
import { counted, shown } from "../reports/text.ts";
import { parseArguments, usage } from "./arguments.ts";
import { REFERENCE_FOLDER } from "./labs.ts";

export const help = `usage: phx check [DIR] [--format text|json|sarif] [--json] [--node NAME]

Reads the files alone and says what is wrong with them: rules that repeat, contradict or never match, lines that Proxmox
ignores, guests without a firewall, unused names, secrets. Each has its place and a remedy; docs/lint.md lists them all.
Sends nothing, needs no lab and no root. Exit 1 on any finding; notes never fail. Exit 4 where there is no finding, but not
all rules could be compared with each other.

  DIR            folder with the Phoenix files, or with Proxmox's .fw files (default: the reference estate)

flags:
  --format FORM  text (default): a line for people and compilers, then the remedy; json; sarif (SARIF 2.1.0)
  --json         the same as --format json
  --node NAME    which node of a cluster's /etc/pve
  --help         this text

example:
  phx check my-estate --format sarif > my-estate.sarif
`;

const EXPECTED = "[DIR] [--format text|json|sarif] [--json] [--node NAME]";
const OPTIONS = { format: { type: "string" }, json: { type: "boolean" }, node: { type: "string" } } as const;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArguments("check", EXPECTED, { args, options: OPTIONS }, 1);
  const format = values.format ?? (values.json ? "json" : "text");
  if (values.json && format !== "json") throw usage("check", EXPECTED, `--json and --format ${format}`);
  const print = Object.hasOwn(PRINTERS, format) ? PRINTERS[format] : undefined;
  if (!print) throw usage("check", EXPECTED, `--format ${format}`);
  const checked = check(positionals[0] ?? REFERENCE_FOLDER, values.node);
  process.stdout.write(print(checked));
  return exitOf(checked);
}

interface Checked extends LintReport {
  readonly files: readonly Pick<SourceFile, "name" | "sha256">[];
}

function check(folder: string, nodeName: string | undefined): Checked {
  const { node, told, files } = read(folder, nodeName);
  return { ...lint(node, told), files };
}

function read(
  folder: string,
  nodeName: string | undefined,
): { node: Node; told: Told; files: Checked["files"] } {
  const declared = readDeclaration(folder, nodeName);
  const { node } = declared;
  switch (declared.kind) {
    case "phoenix": {
      const { estate } = declared;
      return { node, told: { ...estate, kind: "phoenix" }, files: estate.files };
    }
    case "proxmox":
      return {
        node,
        told: { ...declared, elsewhere: elsewhereOf(declared.files, node) },
        files: declared.files,
      };
  }
}

/** Files of a cluster that are another node's: of its guests, or its host.fw. */
function elsewhereOf(
  files: readonly SourceFile[],
  { cluster, hostFile, guests }: Node,
): readonly FirewallFile[] {
  const own = new Set([hostFile, ...guests.values()].map(({ name }) => name));
  return files.flatMap(({ name, text }): readonly FirewallFile[] => {
    const kind = /(?:^|\/)(?:(host)|\d+)\.fw$/.exec(name);
    if (!kind || own.has(name)) return [];
    return [parseFirewallFile(kind[1] === undefined ? "guest" : "host", name, text, cluster)];
  });
}

function exitOf({ findings, complete }: LintReport): number {
  if (findings.some(({ level }) => level === "finding")) return EXIT.findings;
  return complete ? EXIT.conformant : EXIT.inconclusive;
}

const PRINTERS: Readonly<Record<string, (checked: Checked) => string>> = {
  text: ({ findings }) => `${[...findings.map(describe), summary(findings)].join("\n")}\n`,
  json: ({ findings, complete }) => `${asciiJson({ ...counts(findings), complete, findings })}\n`,
  sarif: ({ findings, files }) =>
    `${asciiJson(renderSarif({ version: version(), lints: LINTS, findings, files }))}\n`,
};

/** As compilers print: an editor finds the place. */
function describe({ level, lint: id, position, message, remedy }: LintFinding): string {
  const { file, line, column } = position;
  return `${shown(`${file}:${line}:${column}: ${level} ${id}: ${message}`, LONGEST)}\n    ${shown(remedy, LONGEST)}`;
}

const LONGEST = 4000;

function summary(findings: readonly LintFinding[]): string {
  const { findings: wrong, notes } = counts(findings).counts;
  return `${counted(wrong, "finding")}, ${counted(notes, "note")}`;
}

function counts(findings: readonly LintFinding[]) {
  const of = (level: LintFinding["level"]) =>
    findings.filter((each) => each.level === level).reduce((sum, { count }) => sum + count, 0);
  return { counts: { findings: of("finding"), notes: of("note") } };
}

function version(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
