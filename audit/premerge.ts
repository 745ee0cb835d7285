import { z } from "zod";
import { EXIT } from "../errors.ts";
import { Result } from "./finding.ts";
import { Verdict } from "./run.ts";
import { ShownChange } from "./twice/shown.ts";
import { JudgedWaiver } from "./waive.ts";

/** One side of a change, and what `phx check` says of it. */
const CheckedSide = z.object({
  title: z.string(),
  /** The full id of a revision's commit. */
  commit: z.string().optional(),
  /** SHA-256 of the names and digests of its files, the servers' own too. */
  digest: z.string(),
  check: z.object({
    findings: z.number().int(),
    violated: z.array(z.string()),
    undecided: z.array(z.string()),
    exit: z.number().int(),
  }),
});
export type CheckedSide = z.infer<typeof CheckedSide>;

/** A control of HEAD's run; `waived`: it failed, and BASE waives it. */
const VerifiedControl = z.object({
  id: z.string(),
  title: z.string(),
  severity: z.string(),
  result: Result,
  summary: z.string(),
  waived: z.boolean(),
  durationMs: z.number().optional(),
});
export type VerifiedControl = z.infer<typeof VerifiedControl>;

/** The result of a change before it is merged. */
export const Premerge = z.object({
  format: z.literal("phoenix-conformance/premerge/1"),
  /** No key is known yet: whoever has the file may have changed it. */
  signature: z.literal("UNSIGNED"),
  command: z.string(),
  target: z.string(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
  base: CheckedSide,
  head: CheckedSide,
  verdict: z.object({
    word: Verdict,
    exit: z.number().int(),
    /** One sentence. */
    line: z.string(),
    /** Why it is no better, the worst first; each with the exit status that it alone would have. */
    reasons: z.array(z.object({ exit: z.number().int(), text: z.string() })),
  }),
  /** What `phx diff --format json` prints. */
  difference: z.unknown(),
  shown: z.array(ShownChange),
  /** HEAD's run, in the same folder as run.json and report.html. */
  run: z.object({ id: z.string(), line: z.string(), exit: z.number().int() }),
  controls: z.array(VerifiedControl),
  waivers: z.array(JudgedWaiver),
  notTested: z.array(z.string()),
});
export type Premerge = z.infer<typeof Premerge>;

/** What a verdict rests on. */
export interface Grounds extends Pick<Premerge, "shown" | "controls" | "head"> {
  /** Why packets were not compared. */
  readonly undecided?: string | undefined;
  /** What is newly allowed without an approval, a line each. */
  readonly unapproved: readonly string[];
  readonly run: { readonly word: Verdict; readonly line: string; readonly faults: readonly string[] };
  /** Controls that BASE waives, whether by files or by packets they fail. */
  readonly waived: readonly string[];
}

const PRECEDENCE = [EXIT.harnessFault, EXIT.findings, EXIT.inconclusive] as const;

/** Harness faults, then findings, then what nobody could tell; else as good as HEAD's own run. */
export function premergeVerdict(grounds: Grounds): Premerge["verdict"] {
  const { run } = grounds;
  const reasons = PRECEDENCE.flatMap((exit) => reasonsOf(exit, grounds).map((text) => ({ exit, text })));
  const [worst] = reasons;
  if (!worst) {
    const line = `${run.word}: nothing is newly allowed without approval, and HEAD verifies (${run.line})`;
    return { word: run.word, exit: EXIT.conformant, line, reasons };
  }
  const word = reasons.some(({ exit }) => exit === EXIT.findings) ? "FAIL" : "INCOMPLETE";
  const more = reasons.length > 1 ? ` (and ${reasons.length - 1} more)` : "";
  return { word, exit: worst.exit, line: `${word}: ${worst.text}${more}`, reasons };
}

function reasonsOf(exit: (typeof PRECEDENCE)[number], grounds: Grounds): readonly string[] {
  switch (exit) {
    case EXIT.harnessFault:
      return grounds.run.faults;
    case EXIT.findings:
      return findings(grounds);
    case EXIT.inconclusive:
      return openEnds(grounds);
  }
}

function findings({ unapproved, shown, head, controls, waived }: Grounds): readonly string[] {
  const { check } = head;
  const violated = check.violated.filter((id) => !waived.includes(id));
  return [
    ...unapproved.map((what) => `newly allowed, and nobody approved it on BASE: ${what}`),
    ...ofResult(shown, "refuted").map((what) => `packets do otherwise than the files say: ${what}`),
    ...(violated.length > 0 ? [`HEAD's files violate ${violated.join(", ")}`] : []),
    ...(check.findings > 0 ? [`phx check finds ${check.findings} in HEAD's files`] : []),
    ...controls
      .filter(({ result, waived: isWaived }) => result === "fail" && !isWaived)
      .map(({ id, summary }) => `${id} failed on HEAD: ${summary}`),
  ];
}

function openEnds({ undecided, shown, head, controls, run }: Grounds): readonly string[] {
  const open = controls.filter(({ result }) => OPEN.has(result)).map(({ id, result }) => `${id} ${result}`);
  return [
    ...(undecided === undefined ? [] : [`packets were not compared: ${undecided}`]),
    ...ofResult(shown, "untold").map((what) => `packets could not show it: ${what}`),
    ...(head.check.undecided.length > 0
      ? [`of HEAD's files undecided: ${head.check.undecided.join(", ")}`]
      : []),
    ...(open.length > 0 ? [`no result on HEAD: ${open.join(", ")}`] : []),
    ...(controls.length === 0 ? [`HEAD's run has no control in scope: ${run.line}`] : []),
  ];
}

const OPEN: ReadonlySet<Result> = new Set<Result>(["inconclusive", "error", "notrun"]);

function ofResult(shown: readonly ShownChange[], wanted: ShownChange["result"]): readonly string[] {
  return shown
    .filter(({ result }) => result === wanted)
    .map(({ way, flows, pairs, untested }) => {
      const why = pairs
        .flatMap(({ base, head }) => [base, head])
        .find(({ result }) => result === wanted)?.reason;
      return `${way} ${flows.join("; ")}: ${why ?? (untested.join("; ") || "it was not asked")}`;
    });
}
