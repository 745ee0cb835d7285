import { readFileSync } from "node:fs";
import { catalogued } from "../audit/catalogue.ts";
import { EXIT } from "../errors.ts";
import type { Estate, SourceFile } from "../policy/estate.ts";
import { LINTS } from "../policy/lint/catalogue.ts";
import { lint, type Told } from "../policy/lint/lint.ts";
import type { FirewallFile } from "../policy/proxmox/file.ts";
import type { Node } from "../policy/proxmox/node.ts";
import { parseFirewallFile } from "../policy/proxmox/parse.ts";
import type { Proof } from "../policy/prove/proof.ts";
import { type FolderDeclaration, readDeclaration } from "../policy/read.ts";
import { asciiJson } from "../reports/ascii-json.ts";
import { renderSarif, type SarifFinding, type SarifInput, type SarifLint } from "../reports/sarif.ts";
import { parseArguments, usage } from "./arguments.ts";
import { filesRead, proofsOf } from "./check-operator.ts";
import { printPatch } from "./check-patch.ts";
import { type Checked, checkText, countsOf, UNDECIDED, witnessText } from "./check-text.ts";
import { REFERENCE_FOLDER } from "./labs.ts";

export const help = `usage: phx check [DIR] [--format text|json|sarif] [--json] [--node NAME]
       phx check [DIR] --fix-patch

Reads the files alone and says what is wrong with them: rules that repeat, contradict or never match, lines that Proxmox
ignores, guests without a firewall, unused names, secrets. Each has its place and a remedy; docs/lint.md lists them all.
Of Phoenix files each control that they decide is proved, for every packet and every name, or violated, with a packet that
shows it, and where the checkout carries the servers' own files what of them breaks one: docs/check.md. Sends nothing, needs no lab and no root. Exit 1 on any finding or violation; notes never fail.
Exit 4 where there is neither, but not all rules could be compared or proved.

  DIR            folder with the Phoenix files, or with Proxmox's .fw files (default: the reference estate)

flags:
  --format FORM  text (default): a line for people and compilers, then the remedy; json; sarif (SARIF 2.1.0)
  --json         the same as --format json
  --node NAME    which node of a cluster's /etc/pve
  --fix-patch    only what mends what was found, as JSON: by file a patch of RFC 6902; on stderr what it leaves, and why.
                 Each patch was tried: it ends what it is for and breaks no control. Of Phoenix files alone
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
  const checked = checkOf(readDeclaration(folder, values.node));
  process.stdout.write(print(checked));
  return exitOf(checked);
}

/** What is wrong with a declaration. Pure. */
export function checkOf(declared: FolderDeclaration): Checked {
  const { node, told, files, estate } = toldBy(declared);
  const operator = estate && filesRead(estate);
  const proofs = estate && proofsOf(estate);
  return { ...lint(node, told), files, ...(proofs && { proofs }), ...(operator && { operator }) };
}

function toldBy(declared: FolderDeclaration): {
  node: Node;
  told: Told;
  files: Checked["files"];
  estate?: Estate;
} {
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

/** The exit status that a check alone has. */
export function exitOf({ findings, complete, proofs = [] }: Checked): number {
  if (findings.some(({ level }) => level === "finding")) return EXIT.findings;
  if (proofs.some(({ violations }) => violations.length > 0)) return EXIT.findings;
  if (proofs.some(({ undecided }) => undecided !== undefined)) return EXIT.inconclusive;
  return complete ? EXIT.conformant : EXIT.inconclusive;
}

const PRINTERS: Readonly<Record<string, (checked: Checked) => string>> = {
  text: checkText,
  json: (checked) => `${asciiJson({ ...countsOf(checked), ...withoutFiles(checked) })}\n`,
  sarif: (checked) => `${asciiJson(renderSarif(checkSarif(checked)))}\n`,
};

/** What was found, as SARIF's renderer takes it. */
export function checkSarif({ findings, files, proofs }: Checked): SarifInput {
  const lints = { ...LINTS, ...controlLints(proofs ?? []) };
  const all = [...findings, ...(proofs ?? []).flatMap(violationFindings)];
  const properties = proofs ? { proofs: proofs.map(proofProperties) } : { undecided: UNDECIDED };
  return { version: version(), lints, findings: all, files, properties };
}

function withoutFiles({ complete, findings, proofs }: Checked) {
  return { complete, findings, ...(proofs ? { proofs } : { undecided: UNDECIDED }) };
}

/** Controls in the words of their catalogue, as rules of a SARIF log. */
function controlLints(proofs: readonly Proof[]): Record<string, SarifLint> {
  const entries = proofs.map(({ control }): [string, SarifLint] => {
    const { title, statement } = catalogued(control);
    return [control, { level: "finding", what: title, why: statement, remedy: "See the message." }];
  });
  return Object.fromEntries(entries);
}

/** What was decided and over what space: a control without a result is proved where it stands here. */
function proofProperties({ violations, ...proof }: Proof) {
  return { ...proof, violations: violations.length };
}

function violationFindings({ control, violations }: Proof): SarifFinding[] {
  return violations.map(({ message, position, remedy, witness, patch, unpatched }) => ({
    lint: control,
    level: "finding",
    position,
    message: witness ? `${message}, for example ${witnessText(witness)}` : message,
    remedy,
    subject: message.replaceAll(/:\d+:\d+/g, ""),
    related: [],
    count: 1,
    properties: { ...(witness && { witness }), ...(patch && { patch }), ...(unpatched && { unpatched }) },
  }));
}

function version(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
