import { readFileSync } from "node:fs";
import type { CountedRule, FilterCounters } from "../lab/filter-counters.ts";
import type { Lab } from "../lab/lab.ts";
import { within } from "../lab/namespace.ts";
import type { Account } from "./observation.ts";

/** What one line that ends a packet's way has counted; the gateway's counters know no bytes. */
export type Counted = Omit<CountedRule, "bytes" | "effect"> &
  Partial<Pick<CountedRule, "bytes">> &
  Pick<Account, "effect">;

/** Counts of all lines that end a packet's way, by `chain` and `rule`; of the node and of the gateway. */
export type Counters = ReadonlyMap<string, Counted>;

/** What a line gained; the bytes are those of the packets with their IP headers. */
export interface Gain extends Account {
  readonly bytes: number | undefined;
}

/** What the gateway counts of packets that it does not forward: ip-sysctl rp_filter, and a destination without a route. */
const GATEWAY = [
  { chain: "gateway reverse path", group: "TcpExt:", rule: "IPReversePathFilter", effect: "drop" },
  { chain: "gateway routes", group: "IpExt:", rule: "InNoRoutes", effect: "no-route" },
] as const;

/* What conntrack calls INVALID is somebody's late answer where probes open flows, a RST to one of them most often. */
const INVALID = /--ctstate INVALID -j DROP/;

/** Reads the node's counters, and the gateway's; what INVALID packets are counted by only where probes may be that. */
export async function readCounters(
  lab: Lab,
  node: FilterCounters,
  { isInvalidCounted = false }: { readonly isInvalidCounted?: boolean } = {},
): Promise<Counters> {
  const counters = new Map<string, Counted>();
  for (const [index, { effect, ...counted }] of (await node.read()).entries()) {
    if (!effect || (!isInvalidCounted && INVALID.test(counted.rule))) continue;
    counters.set(`${counted.chain} ${index} ${counted.rule}`, { ...counted, effect });
  }
  for (const counted of gatewayCounters(lab)) counters.set(counted.chain, counted);
  return counters;
}

/** What the gateway has counted of packets that it did not forward. */
export function gatewayCounters(lab: Lab): Counted[] {
  const text = within(lab, "gateway", () => readFileSync("/proc/thread-self/net/netstat", "utf8"));
  return GATEWAY.map(({ group, ...line }) => ({ ...line, count: countIn(text, group, line.rule) }));
}

/** What the lines gained between two readings; a line that was not there, or stood elsewhere, says nothing. */
export function gains(before: Counters, after: Counters): Gain[] {
  return [...after].flatMap(([key, { chain, rule, effect, count, bytes }]) => {
    const was = before.get(key);
    const gain = count - (was?.count ?? count);
    if (gain <= 0) return [];
    const gained = bytes === undefined ? undefined : bytes - (was?.bytes ?? 0);
    return [{ chain, rule, effect, gain, bytes: gained }];
  });
}

/* /proc/net/netstat: a line of names, then a line of values, per group. */
function countIn(text: string, group: string, name: string): number {
  const [names = [], values = []] = text
    .split("\n")
    .filter((line) => line.startsWith(group))
    .map((line) => line.split(" "));
  return Number(values[names.indexOf(name)] ?? 0);
}
