import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type CheckedSide, Premerge, premergeVerdict, type VerifiedControl } from "../audit/premerge.ts";
import type { Run } from "../audit/run.ts";
import { askTwice, type ChangeAsked } from "../audit/twice/ask.ts";
import type { Estates } from "../audit/twice/ends.ts";
import { judgeTwice } from "../audit/twice/judge.ts";
import type { ShownChange, SideShown } from "../audit/twice/shown.ts";
import { judgeWaivers } from "../audit/waive.ts";
import { EXIT, HarnessError } from "../errors.ts";
import { differences, snapshotRoot } from "../lab/isolation.ts";
import { unapproved } from "../policy/diff/diff.ts";
import { groupChanges } from "../policy/diff/group.ts";
import { SIDES, type SideName } from "../policy/diff/hops.ts";
import type { Estate } from "../policy/estate.ts";
import { asciiJson } from "../reports/ascii-json.ts";
import { type DiffInput, wayText } from "../reports/diff-words.ts";
import { renderPremergeJunit } from "../reports/premerge-junit.ts";
import { renderPremergeMarkdown } from "../reports/premerge-markdown.ts";
import { shown as shownText } from "../reports/text.ts";
import { parseArguments, usage } from "./arguments.ts";
import { checkOf, checkSarif, exitOf } from "./check.ts";
import { countsOf } from "./check-text.ts";
import { jsonOf } from "./diff.ts";
import { sarifOf } from "./diff-sarif.ts";
import { EXPECTED, readSides, type Side } from "./diff-sides.ts";
import { compared, governed } from "./governed-side.ts";
import { type EndedRun, runToEnd } from "./playwright.ts";
import { filesOf } from "./premerge-files.ts";
import { askSide, seenOf, type SideSeen, type Watched } from "./premerge-lab.ts";
import { premergeSarif } from "./premerge-sarif.ts";
import { notTested } from "./premerge-tested.ts";
import { setup } from "./setup.ts";
import { scopeOf } from "./verify.ts";

export const help = `usage: phx premerge BASE HEAD [flags]
       phx premerge BASE..HEAD|BASE...HEAD|BASE [flags] [-- PATH]

Proves a change before it is merged. Checks both sides, says what the change lets through and what no more, sends packets of
it in a lab of BASE and in one of HEAD, and verifies HEAD. What is newly allowed was seen to be dropped on BASE and to arrive
on HEAD; what nobody can tell is a result of its own, and never green. Approvals and waivers count as they stand in BASE's
conformance.json: a change can't approve itself. BASE and HEAD are those of 'phx diff', of Phoenix files. Needs root.

flags:
  --target NAME    where HEAD is verified: namespaces (default)
  --controls LIST  of HEAD's verification, controls or families: EDGE, RTE-002 (default: all); told under "not tested"
  --undisturbed    leave out the controls that restart servers or wait for a renewal
  --out DIR        a new or an empty folder for the result (default: a folder of its own in reports/out)
  --help           this text

Into the folder it writes premerge.md (a comment for a pull request of at most 65,536 characters), premerge.json, results.sarif
(SARIF 2.1.0), junit.xml, and HEAD's run: run.json and report.html. There is no key yet: the result is marked UNSIGNED.

exit status: 0 nothing is newly allowed without approval and HEAD verifies, 1 a finding, 2 bad input, 3 harness or environment
fault, 4 could not tell

example:
  sudo ./phx premerge main..HEAD --undisturbed -- etc
`;

const WORDS = `${EXPECTED.replace(" [-- PATH]", "")} [--target NAME] [--controls LIST] [--undisturbed] [--out DIR] [-- PATH]`;
const OPTIONS = {
  target: { type: "string" },
  controls: { type: "string" },
  undisturbed: { type: "boolean" },
  out: { type: "string" },
} as const;

/** Where HEAD can be verified; the word goes to its run as it is. */
const TARGETS: readonly string[] = ["namespaces"];

export async function run(args: string[]): Promise<number> {
  const startedAt = new Date();
  const asked = askedFor(args);
  const [base, head] = asNamed(() => readSides(asked.words, asked.path));
  const estates = { base: estateOf("BASE", base), head: estateOf("HEAD", head) };
  if (isOne(base, head))
    throw usage("premerge", "two sides that differ", `${base.title} and ${head.title}: one`);
  const [was, is] = [governed("BASE", base), governed("HEAD", head)];
  const input = compared([base, was], [head, is]);
  const checks = { base: checkOf(base.declaration), head: checkOf(head.declaration) };
  if (asked.out !== undefined) requireEmpty(asked.out);
  await setup();
  const { shown, files } = await showTwice(estates, input);
  const ended = await verifyHead(head, {
    ...asked,
    command: ["./phx premerge", ...args].join(" "),
    startedAt,
  });
  if (!ended.written) return ended.exit;
  const { run: verified, folder } = ended.written;
  const { waivers, waived, whole } = judgeWaivers(was.exceptions.waivers, verified, new Date());
  const controls = controlsOf(verified, waived);
  const sides = { base: checkedSide(base, checks.base), head: checkedSide(head, checks.head) };
  const verdict = premergeVerdict({
    shown,
    controls,
    head: sides.head,
    undecided: input.diff.undecided,
    unapproved: unapprovedText(input),
    run: { ...verified.verdict, faults: verified.faults },
    waived: [...waived, ...whole],
  });
  const premerge = Premerge.parse({
    format: "phoenix-conformance/premerge/1",
    signature: "UNSIGNED",
    command: verified.command,
    target: asked.target,
    startedAt: startedAt.toISOString(),
    endedAt: new Date().toISOString(),
    ...sides,
    verdict,
    difference: JSON.parse(asciiJson(jsonOf(input))) as unknown,
    shown,
    run: { id: verified.id, line: verified.verdict.line, exit: verified.verdict.exit },
    controls,
    waivers: [...waivers],
    notTested: notTested(verified, input.diff, shown, estates),
  });
  const located = { files: is.files, below: head.below };
  const sarif = premergeSarif(premerge, verified, {
    difference: sarifOf(input, located),
    check: checkSarif(checks.head),
    below: head.below,
  });
  const written: Readonly<Record<string, string | Buffer>> = {
    ...files,
    "premerge.md": renderPremergeMarkdown(premerge, input),
    "results.sarif": `${asciiJson(sarif)}\n`,
    "junit.xml": renderPremergeJunit(premerge),
    "premerge.json": `${asciiJson(premerge)}\n`,
  };
  for (const [name, content] of Object.entries(written)) writeFileSync(join(folder, name), content);
  process.stdout.write(
    `\n${shownText(verdict.line, 4000)}\nresult  ${join(folder, "premerge.md")} (UNSIGNED)\n`,
  );
  return verdict.exit;
}

function askedFor(args: readonly string[]) {
  const dashes = args.indexOf("--");
  const [before, paths] = dashes < 0 ? [args, []] : [args.slice(0, dashes), args.slice(dashes + 1)];
  const { values, positionals } = parseArguments(
    "premerge",
    WORDS,
    { args: [...before], options: OPTIONS },
    2,
  );
  if (paths.length > 1 || paths[0] === "")
    throw usage("premerge", "one PATH behind --", paths.join(" ") || "an empty one");
  const { target = "namespaces", out } = values;
  if (!TARGETS.includes(target))
    throw usage("premerge", `--target ${TARGETS.join("|")}`, `--target ${target}`);
  const undisturbed = values.undisturbed === true;
  const controls = scopeOf("premerge", values.controls, undisturbed);
  return {
    words: positionals,
    path: paths[0],
    target,
    undisturbed,
    ...(controls && { controls }),
    ...(out !== undefined && { out: resolve(out) }),
  };
}

/** Faults that name the verb by which sides are usually read. */
function asNamed<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof HarnessError) || !error.detail.subject.startsWith("phx diff")) throw error;
    const { code, detail } = error;
    const named = (text: string) => text.replaceAll("phx diff", "phx premerge");
    const remedy = detail.remedy === undefined ? {} : { remedy: named(detail.remedy) };
    throw new HarnessError(code, { ...detail, subject: named(detail.subject), ...remedy }, { cause: error });
  }
}

function estateOf(name: string, { title, declaration }: Side): Estate {
  if (declaration.kind === "phoenix") return declaration.estate;
  throw usage(
    "premerge",
    "Phoenix files, of which a lab can be built",
    `${name} ${title}: Proxmox's own files`,
  );
}

/** One commit and folder, or one folder of the disk. */
function isOne(base: Side, head: Side): boolean {
  if (base.commit !== head.commit) return false;
  return base.commit === undefined
    ? resolve(base.declaration.folder) === resolve(head.declaration.folder)
    : base.below === head.below;
}

function requireEmpty(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const [first] = readdirSync(folder);
  if (first !== undefined)
    throw usage("premerge", "--out to be a new or an empty folder", `one that holds ${first}`);
}

type Written = Readonly<Record<string, Buffer>>;

/** What packets showed of each change, in a lab of either side, one after the other; and the frames of some. */
async function showTwice(
  estates: Estates,
  { diff, places }: DiffInput,
): Promise<{ readonly shown: ShownChange[]; readonly files: Written }> {
  const asked = diff.packets.map((change, index) => askTwice(estates, change, index));
  if (asked.every(({ pairs }) => pairs.length === 0))
    return { shown: asked.map((each) => judgedOf(estates, each, places, NOBODY)), files: {} };
  const before = snapshotRoot();
  const seen = {
    base: await askSide("base", estates.base, asked),
    head: await askSide("head", estates.head, asked),
  };
  requireIsolation(differences(before, snapshotRoot()));
  const shown = asked.map((each) => judgedOf(estates, each, places, seen));
  const files = SIDES.flatMap((side) => [...seen[side].watched.values()].flatMap((each) => each.files));
  return { shown, files: Object.fromEntries(files.map(({ name, bytes }) => [name, bytes])) };
}

type BothSeen = Readonly<Record<SideName, SideSeen>>;
const NOBODY: BothSeen = {
  base: { observations: [], watched: new Map() },
  head: { observations: [], watched: new Map() },
};

function requireIsolation(found: readonly string[]): void {
  if (found.length === 0) return;
  const expected = "the root namespace as it was";
  throw new HarnessError("isolation-broken", { subject: "phx premerge", expected, actual: found.join("; ") });
}

function judgedOf(estates: Estates, asked: ChangeAsked, places: number, seen: BothSeen): ShownChange {
  const judged = judgeTwice(estates, asked, wayText(asked.change, places), seenOf(seen));
  const watchedOf = (side: SideName, at: number, own: SideShown): SideShown => {
    const pair = asked.pairs[at];
    const watched: Watched | undefined = pair && seen[side].watched.get(pair);
    return watched ? { ...own, live: [...watched.live], frames: watched.files.map(({ name }) => name) } : own;
  };
  const pairs = judged.pairs.map((pair, at) => ({
    ...pair,
    base: watchedOf("base", at, pair.base),
    head: watchedOf("head", at, pair.head),
  }));
  return { ...judged, pairs };
}

/** What HEAD's run is asked for, as the verb was. */
interface HeadOrder {
  readonly target: string;
  readonly command: string;
  readonly startedAt: Date;
  readonly undisturbed: boolean;
  readonly controls?: readonly string[];
  readonly out?: string;
}

/** The one place that says where HEAD is verified. */
async function verifyHead(head: Side, { target: _target, ...order }: HeadOrder): Promise<EndedRun> {
  using files = filesOf(head);
  const { command, startedAt, undisturbed, controls, out } = order;
  // Awaited: the files are gone when this returns.
  return await runToEnd({
    mode: "verify",
    command,
    estate: files.path,
    undisturbed,
    ...(controls && { controls }),
    ...(out !== undefined && { out }),
    startedAt,
    timings: [
      { step: "check, compare and show the change twice", durationMs: Date.now() - startedAt.getTime() },
    ],
  });
}

function controlsOf({ controls, findings }: Run, waived: readonly string[]): VerifiedControl[] {
  return controls
    .filter(({ scope }) => scope === "selected")
    .map(({ id, title, severity }) => {
      const found = findings.find(({ control }) => control === id);
      const {
        result = "notrun",
        summary = "in scope, and the run has no result for it",
        durationMs,
      } = found ?? {};
      const took = durationMs === undefined ? {} : { durationMs };
      return { id, title, severity, result, summary, waived: waived.includes(id), ...took };
    });
}

function checkedSide({ title, commit, declaration }: Side, checked: ReturnType<typeof checkOf>): CheckedSide {
  const proofs = checked.proofs ?? [];
  const own = declaration.kind === "phoenix" ? declaration.estate : undefined;
  const files = [...(own?.files ?? []), ...(own?.operator?.files ?? [])];
  const lines = files.map(({ name, sha256 }) => `${name} ${sha256}\n`).join("");
  const isOpen = !checked.complete && exitOf(checked) === EXIT.inconclusive;
  return {
    title,
    ...(commit !== undefined && { commit }),
    digest: createHash("sha256").update(lines).digest("hex"),
    check: {
      findings: countsOf(checked).counts.findings,
      violated: proofs.filter(({ violations }) => violations.length > 0).map(({ control }) => control),
      undecided: [
        ...proofs
          .filter(({ violations, undecided }) => violations.length === 0 && undecided !== undefined)
          .map(({ control }) => control),
        ...(isOpen ? ["rules that were not compared"] : []),
      ],
      exit: exitOf(checked),
    },
  };
}

function unapprovedText({ diff, places }: DiffInput): readonly string[] {
  return groupChanges(unapproved(diff)).map(
    (group) => `${wayText(group, places)}: ${group.flows.join("; ")}`,
  );
}
