import { readFileSync } from "node:fs";
import { catalogued } from "../audit/catalogue.ts";
import { EXIT } from "../errors.ts";
import type { Estate, SourceFile } from "../policy/estate.ts";
import { LINTS } from "../policy/lint/catalogue.ts";
import { lint, type Told } from "../policy/lint/lint.ts";
import type { FirewallFile } from "../policy/proxmox/file.ts";
import type { Node } from "../policy/proxmox/node.ts";
import { parseFirewallFile } from "../policy/proxmox/parse.ts";
import { proveAll } from "../policy/prove/all.ts";
import { mend } from "../policy/prove/mend.ts";
import type { PatchOperation, Proof } from "../policy/prove/proof.ts";
import { readDeclaration, readEstate } from "../policy/read.ts";
import { asciiJson } from "../reports/ascii-json.ts";
import { renderSarif, type SarifFinding, type SarifLint } from "../reports/sarif.ts";
import { parseArguments, usage } from "./arguments.ts";
import { type Checked, checkText, countsOf } from "./check-text.ts";
import { REFERENCE_FOLDER } from "./labs.ts";

export const help = `usage: phx check [DIR] [--format text|json|sarif] [--json] [--node NAME]
       phx check [DIR] --fix-patch

Reads the files alone and says what is wrong with them: rules that repeat, contradict or never match, lines that Proxmox
ignores, guests without a firewall, unused names, secrets. Each has its place and a remedy; docs/lint.md lists them all.
Of Phoenix files each control that they decide is proved, for every packet and every name, or violated, with a packet that
shows it: docs/check.md. Sends nothing, needs no lab and no root. Exit 1 on any finding or violation; notes never fail.
Exit 4 where there is neither, but not all rules could be compared or proved.

  DIR            folder with the Phoenix files, or with Proxmox's .fw files (default: the reference estate)

flags:
  --format FORM  text (default): a line for people and compilers, then the remedy; json; sarif (SARIF 2.1.0)
  --json         the same as --format json
  --node NAME    which node of a cluster's /etc/pve
  --fix-patch    only what mends the violations, as JSON: by file a patch of RFC 6902
  --help         this text

example:
  phx check my-estate --format sarif > my-estate.sarif
`;

const EXPECTED = "[DIR] [--format text|json|sarif] [--json] [--node NAME] [--fix-patch]";
const OPTIONS = {
  format: { type: "string" },
  json: { type: "boolean" },
  node: { type: "string" },
  "fix-patch": { type: "boolean" },
} as const;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArguments("check", EXPECTED, { args, options: OPTIONS }, 1);
  const format = values.format ?? (values.json ? "json" : "text");
  if (values.json && format !== "json") throw usage("check", EXPECTED, `--json and --format ${format}`);
  const print = Object.hasOwn(PRINTERS, format) ? PRINTERS[format] : undefined;
  if (!print) throw usage("check", EXPECTED, `--format ${format}`);
  const folder = positionals[0] ?? REFERENCE_FOLDER;
  if (values["fix-patch"]) return printPatch(folder);
  const checked = check(folder, values.node);
  process.stdout.write(print(checked));
  return exitOf(checked);
}

/** What mends all violations that a patch can, by file; exit 1 where there are violations at all. */
function printPatch(folder: string): number {
  const estate = readEstate(folder);
  const proofs = proveAll(estate);
  const operations = Map.groupBy(mend(estate, proveAll), ({ file }) => file);
  const patches = [...operations].map(([file, own]) => [file, own.map(standardForm)]);
  process.stdout.write(`${asciiJson(Object.fromEntries(patches))}\n`);
  return exitOf({ findings: [], complete: true, files: [], proofs });
}

/** As RFC 6902 has it: which file it is for stands beside it. */
function standardForm({ file: _file, ...operation }: PatchOperation): Omit<PatchOperation, "file"> {
  return operation;
}

function check(folder: string, nodeName: string | undefined): Checked {
  const { node, told, files, estate } = read(folder, nodeName);
  return { ...lint(node, told), files, ...(estate && { proofs: proveAll(estate) }) };
}

function read(
  folder: string,
  nodeName: string | undefined,
): { node: Node; told: Told; files: Checked["files"]; estate?: Estate } {
  const declared = readDeclaration(folder, nodeName);
  const { node } = declared;
  switch (declared.kind) {
    case "phoenix": {
      const { estate } = declared;
      return { node, told: { ...estate, kind: "phoenix" }, files: estate.files, estate };
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

function exitOf({ findings, complete, proofs = [] }: Checked): number {
  if (findings.some(({ level }) => level === "finding")) return EXIT.findings;
  if (proofs.some(({ violations }) => violations.length > 0)) return EXIT.findings;
  if (proofs.some(({ undecided }) => undecided !== undefined)) return EXIT.inconclusive;
  return complete ? EXIT.conformant : EXIT.inconclusive;
}

const PRINTERS: Readonly<Record<string, (checked: Checked) => string>> = {
  text: checkText,
  json: (checked) => `${asciiJson({ ...countsOf(checked), ...withoutFiles(checked) })}\n`,
  sarif: ({ findings, files, proofs = [] }) => {
    const lints = { ...LINTS, ...controlLints(proofs) };
    const all = [...findings, ...proofs.flatMap(violationFindings)];
    return `${asciiJson(renderSarif({ version: version(), lints, findings: all, files }))}\n`;
  },
};

function withoutFiles({ complete, findings, proofs }: Checked) {
  return { complete, findings, ...(proofs && { proofs }) };
}

/** Controls in the words of their catalogue, as rules of a SARIF log. */
function controlLints(proofs: readonly Proof[]): Record<string, SarifLint> {
  const entries = proofs.map(({ control }): [string, SarifLint] => {
    const { title, statement } = catalogued(control);
    return [control, { level: "finding", what: title, why: statement, remedy: "See the message." }];
  });
  return Object.fromEntries(entries);
}

function violationFindings({ control, violations }: Proof): SarifFinding[] {
  return violations.map(({ message, position, remedy }) => ({
    lint: control,
    level: "finding",
    position,
    message,
    remedy,
    subject: message.replaceAll(/:\d+:\d+/g, ""),
    related: [],
    count: 1,
  }));
}

function version(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
