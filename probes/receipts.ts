import { existsSync, readFileSync } from "node:fs";
import { outside } from "../lab/lab.ts";
import type { ProbeContext } from "./context.ts";
import type { Observation, ServiceObservation } from "./observation.ts";
import type { ReceiptsProbe } from "./probe.ts";

interface Receipt {
  readonly canary: string;
  readonly guest: string;
  /** `10.0.0.101:9443`. */
  readonly to: string;
  readonly from: string;
  readonly method: string;
  readonly path: string;
}

/**
 * What the backends themselves kept of the canaries of other probes: under each probe's id a fact, a line `GUEST ADDRESS:PORT
 * from PEER: METHOD PATH` for each receipt. They keep a request before they answer it.
 */
export function observeReceipts(
  { lab, receipts }: ProbeContext,
  { id, from, of }: ReceiptsProbe,
  made: readonly Observation[],
): ServiceObservation {
  const path = outside(lab, receipts);
  const kept = existsSync(path) ? readFileSync(path, "utf8").split("\n").filter(Boolean) : [];
  const all = kept.map((line) => JSON.parse(line) as Receipt);
  const facts = Object.fromEntries(
    of.map((probe, index) => {
      const { facts: known = {} } = (made[index] ?? {}) as Partial<ServiceObservation>;
      const canary = String(known["canary"] ?? "");
      return [probe, canary ? all.filter((each) => each.canary.includes(canary)).map(inWords) : []];
    }),
  );
  const received = Object.values(facts).filter((lines) => lines.length > 0).length;
  return {
    kind: "record",
    id,
    from,
    to: receipts,
    request: `receipts of ${of.length} canaries`,
    outcome: "answered",
    answer: `${received} of ${of.length} arrived at a backend`,
    facts,
  };
}

function inWords({ guest, to, from, method, path }: Receipt): string {
  return `${guest} ${to} from ${from}: ${method} ${path}`;
}
