import { HarnessError } from "../errors.ts";
import type { ConntrackState, Flow } from "./flow.ts";
import { type Family, type Ip, parseIp } from "./ip.ts";

export const TCP = 6;
export const UDP = 17;
export const ICMP = 1;
export const ICMPV6 = 58;
export const UDPLITE = 136;

/** Bits of the TCP header's flags. */
export const FLAG = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16, URG: 32 } as const;

/** A flow's packet as the rules see it: numbers only. Ports are -1 where the protocol has none. */
export interface Packet {
  readonly family: Family;
  readonly source: Ip;
  readonly dest: Ip;
  readonly proto: number;
  readonly sport: number;
  readonly dport: number;
  /** -1 where it is no ICMP. */
  readonly icmpType: number;
  readonly icmpCode: number;
  readonly flags: number;
  readonly state: ConntrackState;
  /** Lower case; undefined: the sending NIC's own. */
  readonly mac: string | undefined;
}

const PROTO_NUMBERS = { tcp: TCP, udp: UDP, icmp: ICMP } as const;
/** TCP, UDP, DCCP, SCTP and UDP-Lite: the protocols with ports. */
export const PORT_PROTOCOLS: ReadonlySet<number> = new Set([TCP, UDP, 33, 132, UDPLITE]);
/** An ordinary client port, where the flow names none. */
export const EPHEMERAL_PORT = 40000;

/** The first packet of a flow. A source or dest that is no address, or two families, is a defect of the caller. */
export function packetOf(flow: Flow): Packet {
  const source = parseIp(flow.source);
  const dest = parseIp(flow.dest);
  if (!source || !dest || source.family !== dest.family) throw unaddressed(flow);
  const packet = { ...headerOf(flow, source.family), source: source.value, dest: dest.value };
  return { ...packet, state: flow.state ?? firstState(packet) };
}

type Header = Omit<Packet, "source" | "dest" | "state">;

function headerOf(flow: Flow, family: Family): Header {
  const proto = protoOf(flow.proto, family);
  const isIcmp = proto === ICMP || proto === ICMPV6;
  const hasPorts = PORT_PROTOCOLS.has(proto);
  return {
    family,
    proto,
    sport: hasPorts ? (flow.sport ?? EPHEMERAL_PORT) : -1,
    dport: hasPorts ? (flow.dport ?? 0) : -1,
    icmpType: isIcmp ? (flow.icmpType ?? (family === 4 ? 8 : 128)) : -1,
    icmpCode: isIcmp ? (flow.icmpCode ?? 0) : -1,
    flags: proto === TCP ? flagsOf(flow.flags) : 0,
    mac: flow.sourceMac?.toLowerCase(),
  };
}

function protoOf(proto: Flow["proto"], family: Family): number {
  if (typeof proto === "number") return proto;
  return proto === "icmp" && family === 6 ? ICMPV6 : PROTO_NUMBERS[proto];
}

function flagsOf(flags: Flow["flags"]): number {
  return flags ? flagBits(flags) : FLAG.SYN;
}

/** Flags by name as the bits of the header, and back. */
export function flagBits(flags: NonNullable<Flow["flags"]>): number {
  let bits = 0;
  for (const flag of flags) bits |= FLAG[flag];
  return bits;
}

export function flagNames(bits: number): (keyof typeof FLAG)[] {
  const all = Object.keys(FLAG) as (keyof typeof FLAG)[];
  return all.filter((flag) => (bits & FLAG[flag]) !== 0);
}

/**
 * What conntrack calls a packet of which it knows no flow: nf_conntrack_proto_{icmp,icmpv6,tcp,udp}.c, loose pickup. It
 * sums UDP-Lite under UDP's protocol number, so that what is summed rightly is wrong to it (Linux 4.19 to 6.18).
 */
export function firstState(header: Pick<Packet, "proto" | "icmpType" | "flags">): ConntrackState {
  if (header.proto === ICMP) return [8, 13, 15, 17].includes(header.icmpType) ? "NEW" : "INVALID";
  if (header.proto === ICMPV6) return firstIcmpv6State(header.icmpType);
  if (header.proto === UDPLITE) return "INVALID";
  if (header.proto !== TCP) return "NEW";
  const opening = header.flags & ~(FLAG.PSH | FLAG.URG);
  return opening === FLAG.SYN || opening === FLAG.ACK ? "NEW" : "INVALID";
}

/**
 * Neighbour discovery, multicast listener discovery and multicast router discovery are never tracked. A redirect is looked
 * at as an error is: one that quotes no flow is invalid.
 */
function firstIcmpv6State(type: number): ConntrackState {
  if ([130, 131, 132, 133, 134, 135, 136, 143, 151, 152].includes(type)) return "UNTRACKED";
  return type === 128 || type === 139 ? "NEW" : "INVALID";
}

/** The packet as OUTPUT sees it: of what the node itself sends conntrack sums nothing yet. */
export function unsummed(packet: Packet): Packet {
  return packet.proto === UDPLITE && packet.state === "INVALID" ? { ...packet, state: "NEW" } : packet;
}

/** Source equals destination, port and all: conntrack sees such a packet as its own reply once a hop accepted it. */
export function isOwnReply(packet: Packet): boolean {
  const { proto } = packet;
  return packet.source === packet.dest && packet.sport === packet.dport && proto !== ICMP && proto !== ICMPV6;
}

function unaddressed({ source, dest }: Flow): HarnessError {
  const expected = "source and dest addresses of one family";
  return new HarnessError("harness-bug", { subject: "flow", expected, actual: `${source} to ${dest}` });
}
