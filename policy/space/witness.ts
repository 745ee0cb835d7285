import type { Flow, Place } from "../flow.ts";
import type { Family, Ip } from "../ip.ts";
import { EPHEMERAL_PORT, FLAG, ICMP, ICMPV6, type Packet, TCP, UDP } from "../packet.ts";
import { parseIp } from "../ip.ts";
import { formatIp } from "./address-text.ts";
import { childAt, type Diagram, NONE } from "./diagram.ts";
import { depthOf, icmpService, ipOf, kindOf, LEVEL, sourceLevel, STATES, wordsOf } from "./layout.ts";
import { openingsOf } from "./openings.ts";
import type { PacketSpace } from "./packet-space.ts";

/** What a witness should look like, where the set leaves the choice. */
export interface Taste {
  /** Addresses to take first, in order: those of real places. */
  readonly sources?: readonly Ip[];
  readonly dests?: readonly Ip[];
  readonly ports?: readonly number[];
  /** The MAC of the NIC that sends, so that a foreign one differs from it. */
  readonly ownMac?: string;
}

/** A packet of the set, as ordinary as it has one; undefined where it has none. */
export function witnessOf(space: PacketSpace, set: Diagram, taste: Taste = {}): Packet | undefined {
  const opening = space.store.intersect(set, openingsOf(space));
  const point = find(space, opening, taste) ?? find(space, set, taste);
  return point && packetAt(space.family, point, taste);
}

/** Some packet of the set, whichever is found first. */
export function memberOf(space: PacketSpace, set: Diagram): Packet | undefined {
  const point = find(space, set, {});
  return point && packetAt(space.family, point, {});
}

/** Whether the set holds a packet at all. */
export function isInhabited(space: PacketSpace, set: Diagram): boolean {
  return set !== NONE && find(space, set, {}) !== undefined;
}

const USUAL_PROTOS = [TCP, UDP];
const USUAL_PORTS = [443, 80, 22, 53, 8080];
/** TEST-NET-3 and TEST-NET-2 of RFC 5737; RFC 3849's documentation prefix. */
const USUAL: Readonly<Record<Family, readonly [readonly Ip[], readonly Ip[]]>> = {
  4: [ipsOf("203.0.113.10"), ipsOf("198.51.100.10")],
  6: [ipsOf("2001:db8::10"), ipsOf("2001:db8::20")],
};

function ipsOf(text: string): readonly Ip[] {
  const ip = parseIp(text);
  return ip ? [ip.value] : [];
}

/**
 * Walks down, usual numbers first. Besides them the ends of each edge are enough: a part of the diagram without a packet has
 * one number on every edge, so that the walk turns back there at once.
 */
function find({ family }: PacketSpace, set: Diagram, taste: Taste): readonly number[] | undefined {
  const usual = usualNumbers(family, taste);
  const depth = depthOf(family);
  const point: number[] = [];
  const down = (node: Diagram): boolean => {
    const level = point.length;
    if (level === depth) return isPacket(family, point);
    for (const value of candidates(node, level, usual(point))) {
      const child = childAt(node, level, value);
      if (child === NONE) continue;
      point.push(value);
      if (down(child)) return true;
      point.pop();
    }
    return false;
  };
  return set !== NONE && down(set) ? point : undefined;
}

function* candidates(node: Diagram, level: number, usual: readonly number[]): Generator<number> {
  yield* usual;
  if (node.level !== level) yield* [0, 1];
  else
    for (const [index, last] of node.uppers.entries()) {
      if (node.children[index] === NONE) continue;
      const first = (node.uppers[index - 1] ?? -1) + 1;
      yield first;
      if (first < last) yield last;
    }
}

/** No packet is its own reply and has two ends that are one. */
function isPacket(family: Family, point: readonly number[]): boolean {
  const [own, , proto = 0, service, sport] = point;
  const kind = kindOf(proto);
  if (own === 1) return kind !== "icmp";
  const source = sourceLevel(family);
  const isOneAddress = point.slice(LEVEL.dest, source).every((word, index) => word === point[source + index]);
  return kind === "icmp" || !isOneAddress || (kind !== "other" && service !== sport);
}

/** What to try first at the level of a point's next number. */
function usualNumbers(family: Family, taste: Taste): (point: readonly number[]) => readonly number[] {
  const [source, dest] = USUAL[family];
  const sources = [...(taste.sources ?? []), ...source].map((ip) => wordsOf(ip, family));
  const dests = [...(taste.dests ?? []), ...dest].map((ip) => wordsOf(ip, family));
  const sourceAt = sourceLevel(family);
  const ports = [...(taste.ports ?? []), ...USUAL_PORTS];
  const echo = icmpService(family === 4 ? 8 : 128, 0);
  return (point) => {
    const level = point.length;
    if (level >= sourceAt) return next(sources, point.slice(sourceAt));
    if (level >= LEVEL.dest) return next(dests, point.slice(LEVEL.dest));
    const kind = kindOf(point[LEVEL.proto] ?? 0);
    switch (level) {
      case LEVEL.proto:
        return [...USUAL_PROTOS, family === 4 ? ICMP : ICMPV6];
      case LEVEL.service:
        return kind === "icmp" ? [echo] : ports;
      case LEVEL.sport:
        return [EPHEMERAL_PORT];
      case LEVEL.flags:
        return kind === "tcp" ? [FLAG.SYN] : [];
    }
    return [];
  };
}

/** The next word of those addresses that begin so. */
function next(addresses: readonly (readonly number[])[], begin: readonly number[]): readonly number[] {
  return addresses
    .filter((words) => begin.every((word, index) => word === words[index]))
    .flatMap((words) => words[begin.length] ?? []);
}

const FOREIGN_MACS = ["02:00:00:00:00:01", "02:00:00:00:00:02"];

function packetAt(family: Family, point: readonly number[], { ownMac }: Taste): Packet {
  const [own, state = 0, proto = 0, service = 0, sport = 0, flags = 0, mac] = point;
  const kind = kindOf(proto);
  const hasPorts = kind === "tcp" || kind === "ports";
  const isIcmp = kind === "icmp";
  const source = sourceLevel(family);
  const dest = ipOf(point.slice(LEVEL.dest, source));
  return {
    family,
    source: own === 1 ? dest : ipOf(point.slice(source)),
    dest,
    proto,
    sport: hasPorts ? (own === 1 ? service : sport) : -1,
    dport: hasPorts ? service : -1,
    icmpType: isIcmp ? service >> 8 : -1,
    icmpCode: isIcmp ? service & 255 : -1,
    flags: kind === "tcp" ? flags : 0,
    state: STATES[state] ?? "NEW",
    mac: mac === 1 ? FOREIGN_MACS.find((each) => each !== ownMac) : undefined,
  };
}

/** The flow of which this is the packet. */
export function flowOfPacket(packet: Packet, from: Place, to: Place): Flow {
  const { proto, sport, dport, icmpType, icmpCode, state, mac } = packet;
  const flags = (["SYN", "ACK", "RST", "FIN", "PSH", "URG"] as const).filter(
    (each) => (packet.flags & FLAG[each]) !== 0,
  );
  return {
    from,
    to,
    proto: proto === TCP ? "tcp" : proto === UDP ? "udp" : proto,
    source: formatIp(packet.source, packet.family),
    dest: formatIp(packet.dest, packet.family),
    ...(dport < 0 ? {} : { sport, dport }),
    ...(icmpType < 0 ? {} : { icmpType, icmpCode }),
    state,
    ...(proto === TCP ? { flags } : {}),
    ...(mac === undefined ? {} : { sourceMac: mac }),
  };
}
