import { z } from "zod";
import type { Exceptions } from "../policy/approval.ts";
import type { Check, Finding } from "./finding.ts";
import type { Run } from "./run.ts";

type Waiver = Exceptions["waivers"][number];

/** A waiver of BASE's conformance.json, and what it came to: only one that is `used` covers anything. */
export const JudgedWaiver = z.object({
  control: z.string(),
  guest: z.string().optional(),
  owner: z.string(),
  reason: z.string(),
  ticket: z.string(),
  expires: z.string(),
  state: z.enum(["used", "unused", "expired", "too long"]),
});
export type JudgedWaiver = z.infer<typeof JudgedWaiver>;

const DAY_MS = 86_400_000;
/** No waiver holds for longer from now on; of a critical control, a shorter while. */
const MOST_DAYS = { critical: 14, other: 90 } as const;

/** The run that is judged, as far as waivers go. */
type Judged = Pick<Run, "controls" | "findings" | "observations">;

/**
 * Which waivers hold as of `now`, and the ids of failed controls that they cover together. One for a guest covers what is of that
 * guest alone: a check whose packets all went to it, or whose place in the files is its own.
 */
export function judgeWaivers(
  waivers: readonly Waiver[],
  run: Judged,
  now: Date,
): {
  readonly waivers: readonly JudgedWaiver[];
  readonly waived: readonly string[];
  /** Controls of which all is waived, whoever finds that they fail. */
  readonly whole: readonly string[];
} {
  const states = waivers.map((waiver) => ({ waiver, state: stateOf(waiver, run, now) }));
  const holding = states.flatMap(({ waiver, state }) => (state === "unused" ? [waiver] : []));
  const used = new Set<Waiver>();
  const waived = run.findings
    .filter(({ result }) => result === "fail")
    .flatMap((finding) => {
      const own = holding.filter(({ control }) => control === finding.control);
      const covering = covered(finding, own, run);
      for (const each of covering ?? []) used.add(each);
      return covering ? [finding.control] : [];
    });
  const judged = states.map(({ waiver, state }): JudgedWaiver => {
    const { position: _position, ...rest } = waiver;
    return { ...rest, state: used.has(waiver) ? "used" : state };
  });
  const whole = holding.flatMap(({ control, guest }) => (guest === undefined ? [control] : []));
  return { waivers: judged, waived, whole };
}

function stateOf(
  { control, expires }: Waiver,
  { controls }: Judged,
  now: Date,
): "unused" | "expired" | "too long" {
  const left = new Date(expires).getTime() - now.getTime();
  if (left <= 0) return "expired";
  const severity = controls.find(({ id }) => id === control)?.severity;
  const most = severity === "critical" ? MOST_DAYS.critical : MOST_DAYS.other;
  return left > most * DAY_MS ? "too long" : "unused";
}

/** The waivers that cover each failed check of a finding; undefined where one is left. */
function covered(
  { checks }: Finding,
  waivers: readonly Waiver[],
  run: Judged,
): readonly Waiver[] | undefined {
  const [whole] = waivers.filter(({ guest }) => guest === undefined);
  if (whole) return [whole];
  const failed = checks.filter(({ result }) => result === "fail");
  const found = failed.map((check) => waivers.find(({ guest }) => guest === guestOf(check, run)));
  if (failed.length === 0 || found.includes(undefined)) return undefined;
  return found.filter((waiver) => waiver !== undefined);
}

/** The one guest that a check is of. */
function guestOf({ evidence, declared }: Check, { observations }: Judged): string | undefined {
  const own = observations.filter(({ id, kind }) => kind === "packets" && evidence.includes(id));
  const [to, ...others] = new Set(own.map((seen) => seen.to));
  if (to !== undefined) return others.length === 0 && /^\d+$/.test(to) ? to : undefined;
  return /^\/lxc_configs\/(\d+)(?:\/|$)/.exec(declared?.pointer ?? "")?.[1];
}
