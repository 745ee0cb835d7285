import { type AddressSet, setHolds } from "./address-set.ts";
import type { ConntrackState } from "./flow.ts";
import { type Family, type IpSpan, spansHold } from "./ip.ts";
import type { Packet } from "./packet.ts";

/** Ports from `first` to `last`, both included. */
export interface PortSpan {
  readonly first: number;
  readonly last: number;
}

/** The conditions of one iptables rule: all that are given must hold, inside a list one suffices. */
export interface Match {
  /** Absent: the rule is compiled for both families. */
  readonly family?: Family;
  readonly proto?: number;
  readonly sources?: readonly IpSpan[];
  readonly dests?: readonly IpSpan[];
  readonly sourceSet?: AddressSet;
  readonly destSet?: AddressSet;
  /** Only a packet whose source is not in it. */
  readonly notSourceSet?: AddressSet;
  /** Only a packet of another MAC, lower case; one without is the NIC's own. */
  readonly notMac?: string;
  readonly sports?: readonly PortSpan[];
  readonly dports?: readonly PortSpan[];
  readonly icmpTypes?: readonly number[];
  readonly icmpCode?: number;
  readonly states?: readonly ConntrackState[];
  /** The bridge (or lo) by which the packet enters the host, or leaves it. */
  readonly device?: string;
}

/** Whether a rule with these conditions sees this packet as its own; `device` is the hook's interface. */
export function matches(match: Match, packet: Packet, device: string): boolean {
  return (
    (match.proto === undefined || match.proto === packet.proto) &&
    (match.family === undefined || match.family === packet.family) &&
    (match.dports === undefined || portsHold(match.dports, packet.dport)) &&
    (match.sources === undefined || spansHold(match.sources, packet.source)) &&
    (match.dests === undefined || spansHold(match.dests, packet.dest)) &&
    (match.sourceSet === undefined || setHolds(match.sourceSet, packet.family, packet.source)) &&
    (match.destSet === undefined || setHolds(match.destSet, packet.family, packet.dest)) &&
    (match.notSourceSet === undefined || !setHolds(match.notSourceSet, packet.family, packet.source)) &&
    (match.notMac === undefined || (packet.mac ?? match.notMac) !== match.notMac) &&
    (match.sports === undefined || portsHold(match.sports, packet.sport)) &&
    (match.icmpTypes === undefined || match.icmpTypes.includes(packet.icmpType)) &&
    (match.icmpCode === undefined || match.icmpCode === packet.icmpCode) &&
    (match.states === undefined || match.states.includes(packet.state)) &&
    (match.device === undefined || match.device === device)
  );
}

function portsHold(spans: readonly PortSpan[], port: number): boolean {
  for (const span of spans) if (port >= span.first && port <= span.last) return true;
  return false;
}
