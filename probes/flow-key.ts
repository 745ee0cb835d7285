import { z } from "zod";

/**
 * An IP protocol and, where it has one, the destination port or ICMP type: `tcp/443`, `sctp/2905`, `icmp/8`, `ip/47`.
 * Consecutive ports fold into one key: `tcp/1-79`.
 */
export const FlowKey = z.string().regex(/^(tcp|udp|icmp|sctp|dccp|udplite)\/\d+(-\d+)?$|^ip\/\d+$/);
export type FlowKey = z.infer<typeof FlowKey>;

export interface FlowKeyParts {
  readonly proto: "tcp" | "udp" | "sctp" | "dccp" | "udplite" | "icmp" | "ip";
  readonly first: number;
  readonly last: number;
}

/** The parts of a key; `last` is `first` where it is no range. */
export function parseFlowKey(key: FlowKey): FlowKeyParts {
  const [proto = "", numbers = ""] = key.split("/");
  const [first = 0, last = first] = numbers.split("-").map(Number);
  return { proto: proto as FlowKeyParts["proto"], first, last };
}

/** One key for each single flow. */
export function expandFlowKeys(keys: readonly FlowKey[]): FlowKey[] {
  return keys.flatMap((key) => {
    const { proto, first, last } = parseFlowKey(key);
    return Array.from({ length: last - first + 1 }, (_, index) => `${proto}/${first + index}`);
  });
}

/** How many single flows the keys stand for. */
export function countFlows(keys: readonly FlowKey[]): number {
  return keys.reduce((sum, key) => {
    const { first, last } = parseFlowKey(key);
    return sum + last - first + 1;
  }, 0);
}

/** The same flows in order, consecutive numbers of one protocol folded. */
export function foldFlowKeys(keys: readonly FlowKey[]): FlowKey[] {
  const numbers = Map.groupBy(keys.map(parseFlowKey), ({ proto }) => proto);
  return [...numbers].flatMap(([proto, parts]) => {
    const runs: { first: number; last: number }[] = [];
    for (const { first, last } of [...parts].sort((a, b) => a.first - b.first)) {
      const run = runs.at(-1);
      if (proto !== "ip" && run && first <= run.last + 1) run.last = Math.max(run.last, last);
      else runs.push({ first, last });
    }
    return runs.map(({ first, last }) =>
      first === last ? `${proto}/${first}` : `${proto}/${first}-${last}`,
    );
  });
}
