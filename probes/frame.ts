import { crc32c } from "./crc32c.ts";
import { type FlowKey, type FlowKeyParts, parseFlowKey } from "./flow-key.ts";
import { PROTOCOL, writeToken } from "./token.ts";

/* Frames as bytes: Ethernet II (RFC 894), IPv4 (RFC 791), IPv6 (RFC 8200), TCP (RFC 9293), UDP (RFC 768), ICMP (RFC 792),
   ICMPv6 (RFC 4443), SCTP (RFC 9260), DCCP (RFC 4340), UDP-Lite (RFC 3828). */

export const ETHERNET_BYTES = 14;
/** Echo, timestamp, information and address mask, ICMPv6's echo and node information: what opens a flow, by identifier. */
const ICMP_REQUESTS: ReadonlySet<number> = new Set([8, 13, 15, 17, 128, 139]);
export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const ACK = 0x10;
/** FIN, SYN, RST, PSH, ACK, URG. */
export const FLAGS = 0x3f;

export interface ProbePacket {
  /** `icmp` is that of the addresses' family. */
  readonly key: string;
  /** Both of one family. */
  readonly source: string;
  readonly dest: string;
  readonly sport: number;
  /** Unsigned 32-bit, unique in the run. */
  readonly token: number;
  /** Of TCP; default SYN. */
  readonly flags?: number;
  /** Default 0. */
  readonly icmpCode?: number;
  /** Default and most: PROBE_TTL. */
  readonly ttl?: number;
  /** Bytes by which it is longer, a multiple of 4 and at most 40; SCTP and DCCP have none. Default 0. */
  readonly padding?: number;
}

/** No probe starts with more time to live. */
export const PROBE_TTL = 64;

/** Whether an address is of IPv6. */
export function isIp6(address: string): boolean {
  return address.includes(":");
}

/** The IP protocol number of a flow key, to an address of that family. */
export function protocolOf(key: FlowKey, family: 4 | 6 = 4): number {
  const { proto, first } = parseFlowKey(key);
  if (proto === "ip") return first;
  return proto === "icmp" && family === 6 ? PROTOCOL.icmp6 : PROTOCOL[proto];
}

/**
 * An IP packet for a flow key, the first of its flow: of TCP the token is the sequence number (and the one acknowledged,
 * where that flag is set), else it stands where `writeToken` says. Of `ip` it has no header, whatever the number.
 */
export function encodePacket(probe: ProbePacket): Buffer {
  const { key, source, dest, token } = probe;
  const { proto } = parseFlowKey(key);
  const body = bodyOf(probe);
  const addresses = Buffer.concat([addressBytes(source), addressBytes(dest)]);
  const protocol = protocolOf(key, isIp6(dest) ? 6 : 4);
  if (proto !== "tcp") writeToken(body, protocol, token, proto === "ip");
  writeChecksum(proto, body, addresses, protocol);
  return Buffer.concat([ipHeader(addresses, protocol, body.length, probe), body]);
}

/** What stands behind the IP header, all but mark, token and checksum. */
function bodyOf({ key, sport, token, flags = SYN, icmpCode = 0, padding = 0 }: ProbePacket): Buffer {
  const { proto, first: number } = parseFlowKey(key);
  switch (proto) {
    case "tcp":
      return tcpSegment(sport, number, token, flags, padding);
    case "udp":
      return datagram(sport, number, DATAGRAM_BYTES + padding, padding);
    case "udplite":
      return datagram(sport, number, WHOLE, padding);
    case "sctp":
      return sctpInit(sport, number);
    case "dccp":
      return dccpRequest(sport, number);
    case "icmp":
      return padded(icmpMessage(sport, number, icmpCode), padding);
    case "ip":
      return Buffer.alloc(MARK_BYTES + padding);
  }
}

function ipHeader(
  addresses: Buffer,
  protocol: number,
  bodyBytes: number,
  { token, ttl = PROBE_TTL }: ProbePacket,
): Buffer {
  const isIp4 = addresses.length === 8;
  const header = Buffer.alloc(isIp4 ? 20 : 40);
  header.writeUInt8(isIp4 ? 0x45 : 0x60, 0);
  header.writeUInt16BE(isIp4 ? bodyBytes + 20 : bodyBytes, isIp4 ? 2 : 4);
  header.writeUInt8(protocol, isIp4 ? 9 : 6);
  header.writeUInt8(ttl, isIp4 ? 8 : 7);
  addresses.copy(header, isIp4 ? 12 : 8);
  if (isIp4) header.writeUInt16BE(token & 0xffff, 4);
  if (isIp4) header.writeUInt16BE(checksum(header, 0), 10);
  return header;
}

/** What stands before a packet on the wire, of that destination's family; addresses are MACs with colons. */
export function ethernetHeader(dest: string, sourceMac: string, destMac: string): Buffer {
  const header = Buffer.alloc(ETHERNET_BYTES);
  writeMac(header, destMac, 0);
  writeMac(header, sourceMac, 6);
  header.writeUInt16BE(isIp6(dest) ? 0x86dd : 0x0800, 12);
  return header;
}

/** The IPv4 packet behind an Ethernet header; addresses are MACs with colons. */
export function encodeFrame(packet: Buffer, sourceMac: string, destMac: string): Buffer {
  return Buffer.concat([ethernetHeader("", sourceMac, destMac), packet]);
}

export interface IpPacket {
  readonly protocol: number;
  /** Source and destination: 8 bytes, or 32. */
  readonly addresses: Buffer;
  readonly body: Buffer;
}

/** An IPv4 packet's parts; undefined where the header is malformed, and for any fragment but the first. */
export function ipPacket(bytes: Buffer): IpPacket | undefined {
  if (bytes.length < 20 || bytes.readUInt8(0) >> 4 !== 4) return undefined;
  const headerBytes = (bytes.readUInt8(0) & 0x0f) * 4;
  const FRAGMENT_OFFSET = 0x1fff;
  if (headerBytes < 20 || (bytes.readUInt16BE(6) & FRAGMENT_OFFSET) !== 0) return undefined;
  const body = bytes.subarray(headerBytes, bytes.readUInt16BE(2));
  return { protocol: bytes.readUInt8(9), addresses: bytes.subarray(12, 20), body };
}

/** An IPv6 packet's parts; what has extension headers is of their protocol, and no probe. */
export function ip6Packet(bytes: Buffer): IpPacket | undefined {
  if (bytes.length < 40 || bytes.readUInt8(0) >> 4 !== 6) return undefined;
  const body = bytes.subarray(40, 40 + bytes.readUInt16BE(4));
  return { protocol: bytes.readUInt8(6), addresses: bytes.subarray(8, 40), body };
}

/* Longer by options that say nothing (RFC 9293 section 3.1): data would be acknowledged too. */
function tcpSegment(sport: number, dport: number, token: number, flags: number, padding: number): Buffer {
  const NO_OPERATION = 1;
  const segment = Buffer.concat([Buffer.alloc(20), Buffer.alloc(padding, NO_OPERATION)]);
  segment.writeUInt16BE(sport, 0);
  segment.writeUInt16BE(dport, 2);
  segment.writeUInt32BE(token, 4);
  if (flags & ACK) segment.writeUInt32BE(token, 8);
  segment.writeUInt8((segment.length / 4) << 4, 12);
  segment.writeUInt8(flags, 13);
  segment.writeUInt16BE(64_240, 14);
  return segment;
}

function padded(message: Buffer, padding: number): Buffer {
  return Buffer.concat([message, Buffer.alloc(padding)]);
}

const MARK_BYTES = 8;
const DATAGRAM_BYTES = 8 + MARK_BYTES;
/** Of UDP-Lite, in place of a length: the checksum is of all that there is (RFC 3828 section 3.1). */
const WHOLE = 0;

function datagram(sport: number, dport: number, length: number, padding: number): Buffer {
  const message = Buffer.alloc(DATAGRAM_BYTES + padding);
  message.writeUInt16BE(sport, 0);
  message.writeUInt16BE(dport, 2);
  message.writeUInt16BE(length, 4);
  return message;
}

function icmpMessage(sport: number, type: number, code: number): Buffer {
  const message = Buffer.alloc(8 + MARK_BYTES);
  message.writeUInt8(type, 0);
  message.writeUInt8(code, 1);
  message.writeUInt16BE(ICMP_REQUESTS.has(type) ? sport : 0, 4);
  return message;
}

/* A common header with verification tag 0, then an INIT chunk (RFC 9260 section 3.3.2); its tag and its first TSN are mark
   and token. */
function sctpInit(sport: number, dport: number): Buffer {
  const [INIT, CHUNK_BYTES, WINDOW_BYTES, STREAMS] = [1, 20, 65_536, 1];
  const packet = Buffer.alloc(12 + CHUNK_BYTES);
  packet.writeUInt16BE(sport, 0);
  packet.writeUInt16BE(dport, 2);
  packet.writeUInt8(INIT, 12);
  packet.writeUInt16BE(CHUNK_BYTES, 14);
  packet.writeUInt32BE(WINDOW_BYTES, 20);
  packet.writeUInt16BE(STREAMS, 24);
  packet.writeUInt16BE(STREAMS, 26);
  return packet;
}

/* A generic header with a sequence number of 48 bits and the type Request, then its service code (RFC 4340 sections 5.1
   and 5.2); the checksum covers all. */
function dccpRequest(sport: number, dport: number): Buffer {
  const [HEADER_WORDS, LONG_SEQUENCE] = [5, 1];
  const packet = Buffer.alloc(HEADER_WORDS * 4);
  packet.writeUInt16BE(sport, 0);
  packet.writeUInt16BE(dport, 2);
  packet.writeUInt8(HEADER_WORDS, 4);
  packet.writeUInt8(LONG_SEQUENCE, 8);
  return packet;
}

const CHECKSUM_AT = { tcp: 16, udp: 6, udplite: 6, dccp: 6, icmp: 2 } as const;

/* All but ICMP of IPv4 sum a pseudo header too (RFC 9293 section 3.1, RFC 8200 section 8.1); of UDP and UDP-Lite 0 would
   mean that there is none. */
function writeChecksum(
  proto: FlowKeyParts["proto"],
  body: Buffer,
  addresses: Buffer,
  protocol: number,
): void {
  if (proto === "ip") return;
  if (proto === "sctp") return void body.writeUInt32LE(crc32c(body), 8);
  const isBare = protocol === PROTOCOL.icmp;
  const sum = checksum(body, isBare ? 0 : partialSum(addresses, 0) + protocol + body.length);
  const isNever0 = proto === "udp" || proto === "udplite";
  body.writeUInt16BE(isNever0 && sum === 0 ? 0xffff : sum, CHECKSUM_AT[proto]);
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

/** An address as the 4 or 16 bytes of its family. */
export function addressBytes(address: string): Buffer {
  if (!isIp6(address)) return Buffer.from(address.split(".").map(Number));
  const plain = address.replace(/[\d.]+\.[\d.]+$/, (ip4) =>
    addressBytes(ip4).toString("hex").replace(/^.{4}/, "$&:"),
  );
  const [head = [], tail] = plain.split("::").map((part) => part.split(":").filter(Boolean));
  const zeros = Array<string>(tail ? 8 - head.length - tail.length : 0).fill("0");
  const groups = [...head, ...zeros, ...(tail ?? [])].map((group) => Number.parseInt(group, 16));
  return Buffer.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

function writeMac(into: Buffer, mac: string, offset: number): void {
  Buffer.from(mac.replaceAll(":", ""), "hex").copy(into, offset);
}
