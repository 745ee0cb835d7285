import { readFileSync } from "node:fs";
import type { FilterCounters } from "../lab/filter-counters.ts";
import type { Lab } from "../lab/lab.ts";
import { within } from "../lab/namespace.ts";
import type { Account } from "./observation.ts";

/** Packet counts of all lines that end a packet's way, by `chain` and `rule`; of the node and of the gateway. */
export type Counters = ReadonlyMap<
  string,
  { readonly chain: string; readonly rule: string; readonly count: number }
>;

const GATEWAY_CHAIN = "gateway reverse path";

const ENDS = /-j (DROP|REJECT)\b/;
/* A probe is always a first packet. What conntrack calls INVALID is somebody's late answer, never a probe of ours. */
const INVALID = /--ctstate INVALID -j DROP/;

/** Reads the node's counters, and the gateway's reverse path counter (`IPReversePathFilter`, ip-sysctl rp_filter). */
export async function readCounters(lab: Lab, node: FilterCounters): Promise<Counters> {
  const counters = new Map<string, { chain: string; rule: string; count: number }>();
  for (const [index, counted] of (await node.read()).entries()) {
    if (!ENDS.test(counted.rule) || INVALID.test(counted.rule)) continue;
    counters.set(`${counted.chain} ${index} ${counted.rule}`, counted);
  }
  const rule = "IPReversePathFilter";
  counters.set(GATEWAY_CHAIN, { chain: GATEWAY_CHAIN, rule, count: reversePathDrops(lab) });
  return counters;
}

/** What the lines gained between two readings; a line that was not there, or stood elsewhere, says nothing. */
export function gains(before: Counters, after: Counters): Account[] {
  return [...after].flatMap(([key, { chain, rule, count }]) => {
    const gain = count - (before.get(key)?.count ?? count);
    if (gain <= 0) return [];
    const effect = rule.includes("-j REJECT") ? ("reject" as const) : ("drop" as const);
    return [{ chain, rule, effect, gain }];
  });
}

/* /proc/net/netstat: a line of names, then a line of values, per group. */
function reversePathDrops(lab: Lab): number {
  const lines = within(lab, "gateway", () => readFileSync("/proc/thread-self/net/netstat", "utf8")).split(
    "\n",
  );
  const names = lines.find((line) => line.startsWith("TcpExt:"))?.split(" ") ?? [];
  const values = lines.filter((line) => line.startsWith("TcpExt:"))[1]?.split(" ") ?? [];
  return Number(values[names.indexOf("IPReversePathFilter")] ?? 0);
}
