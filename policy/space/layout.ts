import type { ConntrackState } from "../flow.ts";
import type { Family, Ip } from "../ip.ts";
import { ICMP, ICMPV6, isOwnReply, type Packet, PORT_PROTOCOLS, TCP } from "../packet.ts";

/**
 * The fields of a packet as levels of a diagram, each a number below 2^32. Their order keeps diagrams small and makes them
 * read as a person writes a rule. First what hooks ask before any rule (whether conntrack takes the packet for its own reply,
 * and its state), so that what they let pass whatever the rules say is one edge. Then protocol and port, by which rules
 * differ most: below them few nodes are left. Addresses come last: a set of a thousand networks is then one node (of IPv6 a
 * few), shared by every port of every guest that names it.
 */
export const LEVEL = { own: 0, state: 1, proto: 2, service: 3, sport: 4, flags: 5, mac: 6, dest: 7 } as const;

/** An IPv6 address is four levels, the highest bits first. */
const WORDS: Readonly<Record<Family, number>> = { 4: 1, 6: 4 };
const WORD = 0x1_0000_0000;

/** Where the source's levels begin: after the destination's. */
export function sourceLevel(family: Family): number {
  return LEVEL.dest + WORDS[family];
}

/** How many levels there are. */
export function depthOf(family: Family): number {
  return LEVEL.dest + 2 * WORDS[family];
}

/** conntrack's words in the order of their numbers: those that rules see alike stand beside each other. */
export const STATES = ["NEW", "UNTRACKED", "INVALID", "RELATED", "ESTABLISHED"] as const;

const NARROW = [1, STATES.length - 1, 255, 65_535, 65_535, 63, 1];

/** The highest number of a level. */
export function lastOf(level: number): number {
  return NARROW[level] ?? WORD - 1;
}

/**
 * What a protocol has of the fields that only some have: ports, an ICMP type and code in the destination port's place, TCP's
 * flags. A set says nothing of a field that its packet has not: there it holds all numbers or none.
 */
export type ProtoKind = "tcp" | "ports" | "icmp" | "other";

export function kindOf(proto: number): ProtoKind {
  if (proto === TCP) return "tcp";
  if (PORT_PROTOCOLS.has(proto)) return "ports";
  return proto === ICMP || proto === ICMPV6 ? "icmp" : "other";
}

/** The number of a conntrack state. */
export function stateNumber(state: ConntrackState): number {
  return STATES.indexOf(state);
}

/** ICMP's type and code as one number. */
export function icmpService(type: number, code: number): number {
  return type * 256 + code;
}

/** A packet's numbers by level; `ownMac` is the MAC of the NIC that sends it, lower case. */
export function pointOf(packet: Packet, ownMac: string | undefined): readonly number[] {
  const kind = kindOf(packet.proto);
  const isOwn = isOwnReply(packet);
  const { icmpType, icmpCode, dport, sport, family } = packet;
  const service = kind === "icmp" ? icmpService(icmpType, icmpCode) : Math.max(dport, 0);
  const isForeign = packet.mac !== undefined && packet.mac !== ownMac;
  return [
    isOwn ? 1 : 0,
    stateNumber(packet.state),
    packet.proto,
    service,
    Math.max(sport, 0),
    packet.flags,
    isForeign ? 1 : 0,
    ...wordsOf(packet.dest, family),
    ...wordsOf(packet.source, family),
  ];
}

/** An address as numbers of 32 bits, the highest first. */
export function wordsOf(ip: Ip, family: Family): readonly number[] {
  if (family === 4) return [Number(ip)];
  return [96n, 64n, 32n, 0n].map((shift) => Number((BigInt(ip) >> shift) & 0xffffffffn));
}

/** The address of such numbers. */
export function ipOf(words: readonly number[]): Ip {
  const [only = 0] = words;
  return words.length === 1 ? only : words.reduce((ip, word) => (ip << 32n) | BigInt(word), 0n);
}
