import type { Estate } from "../policy/estate.ts";
import type { Observation, PacketObservation, ServiceObservation } from "../probes/observation.ts";
import type { Probe } from "../probes/probe.ts";
import type { Check, Finding, Result } from "./finding.ts";
import { provedFor } from "./operator.ts";

/** What a control probes and how it is judged: it stands here once, whoever runs it. */
export interface Control {
  readonly id: string;
  /**
   * Its probes converge, disturb the network or wait for long: it is proved in a lab of its own, made for it alone, so that no other
   * control sees its disturbance. Out of scope where a standing lab is only probed.
   */
  readonly disturbs?: true;
  /** What one that disturbs waits for, where that takes most of a minute: it is started before all others. */
  readonly waits?: string;
  /** Where the statement asks for more than is probed: what is. */
  readonly sampled?: (estate: Estate, seen: Observations) => string | undefined;
  readonly probes: (estate: Estate) => readonly Probe[];
  readonly judge: (estate: Estate, seen: Observations) => readonly Check[];
  /** Facts that the report states beside the verdict. */
  readonly notes?: (estate: Estate, seen: Observations) => readonly string[];
}

/** What was observed, by the id of the probe. */
export class Observations {
  readonly #byId: ReadonlyMap<string, Observation>;

  constructor(all: readonly Observation[]) {
    this.#byId = new Map(all.map((observation) => [observation.id, observation]));
  }

  /** The observation of a packet probe; a TypeError where it was not made: a defect of the runner. */
  packets(id: string): PacketObservation {
    const found = this.#byId.get(id);
    if (found?.kind !== "packets") throw new TypeError(`no packet observation ${id}`);
    return found;
  }

  /** Those of some packet probes, in their order. */
  packetsOf(probes: readonly Pick<Probe, "id">[]): PacketObservation[] {
    return probes.map(({ id }) => this.packets(id));
  }

  service(id: string): ServiceObservation {
    const found = this.#byId.get(id);
    if (!found || found.kind === "packets") throw new TypeError(`no service observation ${id}`);
    return found;
  }
}

/** How bad a result is: the worst of a control's checks is the control's. */
const ORDER: readonly Result[] = ["fail", "error", "inconclusive", "notrun", "pass", "notapplicable"];

/** A control's checks become its finding. No check at all is no pass. */
export function conclude(control: Control, estate: Estate, seen: Observations): Finding {
  const checks = [...control.judge(estate, seen)];
  const result = checks.length ? worst(checks.map((check) => check.result)) : "inconclusive";
  const bad = checks.filter((check) => check.result === result && result !== "pass");
  const [first] = bad;
  const summary = first
    ? `${first.title}: ${first.reason ?? first.observed}${bad.length > 1 ? ` (and ${bad.length - 1} more)` : ""}`
    : checks.length
      ? `${checks.length} ${checks.length === 1 ? "check" : "checks"}, all as declared`
      : "nothing to check: the declaration has no case of this";
  const sampled = control.sampled?.(estate, seen);
  const notes = control.notes?.(estate, seen) ?? [];
  const proved = provedFor(estate, control.id);
  return {
    control: control.id,
    result,
    summary,
    checks,
    ...(sampled ? { sampled } : {}),
    ...(proved.length ? { provedFor: proved } : {}),
    ...(notes.length ? { notes: [...notes] } : {}),
  };
}

function worst(results: readonly Result[]): Result {
  return ORDER.find((result) => results.includes(result)) ?? "inconclusive";
}
