/** IP protocols with a header of their own; all others are bytes to a firewall. */
export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, dccp: 33, icmp6: 58, sctp: 132, udplite: 136 } as const;

/** Beside the token in every probe but TCP's, so that no other traffic passes for one. */
export const MAGIC = 0x70687821;

/** Where mark and token stand behind the IP header. */
interface Place {
  readonly magic: number;
  readonly token: number;
}

/* Behind the header of 8 bytes, or where the header itself has room: of SCTP the initiate tag, which is never 0, and the
   first TSN; of DCCP the service code and the low half of the sequence number. */
const PAYLOAD: Place = { magic: 8, token: 12 };
const PLACES: Readonly<Record<number, Place>> = {
  [PROTOCOL.icmp]: PAYLOAD,
  [PROTOCOL.icmp6]: PAYLOAD,
  [PROTOCOL.udp]: PAYLOAD,
  [PROTOCOL.udplite]: PAYLOAD,
  [PROTOCOL.sctp]: { magic: 16, token: 28 },
  [PROTOCOL.dccp]: { magic: 16, token: 12 },
};
const BARE: Place = { magic: 0, token: 4 };

/** Marks a message of that protocol, any but TCP; `isBare` where it has no header. */
export function writeToken(message: Buffer, protocol: number, token: number, isBare = false): void {
  const place = (isBare ? undefined : PLACES[protocol]) ?? BARE;
  message.writeUInt32BE(MAGIC, place.magic);
  message.writeUInt32BE(token, place.token);
}

/** The token of a probe of that protocol, any but TCP, by its mark; `isBare`: of one without a header. */
export function markedToken(message: Buffer, protocol: number, isBare = false): number | undefined {
  const { magic, token } = (isBare ? undefined : PLACES[protocol]) ?? BARE;
  if (message.length < Math.max(magic, token) + 4 || message.readUInt32BE(magic) !== MAGIC) return undefined;
  return message.readUInt32BE(token);
}
