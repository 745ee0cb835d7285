import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { EXIT, HarnessError } from "../errors.ts";
import { CONFORMANCE_FILE, type Exceptions, parseConformance } from "../policy/approval.ts";
import { diffOf, type GovernedSide, unapproved } from "../policy/diff/diff.ts";
import { type ChangeGroup, groupChanges, inOrder } from "../policy/diff/group.ts";
import type { PacketChange } from "../policy/diff/packet-changes.ts";
import { sideOf } from "../policy/diff/side.ts";
import type { Position } from "../policy/estate.ts";
import { decodeStrictly } from "../policy/read-file.ts";
import { asciiJson } from "../reports/ascii-json.ts";
import { renderDiffMarkdown } from "../reports/diff-markdown.ts";
import { renderDiffText } from "../reports/diff-text.ts";
import { deviationText, type DiffInput, endsText, pairsOf } from "../reports/diff-words.ts";
import { renderSarif, type SarifFinding } from "../reports/sarif.ts";
import { parseArguments, usage } from "./arguments.ts";
import { EXPECTED, readSides, type Side, toldOf } from "./diff-sides.ts";

export const help = `usage: phx diff BASE HEAD [--format text|markdown|json|sarif] [--json] [--node NAME]
       phx diff ./DIR ./DIR
       phx diff BASE..HEAD|BASE...HEAD|BASE [-- PATH]

Says what a change of the files does, for every packet: what becomes allowed that was not, what is denied now, what is refused
in another way or answered by another guest; who reaches whom, one packet as an example, and the lines that decide. Names,
routes, certificates and guests likewise. Both sides are read as they are, a revision without a checkout; nothing is sent or
written, and no root is needed.

  BASE, HEAD     git revisions: main, HEAD~3, a tag, main:etc; or folders, each as ./DIR
  ./DIR          a folder with the Phoenix files or with Proxmox's .fw files, written as a path, so that no revision is meant:
                 ./etc, ../etc, /srv/etc
  BASE..HEAD     two revisions; with ... what HEAD changed since it left BASE
  BASE           one revision, against the working tree
  PATH           the folder in the repository, from the current one (default: all of it)

flags:
  --format FORM  text (default); markdown, for a comment of a pull request; json; sarif (SARIF 2.1.0, newly allowed alone)
  --json         the same as --format json
  --node NAME    which node of a cluster's /etc/pve
  --help         this text

Where flows are meant to become allowed, an approval in BASE's conformance.json, beside the files, says so: from, to, flows
(in the words printed here), owner, reason, ticket, expires. An approval that has expired, stands for anybody or anything, or whose
guest is another one on HEAD covers nothing, and HEAD's own approvals do not count. Packets with a forged source or MAC need one
that says so (deviation). Names, routes and certificates are told and do not fail.

exit status: 0 no packet is newly allowed, or each is approved, 1 one is that nobody approved, 2 bad input, 3 harness or
environment fault, 4 the packets could not be compared

example:
  phx diff main..HEAD -- etc
  phx diff main --format markdown -- etc > comment.md
  phx diff ./etc ./new-etc
`;

const WORDS = `${EXPECTED} [--format text|markdown|json|sarif] [--json] [--node NAME]`;
const OPTIONS = { format: { type: "string" }, json: { type: "boolean" }, node: { type: "string" } } as const;

export async function run(args: string[]): Promise<number> {
  const dashes = args.indexOf("--");
  const [before, paths] = dashes < 0 ? [args, []] : [args.slice(0, dashes), args.slice(dashes + 1)];
  const { values, positionals } = parseArguments("diff", WORDS, { args: before, options: OPTIONS }, 2);
  if (paths.length > 1 || paths[0] === "")
    throw usage("diff", "one PATH behind --", paths.join(" ") || "an empty one");
  const format = values.format ?? (values.json ? "json" : "text");
  if (values.json && format !== "json") throw usage("diff", WORDS, `--json and --format ${format}`);
  const print = Object.hasOwn(PRINTERS, format) ? PRINTERS[format] : undefined;
  if (!print) throw usage("diff", WORDS, `--format ${format}`);
  const [base, head] = readSides(positionals, paths[0], values.node);
  const [was, is] = [governed("BASE", base), governed("HEAD", head)];
  const diff = diffOf(was, is, new Date());
  const places = new Set(
    [was, is].flatMap(({ node }) => [...node.nics.map(({ place }) => place), "lan", "host", "beyond"]),
  ).size;
  const input = { diff, groups: groupChanges(diff.packets), base: base.title, head: head.title, places };
  process.stdout.write(print(input, { files: is.files, below: head.below }));
  if (diff.undecided !== undefined) {
    process.stderr.write(`phx: undecided: ${diff.undecided}; packets were not compared\n`);
    return EXIT.inconclusive;
  }
  return unapproved(diff).length > 0 ? EXIT.findings : EXIT.conformant;
}

function governed(name: string, { title, tree, declaration }: Side): GovernedSide {
  const { folder } = declaration;
  const side = sideOf(declaration);
  const path = join(folder, CONFORMANCE_FILE);
  const isThere = tree.entriesOf(folder).some((entry) => entry.name === CONFORMANCE_FILE);
  return {
    ...side,
    exceptions: isThere
      ? toldOf(`${name} ${title}`, () => exceptionsIn(path, tree.readRegularFile(path)))
      : NONE,
  };
}

const NONE: Exceptions = { approvals: [], waivers: [] };

function exceptionsIn(path: string, bytes: Buffer): Exceptions {
  const text = decodeStrictly(bytes);
  if (text !== undefined) return parseConformance(text);
  const detail = {
    subject: path,
    expected: "text in UTF-8",
    actual: "other bytes",
    remedy: "Save the file as UTF-8.",
  };
  throw new HarnessError("json-syntax", detail);
}

/** HEAD's files, and where they lie. */
type Located = Pick<GovernedSide, "files"> & Pick<Side, "below">;

const PRINTERS: Readonly<Record<string, (input: DiffInput, head: Located) => string>> = {
  text: renderDiffText,
  markdown: renderDiffMarkdown,
  json: (input) => `${asciiJson(jsonOf(input))}\n`,
  sarif: (input, head) => `${asciiJson(sarifOf(input, head))}\n`,
};

function jsonOf({ diff, base, head }: DiffInput): unknown {
  const { undecided, exceptions, approvals, packets, declared, files, hasServices } = diff;
  return {
    base,
    head,
    ...(undecided !== undefined && { undecided }),
    unapproved: unapproved(diff).reduce((sum, change) => sum + pairsOf(change), 0),
    conformance: { changes: exceptions, approvals },
    changes: packets.map(changeJson),
    declared,
    comparesServices: hasServices,
    files,
  };
}

function changeJson({ from, to, was, sets, witness, ...rest }: PacketChange): unknown {
  const fates = Object.entries(witness).map(([side, { flow, decision }]) => {
    const { verdict, reject } = decision;
    return [side, { flow, verdict, ...(reject !== undefined && { reject }) }] as const;
  });
  return {
    ...rest,
    from: inOrder(from).map(({ id }) => id),
    to: inOrder(to).map(({ id }) => id),
    ...(was && { was: was.id }),
    sets: Object.values(sets),
    witness: Object.fromEntries(fates),
  };
}

const NEWLY_ALLOWED = {
  level: "finding",
  what: "flows that were refused are allowed",
  why: "a change that lets through more than before has to be meant",
  remedy: "Take it back, or have it approved in conformance.json of the revision that it is held against.",
} as const;

/** What is newly allowed and not approved, where HEAD's files say it: by their paths in the repository, as GitHub has them. */
function sarifOf({ diff, places }: DiffInput, { files, below }: Located): unknown {
  const located = files.map((file) => ({ ...file, name: posix.join(below, file.name) }));
  const findings = groupChanges(unapproved(diff)).map((group) => {
    const positions = group.causes.flatMap(({ side, position }) =>
      side === "head" && position ? [{ ...position, file: posix.join(below, position.file) }] : [],
    );
    return findingOf(group, places, positions, located[0]?.name ?? "");
  });
  const { undecided } = diff;
  return renderSarif({
    version: version(),
    lints: { "newly-allowed": NEWLY_ALLOWED, ...(undecided !== undefined && { undecided: UNDECIDED }) },
    findings: undecided === undefined ? findings : [undecidedFinding(undecided, located[0]?.name ?? "")],
    files: located,
    root: "The repository's root; of a named folder the current one, or where it lies outside of that itself.",
  });
}

const UNDECIDED = {
  level: "finding",
  what: "packets were not compared",
  why: "a place has more rules than are compared, so that nothing is known to be newly allowed or not",
  remedy: "Give the place fewer rules: one may name many ports, or a set of addresses.",
} as const;

function undecidedFinding(subject: string, file: string): SarifFinding {
  const { level, remedy } = UNDECIDED;
  const position = { file, line: 1, column: 1, pointer: "" };
  const message = `undecided: ${subject}: packets were not compared`;
  return { lint: "undecided", level, position, message, remedy, subject, related: [], count: 1 };
}

function findingOf(
  { from, to, flows, deviation }: ChangeGroup,
  places: number,
  positions: readonly Position[],
  file: string,
): SarifFinding {
  const [position = { file, line: 1, column: 1, pointer: "" }, ...related] = positions;
  const way = `${endsText(from, places)} to ${endsText(to, places)}`;
  const odd = deviation ? `, ${deviationText({ deviation })}` : "";
  const message = `newly allowed from ${way}${odd}: ${flows.join("; ")}`;
  const { level, remedy } = NEWLY_ALLOWED;
  return { lint: "newly-allowed", level, position, message, remedy, subject: message, related, count: 1 };
}

function version(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
