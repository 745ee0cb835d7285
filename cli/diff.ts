import { EXIT } from "../errors.ts";
import { unapproved } from "../policy/diff/diff.ts";
import { inOrder } from "../policy/diff/group.ts";
import type { PacketChange } from "../policy/diff/packet-changes.ts";
import { asciiJson } from "../reports/ascii-json.ts";
import { renderDiffMarkdown } from "../reports/diff-markdown.ts";
import { renderDiffText } from "../reports/diff-text.ts";
import { type DiffInput, pairsOf } from "../reports/diff-words.ts";
import { renderSarif } from "../reports/sarif.ts";
import { parseArguments, usage } from "./arguments.ts";
import { type Located, sarifOf } from "./diff-sarif.ts";
import { EXPECTED, readSides } from "./diff-sides.ts";
import { compared, governed } from "./governed-side.ts";

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
  const input = compared([base, was], [head, is]);
  const { diff } = input;
  process.stdout.write(print(input, { files: is.files, below: head.below }));
  if (diff.undecided !== undefined) {
    process.stderr.write(`phx: undecided: ${diff.undecided}; packets were not compared\n`);
    return EXIT.inconclusive;
  }
  return unapproved(diff).length > 0 ? EXIT.findings : EXIT.conformant;
}

const PRINTERS: Readonly<Record<string, (input: DiffInput, head: Located) => string>> = {
  text: renderDiffText,
  markdown: renderDiffMarkdown,
  json: (input) => `${asciiJson(jsonOf(input))}\n`,
  sarif: (input, head) => `${asciiJson(renderSarif(sarifOf(input, head)))}\n`,
};

/** A difference as a value that prints as JSON. */
export function jsonOf({ diff, base, head }: DiffInput): unknown {
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
