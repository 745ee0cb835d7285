import { type FlowKey, parseFlowKey } from "./flow-key.ts";

/* Frames as bytes: Ethernet II (RFC 894), IPv4 (RFC 791), TCP (RFC 9293), UDP (RFC 768), ICMP (RFC 792). */

const ETHERNET_BYTES = 14;
const IP_BYTES = 20;
export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17 } as const;
/** Echo, timestamp, information and address mask: the messages with an identifier. */
const ICMP_REQUESTS: ReadonlySet<number> = new Set([8, 13, 15, 17]);
export const SYN = 0x02;
export const RST = 0x04;
/** FIN, SYN, RST, PSH, ACK, URG. */
export const FLAGS = 0x3f;
/** In front of the token in every payload, so that no other traffic passes for a probe. */
const MAGIC = 0x70687821;

export interface ProbePacket {
  readonly key: string;
  readonly source: string;
  readonly dest: string;
  readonly sport: number;
  /** Unsigned 32-bit, unique in the run. */
  readonly token: number;
  /** Default 0. */
  readonly icmpCode?: number;
  /** Default and most: PROBE_TTL. */
  readonly ttl?: number;
}

/** No probe starts with more time to live. */
export const PROBE_TTL = 64;

/** The IP protocol number of a flow key. */
export function protocolOf(key: FlowKey): number {
  const { proto, first } = parseFlowKey(key);
  return proto === "ip" ? first : PROTOCOL[proto];
}

/** An IPv4 packet for a flow key: TCP SYN with the token as its sequence number, else the token in the payload. */
export function encodePacket({
  key,
  source,
  dest,
  sport,
  token,
  icmpCode = 0,
  ttl = PROBE_TTL,
}: ProbePacket): Buffer {
  const { proto, first: number } = parseFlowKey(key);
  const payload = proto === "tcp" ? tcpSyn(sport, number, token) : withToken(proto, sport, number, token);
  const packet = Buffer.alloc(IP_BYTES + payload.length);
  packet.writeUInt8(0x45, 0);
  packet.writeUInt16BE(packet.length, 2);
  packet.writeUInt16BE(token & 0xffff, 4);
  packet.writeUInt8(ttl, 8);
  packet.writeUInt8(protocolOf(key), 9);
  writeAddress(packet, source, 12);
  writeAddress(packet, dest, 16);
  packet.writeUInt16BE(checksum(packet.subarray(0, IP_BYTES), 0), 10);
  payload.copy(packet, IP_BYTES);
  if (proto === "icmp") packet.writeUInt8(icmpCode, IP_BYTES + 1);
  if (proto !== "ip") writeChecksum(packet, proto);
  return packet;
}

/** The packet behind an Ethernet header; addresses are MACs with colons. */
export function encodeFrame(packet: Buffer, sourceMac: string, destMac: string): Buffer {
  const frame = Buffer.alloc(ETHERNET_BYTES + packet.length);
  writeMac(frame, destMac, 0);
  writeMac(frame, sourceMac, 6);
  frame.writeUInt16BE(0x0800, 12);
  packet.copy(frame, ETHERNET_BYTES);
  return frame;
}

/** What a captured packet says of a probe: that it arrived, or that the stack behind it refused it. */
export interface Sighting {
  readonly token: number;
  readonly kind: "probe" | "refusal";
}

/** Looks at an IPv4 packet, or at an Ethernet frame: undefined for all traffic that is not of these probes. */
export interface Sight {
  readonly packet: (bytes: Buffer) => Sighting | undefined;
  readonly frame: (bytes: Buffer) => Sighting | undefined;
}

/**
 * Knows the probes of one sender to one destination again, and what refuses them there: an RST that answers the SYN, an
 * ICMP error of type 3 that quotes the probe. Addresses, and the source port where there is one, must be the probes' own.
 */
export function sightOf({ source, dest, sport }: Pick<ProbePacket, "source" | "dest" | "sport">): Sight {
  const there = addressBytes(source, dest);
  const back = addressBytes(dest, source);
  const packet = (bytes: Buffer): Sighting | undefined => {
    const whole = ipPacket(bytes);
    if (!whole) return undefined;
    const { protocol, addresses, body } = whole;
    if (addresses.equals(there)) return sightProbe(protocol, body, sport);
    if (protocol === PROTOCOL.tcp && addresses.equals(back)) return sightReset(body, sport);
    return protocol === PROTOCOL.icmp ? sightQuoted(body, there, sport) : undefined;
  };
  return {
    packet,
    frame: (bytes) =>
      bytes.length >= 14 && bytes.readUInt16BE(12) === 0x0800
        ? packet(bytes.subarray(ETHERNET_BYTES))
        : undefined,
  };
}

export interface IpPacket {
  readonly protocol: number;
  /** Source and destination, 8 bytes. */
  readonly addresses: Buffer;
  readonly body: Buffer;
}

/** A packet's parts; undefined where the header is malformed, and for any fragment but the first. */
export function ipPacket(bytes: Buffer): IpPacket | undefined {
  if (bytes.length < IP_BYTES || bytes.readUInt8(0) >> 4 !== 4) return undefined;
  const headerBytes = (bytes.readUInt8(0) & 0x0f) * 4;
  const FRAGMENT_OFFSET = 0x1fff;
  if (headerBytes < IP_BYTES || (bytes.readUInt16BE(6) & FRAGMENT_OFFSET) !== 0) return undefined;
  const body = bytes.subarray(headerBytes, bytes.readUInt16BE(2));
  return { protocol: bytes.readUInt8(9), addresses: bytes.subarray(12, 20), body };
}

function sightProbe(protocol: number, body: Buffer, sport: number): Sighting | undefined {
  const token = tokenIn(protocol, body, sport) ?? magicToken(body, 0);
  return token === undefined ? undefined : { token, kind: "probe" };
}

/** The token where the protocol carries it; of TCP the first 8 bytes are enough, as an ICMP error quotes them. */
function tokenIn(protocol: number, body: Buffer, sport: number): number | undefined {
  if (protocol === PROTOCOL.icmp) return magicToken(body, 8);
  const ofProbes =
    (protocol === PROTOCOL.tcp || protocol === PROTOCOL.udp) &&
    body.length >= 8 &&
    body.readUInt16BE(0) === sport;
  if (!ofProbes) return undefined;
  if (protocol === PROTOCOL.udp) return magicToken(body, 8);
  return body.length < 14 || (body.readUInt8(13) & FLAGS) === SYN ? body.readUInt32BE(4) : undefined;
}

function sightReset(segment: Buffer, sport: number): Sighting | undefined {
  if (segment.length < 20 || segment.readUInt16BE(2) !== sport) return undefined;
  if ((segment.readUInt8(13) & RST) === 0) return undefined;
  return { token: (segment.readUInt32BE(8) - 1) >>> 0, kind: "refusal" };
}

function sightQuoted(message: Buffer, there: Buffer, sport: number): Sighting | undefined {
  const DESTINATION_UNREACHABLE = 3;
  const quoted =
    message.length > 8 && message.readUInt8(0) === DESTINATION_UNREACHABLE
      ? ipPacket(message.subarray(8))
      : undefined;
  if (!quoted?.addresses.equals(there)) return undefined;
  const seen = sightProbe(quoted.protocol, quoted.body, sport);
  return seen && { ...seen, kind: "refusal" };
}

export function magicToken(body: Buffer, offset: number): number | undefined {
  if (body.length < offset + 8 || body.readUInt32BE(offset) !== MAGIC) return undefined;
  return body.readUInt32BE(offset + 4);
}

function tcpSyn(sport: number, dport: number, token: number): Buffer {
  const segment = Buffer.alloc(20);
  segment.writeUInt16BE(sport, 0);
  segment.writeUInt16BE(dport, 2);
  segment.writeUInt32BE(token, 4);
  segment.writeUInt8(5 << 4, 12);
  segment.writeUInt8(SYN, 13);
  segment.writeUInt16BE(64_240, 14);
  return segment;
}

/* UDP and ICMP have a header of 8 bytes, an unknown protocol none. */
function withToken(proto: "udp" | "icmp" | "ip", sport: number, number: number, token: number): Buffer {
  const offset = proto === "ip" ? 0 : 8;
  const message = Buffer.alloc(offset + 8);
  if (proto === "udp") {
    message.writeUInt16BE(sport, 0);
    message.writeUInt16BE(number, 2);
    message.writeUInt16BE(message.length, 4);
  }
  if (proto === "icmp") {
    message.writeUInt8(number, 0);
    message.writeUInt16BE(ICMP_REQUESTS.has(number) ? sport : 0, 4);
  }
  message.writeUInt32BE(MAGIC, offset);
  message.writeUInt32BE(token, offset + 4);
  return message;
}

/* TCP and UDP sum a pseudo header too (RFC 9293 section 3.1). */
function writeChecksum(packet: Buffer, proto: "tcp" | "udp" | "icmp"): void {
  const body = packet.subarray(IP_BYTES);
  const pseudo =
    proto === "icmp" ? 0 : partialSum(packet.subarray(12, 20), 0) + PROTOCOL[proto] + body.length;
  const sum = checksum(body, pseudo);
  body.writeUInt16BE(proto === "udp" && sum === 0 ? 0xffff : sum, { tcp: 16, udp: 6, icmp: 2 }[proto]);
}

/** The Internet checksum (RFC 1071) on top of an earlier partial sum. */
function checksum(bytes: Buffer, before: number): number {
  let sum = partialSum(bytes, before);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function partialSum(bytes: Buffer, before: number): number {
  let sum = before;
  for (let at = 0; at + 1 < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  return bytes.length % 2 ? sum + (bytes.readUInt8(bytes.length - 1) << 8) : sum;
}

function addressBytes(source: string, dest: string): Buffer {
  const bytes = Buffer.alloc(8);
  writeAddress(bytes, source, 0);
  writeAddress(bytes, dest, 4);
  return bytes;
}

function writeAddress(into: Buffer, address: string, offset: number): void {
  for (const [index, octet] of address.split(".").entries()) into.writeUInt8(Number(octet), offset + index);
}

function writeMac(into: Buffer, mac: string, offset: number): void {
  Buffer.from(mac.replaceAll(":", ""), "hex").copy(into, offset);
}
