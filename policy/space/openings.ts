import { firstState, ICMP, ICMPV6, TCP } from "../packet.ts";
import { type Diagram, NONE } from "./diagram.ts";
import { icmpService, stateNumber } from "./layout.ts";
import type { Conditions, PacketSpace } from "./packet-space.ts";
import { joined, type Span, single } from "./spans.ts";

const KNOWN = new WeakMap<PacketSpace, Diagram>();

/** The packets in the state in which conntrack sees the first one of a flow: what a sender can choose. */
export function openingsOf(space: PacketSpace): Diagram {
  const known = KNOWN.get(space) ?? makeOpenings(space);
  KNOWN.set(space, known);
  return known;
}

function makeOpenings(space: PacketSpace): Diagram {
  const { store } = space;
  const parts: readonly Conditions[] = [
    ...plainOpenings(),
    ...tcpOpenings(),
    ...[ICMP, ICMPV6].flatMap((proto) => icmpOpenings(proto)),
  ];
  return parts.reduce((all, part) => store.union(all, space.where(part)), NONE);
}

/** Of protocols of which the number tells all. */
function plainOpenings(): readonly Conditions[] {
  const protos = Array.from({ length: 256 }, (_, proto) => proto).filter(
    (proto) => ![ICMP, ICMPV6, TCP].includes(proto),
  );
  const stateOf = (proto: number) => firstState({ proto, icmpType: -1, flags: 0 });
  return [...Map.groupBy(protos, stateOf)].map(([state, each]) => ({
    states: [single(stateNumber(state))],
    protos: joined(each.map(single)),
  }));
}

function tcpOpenings(): readonly Conditions[] {
  const all = Array.from({ length: 64 }, (_, flags) => flags);
  const stateOf = (flags: number) => firstState({ proto: TCP, icmpType: -1, flags });
  return [...Map.groupBy(all, stateOf)].map(([state, flags]) => ({
    states: [single(stateNumber(state))],
    flags: flags.map(single),
  }));
}

function icmpOpenings(proto: number): readonly Conditions[] {
  const types = Array.from({ length: 256 }, (_, type) => type);
  const stateOf = (icmpType: number) => firstState({ proto, icmpType, flags: 0 });
  return [...Map.groupBy(types, stateOf)].map(([state, each]) => ({
    states: [single(stateNumber(state))],
    protos: [single(proto)],
    icmp: each.map(anyCode),
  }));
}

/** An ICMP type with every code. */
export function anyCode(type: number): Span {
  return { first: icmpService(type, 0), last: icmpService(type, 255) };
}
