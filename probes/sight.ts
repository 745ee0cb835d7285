import {
  ACK,
  addressBytes,
  ETHERNET_BYTES,
  FIN,
  FLAGS,
  type IpPacket,
  ip6Packet,
  ipPacket,
  isIp6,
  type ProbePacket,
  RST,
  SYN,
} from "./frame.ts";
import { MAGIC, markedToken, PROTOCOL } from "./token.ts";

/** What a captured packet says of a probe: that it arrived, or that somebody refused it, how, and under which address. */
export type Sighting =
  | { readonly token: number; readonly kind: "probe" }
  | { readonly token: number; readonly kind: "refusal"; readonly answer: string; readonly by: string };

/** Looks at an IP packet, at an Ethernet frame, or at what stands behind a header that showed the right addresses. */
export interface Sight {
  readonly packet: (bytes: Buffer) => Sighting | undefined;
  readonly frame: (bytes: Buffer) => Sighting | undefined;
  readonly body: (protocol: number, bytes: Buffer) => Sighting | undefined;
  /** The same of the common cases without an object for each packet: the token of an IPv4 probe at `at`, or else -1. */
  readonly plainProbe: PlainLook;
  /** The token that an IPv4 RST answers, or else -1. */
  readonly plainReset: PlainLook;
}

type PlainLook = (bytes: Buffer, at: number, end: number) => number;
type Ends = Pick<ProbePacket, "source" | "dest" | "sport" | "flags">;

/**
 * Knows the probes of one sender to one destination again, and what refuses them: an RST that answers one, an ICMP error
 * (type 3, of ICMPv6 type 1) that quotes one. Addresses, and the source port where there is one, must be the probes' own.
 */
export function sightOf({ source, dest, sport, flags = SYN }: Ends): Sight {
  const there = Buffer.concat([addressBytes(source), addressBytes(dest)]);
  const back = Buffer.concat([addressBytes(dest), addressBytes(source)]);
  const parse = isIp6(dest) ? ip6Packet : ipPacket;
  const error = isIp6(dest) ? ERROR.ip6 : ERROR.ip4;
  const body = (protocol: number, bytes: Buffer): Sighting | undefined => {
    const token = tokenIn(protocol, bytes, sport, flags) ?? markedToken(bytes, protocol, true);
    return token === undefined ? undefined : { token, kind: "probe" };
  };
  const quoted = (message: Buffer, from: Buffer): Sighting | undefined => {
    if (message.length <= 8 || message.readUInt8(0) !== error.type) return undefined;
    const inner = parse(message.subarray(8));
    const seen = inner?.addresses.equals(there) ? body(inner.protocol, inner.body) : undefined;
    const answer = `${error.name} ${error.type}/${message.readUInt8(1)}`;
    return seen && { token: seen.token, kind: "refusal", answer, by: addressText(from) };
  };
  const whole = ({ protocol, addresses, body: bytes }: IpPacket): Sighting | undefined => {
    if (addresses.equals(there)) return body(protocol, bytes);
    const by = addresses.subarray(0, addresses.length / 2);
    if (protocol === PROTOCOL.tcp && addresses.equals(back)) {
      const token = resetToken(bytes, sport, flags);
      return token === undefined ? undefined : { token, kind: "refusal", answer: "RST", by: addressText(by) };
    }
    return protocol === error.protocol ? quoted(bytes, by) : undefined;
  };
  const packet = (bytes: Buffer) => {
    const parts = parse(bytes);
    return parts && whole(parts);
  };
  const frame = (bytes: Buffer) => {
    const isOurs =
      bytes.length >= ETHERNET_BYTES && bytes.readUInt16BE(12) === (isIp6(dest) ? 0x86dd : 0x0800);
    return isOurs ? packet(bytes.subarray(ETHERNET_BYTES)) : undefined;
  };
  const plain = {
    plainProbe: plainProbeOf(there, sport, flags),
    plainReset: plainResetOf(there, sport, flags),
  };
  return { packet, frame, body, ...plain };
}

/** How a host says that a packet can't be delivered. */
const ERROR = {
  ip4: { name: "ICMP", protocol: PROTOCOL.icmp, type: 3 },
  ip6: { name: "ICMPv6", protocol: PROTOCOL.icmp6, type: 1 },
} as const;

const HAS_PORTS: ReadonlySet<number> = new Set([
  PROTOCOL.tcp,
  PROTOCOL.udp,
  PROTOCOL.sctp,
  PROTOCOL.dccp,
  PROTOCOL.udplite,
]);

/** The token where the protocol carries it; of TCP the first 8 bytes are enough, as an ICMP error quotes them. */
function tokenIn(protocol: number, body: Buffer, sport: number, flags: number): number | undefined {
  if (HAS_PORTS.has(protocol) && (body.length < 8 || body.readUInt16BE(0) !== sport)) return undefined;
  if (protocol !== PROTOCOL.tcp) return markedToken(body, protocol);
  return body.length < 14 || (body.readUInt8(13) & FLAGS) === flags ? body.readUInt32BE(4) : undefined;
}

function resetToken(segment: Buffer, sport: number, flags: number): number | undefined {
  if (segment.length < 20 || segment.readUInt16BE(2) !== sport) return undefined;
  if ((segment.readUInt8(13) & RST) === 0) return undefined;
  return answeredToken(segment, 0, flags);
}

/* RFC 9293 section 3.10.7.1: an answer to an acknowledgement has its number, any other acknowledges what it answers. */
function answeredToken(bytes: Buffer, at: number, flags: number): number {
  if (flags & ACK) return bytes.readUInt32BE(at + 4);
  const length = (flags & SYN ? 1 : 0) + (flags & FIN ? 1 : 0);
  return (bytes.readUInt32BE(at + 8) - length) >>> 0;
}

/* Without options, and no fragment: all that the kernel's own stack sends to a probe, and all probes. */
function isPlain(bytes: Buffer, at: number, end: number): boolean {
  return end - at >= 36 && bytes[at] === 0x45 && (bytes.readUInt16BE(at + 6) & 0x1fff) === 0;
}

function plainProbeOf(there: Buffer, sport: number, flags: number): PlainLook {
  if (there.length !== 8) return () => -1;
  const [source, dest] = [there.readUInt32BE(0), there.readUInt32BE(4)];
  return (bytes, at, end) => {
    if (!isPlain(bytes, at, end) || bytes.readUInt16BE(at + 20) !== sport) return -1;
    if (bytes.readUInt32BE(at + 12) !== source || bytes.readUInt32BE(at + 16) !== dest) return -1;
    if (bytes[at + 9] === PROTOCOL.tcp)
      return ((bytes[at + 33] ?? 0) & FLAGS) === flags ? bytes.readUInt32BE(at + 24) : -1;
    if (bytes[at + 9] !== PROTOCOL.udp) return -1;
    return bytes.readUInt32BE(at + 28) === MAGIC ? bytes.readUInt32BE(at + 32) : -1;
  };
}

function plainResetOf(there: Buffer, sport: number, flags: number): PlainLook {
  if (there.length !== 8) return () => -1;
  const [source, dest] = [there.readUInt32BE(0), there.readUInt32BE(4)];
  return (bytes, at, end) => {
    if (!isPlain(bytes, at, end) || bytes[at + 9] !== PROTOCOL.tcp) return -1;
    if (bytes.readUInt32BE(at + 12) !== dest || bytes.readUInt32BE(at + 16) !== source) return -1;
    if (bytes.readUInt16BE(at + 22) !== sport || ((bytes[at + 33] ?? 0) & RST) === 0) return -1;
    return answeredToken(bytes, at + 20, flags);
  };
}

function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return [...bytes].join(".");
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}
