import { type FlowKey, foldFlowKeys, parseFlowKey } from "../probes/flow-key.ts";

/** Flow keys for a reader, ports in order and runs of ports folded: `tcp/22, 53, 79–81 · udp/53 · icmp/8`. */
export function flowList(keys: readonly FlowKey[]): string {
  const byProtocol = Map.groupBy(foldFlowKeys(keys).map(parseFlowKey), ({ proto }) => proto);
  const groups = [...byProtocol].sort(([a], [b]) => rank(a) - rank(b));
  const words = ({ first, last }: { first: number; last: number }) =>
    first === last ? `${first}` : `${first}–${last}`;
  return groups.map(([protocol, parts]) => `${protocol}/${parts.map(words).join(", ")}`).join(" · ");
}

function rank(protocol: string): number {
  const index = ["tcp", "udp", "icmp", "ip"].indexOf(protocol);
  return index < 0 ? 9 : index;
}
