import type { ProbeContext } from "./context.ts";
import type { ServiceObservation } from "./observation.ts";
import type { TrialProbe } from "./probe.ts";

/** Does a trial in a lab that was made for it; in any other nothing is done, and nothing known. */
export async function observeTrial(
  { attempt }: Pick<ProbeContext, "attempt">,
  probe: TrialProbe,
): Promise<ServiceObservation> {
  const { id, from, trial } = probe;
  const common = { kind: "trial", id, from } as const;
  if (attempt) return { ...common, ...(await attempt(probe)) };
  const reason = "this lab is not one to be disturbed";
  return {
    ...common,
    to: "the lab",
    request: trial,
    outcome: "unknown",
    answer: "not run",
    reason,
    facts: {},
  };
}
