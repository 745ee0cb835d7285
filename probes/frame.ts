import { parseFlowKey } from "./flow-key.ts";

/* Frames as bytes: Ethernet II (RFC 894), IPv4 (RFC 791), TCP (RFC 9293), UDP (RFC 768), ICMP (RFC 792). */

const ETHERNET_BYTES = 14;
const IP_BYTES = 20;
const PROTOCOL = { icmp: 1, tcp: 6, udp: 17 } as const;
const ECHO_REQUEST = 8;
const SYN = 0x02;
const RST = 0x04;
/** In front of the token in every payload, so that no other traffic passes for a probe. */
const MAGIC = 0x70687821;

export interface ProbePacket {
  readonly key: string;
  readonly source: string;
  readonly dest: string;
  readonly sport: number;
  /** Unsigned 32-bit, unique in the run. */
  readonly token: number;
}

/** An IPv4 packet for a flow key: TCP SYN with the token as its sequence number, else the token in the payload. */
export function encodePacket({ key, source, dest, sport, token }: ProbePacket): Buffer {
  const { proto, first: number } = parseFlowKey(key);
  const payload = proto === "tcp" ? tcpSyn(sport, number, token) : withToken(proto, sport, number, token);
  const packet = Buffer.alloc(IP_BYTES + payload.length);
  packet.writeUInt8(0x45, 0);
  packet.writeUInt16BE(packet.length, 2);
  packet.writeUInt16BE(token & 0xffff, 4);
  packet.writeUInt8(64, 8);
  packet.writeUInt8(proto === "ip" ? number : PROTOCOL[proto], 9);
  writeAddress(packet, source, 12);
  writeAddress(packet, dest, 16);
  packet.writeUInt16BE(checksum(packet.subarray(0, IP_BYTES), 0), 10);
  payload.copy(packet, IP_BYTES);
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

/** The probe that an Ethernet frame carries or refuses (RST, port unreachable); undefined for all other traffic. */
export function sightFrame(frame: Buffer): Sighting | undefined {
  if (frame.length < ETHERNET_BYTES + IP_BYTES || frame.readUInt16BE(12) !== 0x0800) return undefined;
  return sightPacket(frame.subarray(ETHERNET_BYTES));
}

/** As `sightFrame`, of an IPv4 packet. */
export function sightPacket(packet: Buffer): Sighting | undefined {
  const header = (packet.readUInt8(0) & 0x0f) * 4;
  const body = packet.subarray(header, packet.readUInt16BE(2));
  const protocol = packet.readUInt8(9);
  if (protocol === PROTOCOL.tcp) return sightTcp(body);
  if (protocol === PROTOCOL.udp) return sightToken(body, 8);
  if (protocol === PROTOCOL.icmp) return sightIcmp(body);
  return sightToken(body, 0);
}

function sightTcp(segment: Buffer): Sighting | undefined {
  if (segment.length < 20) return undefined;
  const flags = segment.readUInt8(13);
  if (flags === SYN) return { token: segment.readUInt32BE(4), kind: "probe" };
  if ((flags & RST) === 0) return undefined;
  return { token: (segment.readUInt32BE(8) - 1) >>> 0, kind: "refusal" };
}

function sightIcmp(message: Buffer): Sighting | undefined {
  const DESTINATION_UNREACHABLE = 3;
  const QUOTED = 8;
  if (message.length < 16) return undefined;
  if (message.readUInt8(0) !== DESTINATION_UNREACHABLE) {
    return message.readUInt8(0) === 0 ? undefined : sightToken(message, 8);
  }
  if (message.length < QUOTED + IP_BYTES) return undefined;
  const quoted = message.subarray(QUOTED + (message.readUInt8(QUOTED) & 0x0f) * 4);
  const isTcp = message.readUInt8(QUOTED + 9) === PROTOCOL.tcp;
  if (isTcp) return quoted.length < 8 ? undefined : { token: quoted.readUInt32BE(4), kind: "refusal" };
  const seen = sightToken(quoted, 8);
  return seen && { ...seen, kind: "refusal" };
}

function sightToken(body: Buffer, offset: number): Sighting | undefined {
  if (body.length < offset + 8 || body.readUInt32BE(offset) !== MAGIC) return undefined;
  return { token: body.readUInt32BE(offset + 4), kind: "probe" };
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
    message.writeUInt16BE(number === ECHO_REQUEST ? sport : 0, 4);
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

function writeAddress(into: Buffer, address: string, offset: number): void {
  for (const [index, octet] of address.split(".").entries()) into.writeUInt8(Number(octet), offset + index);
}

function writeMac(into: Buffer, mac: string, offset: number): void {
  Buffer.from(mac.replaceAll(":", ""), "hex").copy(into, offset);
}
