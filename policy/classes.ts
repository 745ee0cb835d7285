import type { Asked, Line, MatchLine } from "./chain.ts";
import { decide, pathOf } from "./decide.ts";
import type { Estate } from "./estate.ts";
import type { Decision, Flow, Place } from "./flow.ts";
import type { Family } from "./ip.ts";
import { type Match, matches, type PortSpan } from "./match.ts";
import { modelOf } from "./model.ts";
import { EPHEMERAL_PORT, ICMP, ICMPV6, type Packet, packetOf, TCP, UDP, UDPLITE } from "./packet.ts";
import { addressOf } from "./place.ts";
import { nodeOf } from "./proxmox/node.ts";
import { sharedPorts } from "./shared-chains.ts";

/** What numbers of a class mean: TCP or UDP destination ports, ICMP types (code 0), or other IP protocols. */
export type ClassProto = "tcp" | "udp" | "icmp" | "ip";

/** Flows of one pair that the declaration can't tell apart: consecutive numbers on which every line's match agrees. */
export interface PacketClass {
  readonly proto: ClassProto;
  readonly first: number;
  readonly last: number;
  /** One within, neither first nor last where there is another. */
  readonly representative: number;
  readonly flows: number;
  readonly decision: Decision;
}

/** The ends of a flow, where they are not a client's of the sender's own address. */
export interface Ends {
  readonly source?: string;
  readonly sport?: number;
  /** Left out: the destination's own. */
  readonly dest?: string;
}

const SPANS: Readonly<Record<ClassProto, PortSpan>> = {
  tcp: { first: 1, last: 65_535 },
  udp: { first: 1, last: 65_535 },
  icmp: { first: 0, last: 255 },
  ip: { first: 0, last: 255 },
};
const PROTOS = ["tcp", "udp", "icmp", "ip"] as const;
/** Protocols that are no "other IP protocol". */
const OWN_KIND = { 4: [ICMP, TCP, UDP], 6: [ICMPV6, TCP, UDP] };

const CLASSES = new WeakMap<Estate, Map<string, readonly PacketClass[]>>();

/**
 * The packet classes of an ordered pair: TCP and UDP ports, ICMP types, other IP protocols, each in order and complete.
 * They follow from the lines on the path, groups and Proxmox's own included, of which those of other addresses cut nothing.
 */
export function classesOf(estate: Estate, from: Place, to: Place, ends: Ends = {}): readonly PacketClass[] {
  const known = CLASSES.get(estate) ?? new Map<string, readonly PacketClass[]>();
  CLASSES.set(estate, known);
  const { source = addressOf(estate, from), sport = EPHEMERAL_PORT, dest = addressOf(estate, to) } = ends;
  const key = `${from} ${to} ${source} ${sport} ${dest}`;
  const classes = known.get(key) ?? findClasses(estate, { from, to, source, sport, dest });
  known.set(key, classes);
  return classes;
}

/** What the hops between two places ask, in order. */
function askedOn(estate: Estate, from: Place, to: Place, family: Family): readonly Asked[] {
  return pathOf(modelOf(nodeOf(estate)), from, to).flatMap((pass) => pass.asks(family));
}

/** Every line on the path that matches by header, those of groups too. */
export function linesOn(estate: Estate, from: Place, to: Place, family: Family): readonly MatchLine[] {
  return askedOn(estate, from, to, family).flatMap(({ lines }) => lines.flatMap(matchLines));
}

interface Pair {
  readonly from: Place;
  readonly to: Place;
  readonly source: string;
  readonly sport: number;
  readonly dest: string;
}

function findClasses(estate: Estate, pair: Pair): readonly PacketClass[] {
  return PROTOS.flatMap((proto) => {
    const flowOf = (number: number) => numbered(pair, proto, number);
    const packet = packetOf(flowOf(SPANS[proto].first));
    const asked = askedOn(estate, pair.from, pair.to, packet.family);
    return classSpans(proto, packet, asked).map(({ first, last }) => {
      const representative = (first + last) >> 1;
      const decision = decide(estate, flowOf(representative));
      return { proto, first, last, representative, flows: last - first + 1, decision };
    });
  });
}

function numbered(ends: Pair, proto: ClassProto, number: number): Flow {
  switch (proto) {
    case "tcp":
    case "udp":
      return { ...ends, proto, dport: number };
    case "icmp":
      return { ...ends, proto, icmpType: number, icmpCode: 0 };
    case "ip":
      return { ...ends, proto: number };
  }
}

/** The spans between the cuts; a cut is the first number after a border. */
function classSpans(proto: ClassProto, packet: Packet, asked: readonly Asked[]): readonly PortSpan[] {
  const { first, last } = SPANS[proto];
  const cuts = [first, ...cutsOf(proto, packet, asked)].filter((cut) => cut >= first && cut <= last);
  const starts = [...new Set(cuts)].sort((a, b) => a - b);
  const spans = starts.map((start, index) => ({ first: start, last: (starts[index + 1] ?? last + 1) - 1 }));
  const kinds = OWN_KIND[packet.family];
  return proto === "ip" ? spans.filter((span) => !kinds.includes(span.first)) : spans;
}

function cutsOf(proto: ClassProto, packet: Packet, asked: readonly Asked[]): readonly number[] {
  const lines = asked.flatMap(({ lines: own }) => own.flatMap(matchLines));
  const spans = lines.flatMap(({ match }) => spansOf(proto, match, packet));
  const hasPolicy = asked.some(({ policy }) => policy !== undefined && policy.action !== "ACCEPT");
  const all = [...spans, ...(hasPolicy ? sharedPorts(packet) : []), ...ownSpans(proto, packet)];
  return all.flatMap(({ first, last }) => [first, last + 1]);
}

function matchLines(line: Line): readonly MatchLine[] {
  switch (line.kind) {
    case "match":
      return [line];
    case "group":
      return line.group.lines;
    case "clear-mark":
    case "smurfs":
    case "tcpflags":
      return [];
  }
}

/** The numbers that a line takes of packets like this one; none where its other conditions take no such packet. */
function spansOf(proto: ClassProto, match: Match, packet: Packet): readonly PortSpan[] {
  const { dports, icmpTypes, icmpCode: _code, device: _device, proto: number, ...rest } = match;
  const isOther = proto !== "ip" && number !== undefined && number !== packet.proto;
  const { sports: _sports, ...ends } = rest;
  if (isOther || !matches(proto === "ip" ? ends : rest, packet, "")) return [];
  switch (proto) {
    case "tcp":
    case "udp":
      return dports ?? [];
    case "icmp":
      return (icmpTypes ?? []).map(single);
    case "ip":
      return number === undefined ? [] : [single(number)];
  }
}

/** ICMP types that conntrack takes for a new flow's first, and the one that a policy lets pass. */
const TOLD_TYPES = {
  4: [8, 11, 13, 15, 17],
  6: [1, 2, 3, 128, 130, 131, 132, 133, 134, 135, 136, 139, 143, 151, 152],
};

/** What tells numbers apart beside the lines: conntrack's states, and a packet that is its own reply. */
function ownSpans(proto: ClassProto, { family, source, dest, sport }: Packet): readonly PortSpan[] {
  // Of these alone the source port is not the destination's, where both ends are one address.
  const ports = source === dest ? [33, 132] : [];
  switch (proto) {
    case "tcp":
    case "udp":
      return source === dest ? [single(sport)] : [];
    case "icmp":
      return TOLD_TYPES[family].map(single);
    case "ip":
      return [ICMP, TCP, UDP, ICMPV6, UDPLITE, ...ports].map(single);
  }
}

function single(number: number): PortSpan {
  return { first: number, last: number };
}
