import type { Check } from "./finding.ts";

/** A service's answer as a check: unknown is inconclusive, silence or a wrong answer fails. */
export function serviceCheck(outcome: string, good: boolean, check: Omit<Check, "result">): Check {
  const { reason, ...rest } = check;
  if (good) return { ...rest, result: "pass" };
  const result = outcome === "unknown" ? "inconclusive" : "fail";
  return {
    ...rest,
    result,
    ...(reason ? { reason } : {}),
    ...(result === "fail" ? { disagreement: "converge fault" } : {}),
  };
}
