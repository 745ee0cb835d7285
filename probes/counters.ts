import { readFileSync } from "node:fs";
import type { Lab } from "../lab/lab.ts";
import { within } from "../lab/namespace.ts";
import type { Shell } from "../lab/process.ts";
import type { Account } from "./observation.ts";

/** Packet counts of all lines that end a packet's way, by `chain` and `rule`; of the node and of the gateway. */
export type Counters = ReadonlyMap<
  string,
  { readonly chain: string; readonly rule: string; readonly count: number }
>;

const GATEWAY_CHAIN = "gateway reverse path";

/* `[packets:bytes] -A CHAIN ... -j TARGET ...`, iptables-save(8) with counters. */
const COUNTED = /^\[(\d+):\d+\] -A (\S+) (.*)$/;
const ENDS = /-j (DROP|REJECT)\b/;
/* A probe is always a first packet. What conntrack calls INVALID is somebody's late answer, never a probe of ours. */
const INVALID = /--ctstate INVALID -j DROP/;

/** Reads the node's counters, through a shell that stands there, and the gateway's reverse path counter (`IPReversePathFilter`, ip-sysctl rp_filter). */
export async function readCounters(lab: Lab, node: Shell): Promise<Counters> {
  const text = await node.run("iptables-legacy-save -c -t filter");
  const counters = new Map<string, { chain: string; rule: string; count: number }>();
  for (const [index, line] of text.split("\n").entries()) {
    const [, count, chain = "", rule = ""] = COUNTED.exec(line) ?? [];
    if (count === undefined || !ENDS.test(rule) || INVALID.test(rule)) continue;
    counters.set(`${chain} ${index} ${rule}`, { chain, rule, count: Number(count) });
  }
  const rule = "IPReversePathFilter";
  counters.set(GATEWAY_CHAIN, { chain: GATEWAY_CHAIN, rule, count: reversePathDrops(lab) });
  return counters;
}

/** What the lines gained between two readings. */
export function gains(before: Counters, after: Counters): Account[] {
  return [...after].flatMap(([key, { chain, rule, count }]) => {
    const gain = count - (before.get(key)?.count ?? 0);
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
