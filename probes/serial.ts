import type { RejectKind } from "../policy/flow.ts";
import { FLAGS, type IpPacket, ipPacket, RST, SYN } from "./frame.ts";
import { markedToken, PROTOCOL } from "./token.ts";

/** What an IPv4 packet says of a probe that is known by its token alone, whoever sent it: that it is the probe, or that
 * it refuses the probe, and how. */
export type Serial =
  | { readonly token: number; readonly kind: "probe" }
  | { readonly token: number; readonly kind: "refusal"; readonly reject: RejectKind | undefined };

const DESTINATION_UNREACHABLE = 3;
const ICMP_KINDS: Readonly<Record<number, RejectKind>> = {
  3: "icmp-port-unreachable",
  10: "icmp-host-prohibited",
};

/** Undefined for all traffic that carries no token. A TCP token is any number: whoever asks knows which ones were sent. */
export function readSerial(bytes: Buffer): Serial | undefined {
  const packet = ipPacket(bytes);
  if (!packet) return undefined;
  const token = tokenOf(packet);
  if (token !== undefined) return { token, kind: "probe" };
  return packet.protocol === PROTOCOL.tcp ? readReset(packet.body) : readError(packet);
}

/** Of a quoted segment only the first 8 bytes need be there. */
function tokenOf({ protocol, body }: IpPacket): number | undefined {
  if (protocol !== PROTOCOL.tcp) return markedToken(body, protocol);
  if (body.length < 8) return undefined;
  return body.length < 14 || (body.readUInt8(13) & FLAGS) === SYN ? body.readUInt32BE(4) : undefined;
}

/** An RST acknowledges the SYN, whose sequence number is the token. */
function readReset(segment: Buffer): Serial | undefined {
  if (segment.length < 20 || (segment.readUInt8(13) & RST) === 0) return undefined;
  return { token: (segment.readUInt32BE(8) - 1) >>> 0, kind: "refusal", reject: "tcp-reset" };
}

function readError({ protocol, body }: IpPacket): Serial | undefined {
  if (protocol !== PROTOCOL.icmp || body.length <= 8 || body.readUInt8(0) !== DESTINATION_UNREACHABLE)
    return undefined;
  const quoted = ipPacket(body.subarray(8));
  const token = quoted && tokenOf(quoted);
  return token === undefined ? undefined : { token, kind: "refusal", reject: ICMP_KINDS[body.readUInt8(1)] };
}
