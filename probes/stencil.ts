import type { SendBatch } from "../lab/batch.ts";
import { ACK, encodePacket, type ProbePacket, SYN } from "./frame.ts";
import { PROTOS } from "./flows.ts";

type Ends = Pick<ProbePacket, "source" | "dest" | "sport" | "flags">;

/** A packet with number 0 and token 0, and its checksums' sums so far. */
interface Pattern {
  readonly bytes: Buffer;
  readonly sum: number;
  readonly headerSum: number;
}

const TCP = PROTOS.indexOf("tcp");
const UDP = PROTOS.indexOf("udp");
/* Where things stand behind the IP header. */
const FIELD = { port: 2, sequence: 4, acknowledged: 8, tcpSum: 16, udpSum: 6, udpToken: 12 } as const;
const NOTHING = 255;

/**
 * Writes probes into the slots of a batch. Of TCP and UDP, which are many, a slot keeps its packet from one use to the
 * next, and only the port, the token and the checksums are written (RFC 1624).
 */
export class Stencil {
  readonly #batch: SendBatch;
  readonly #ends: Ends;
  readonly #head: Buffer;
  readonly #patterns: readonly Pattern[];
  /** The first byte behind the IP header, within a slot. */
  readonly #body: number;
  readonly #isIp4: boolean;
  readonly #hasAck: boolean;
  /** Which pattern each slot holds. */
  readonly #held: Uint8Array;

  /**
   * `head` stands before each packet: an Ethernet header, or nothing. `padding` as `encodePacket` has it, of TCP and UDP.
   */
  constructor(batch: SendBatch, slots: number, ends: Ends, head: Buffer, padding = 0) {
    this.#batch = batch;
    this.#ends = ends;
    this.#head = head;
    const patterns = [TCP, UDP].map((proto) =>
      encodePacket({ ...ends, key: `${PROTOS[proto]}/0`, token: 0, padding }),
    );
    this.#isIp4 = patterns[0]?.readUInt8(0) === 0x45;
    this.#body = head.length + (this.#isIp4 ? 20 : 40);
    this.#hasAck = ((ends.flags ?? SYN) & ACK) !== 0;
    this.#patterns = patterns.map((packet, proto) => {
      const at = this.#body - head.length + (proto === TCP ? FIELD.tcpSum : FIELD.udpSum);
      const headerSum = this.#isIp4 ? sumIn(packet, 10) : 0;
      return { bytes: Buffer.concat([head, packet]), sum: sumIn(packet, at), headerSum };
    });
    this.#held = new Uint8Array(slots).fill(NOTHING);
  }

  /** Returns the packet's bytes, IP header included; `padding` as `encodePacket` has it. */
  write(slot: number, proto: number, number: number, token: number, padding = 0): number {
    const pattern = this.#patterns[proto];
    if (!pattern || padding > 0) return this.#writeWhole(slot, proto, number, token, padding);
    if (this.#held[slot] !== proto) this.#hold(slot, proto, pattern.bytes);
    const { view, stride } = this.#batch;
    const at = slot * stride + this.#body;
    const [high, low] = [token >>> 16, token & 0xffff];
    const sum = pattern.sum + number + high + low;
    view.setUint16(at + FIELD.port, number);
    if (proto === TCP) {
      view.setUint32(at + FIELD.sequence, token);
      if (this.#hasAck) view.setUint32(at + FIELD.acknowledged, token);
      view.setUint16(at + FIELD.tcpSum, folded(this.#hasAck ? sum + high + low : sum));
    } else {
      view.setUint32(at + FIELD.udpToken, token);
      view.setUint16(at + FIELD.udpSum, folded(sum) || 0xffff);
    }
    if (this.#isIp4) {
      view.setUint16(at - 16, low);
      view.setUint16(at - 10, folded(pattern.headerSum + low));
    }
    return pattern.bytes.length - this.#head.length;
  }

  #hold(slot: number, held: number, bytes: Buffer): void {
    bytes.copy(this.#batch.bytes, slot * this.#batch.stride);
    this.#batch.setLength(slot, bytes.length);
    this.#held[slot] = held;
  }

  #writeWhole(slot: number, proto: number, number: number, token: number, padding: number): number {
    const packet = encodePacket({ ...this.#ends, key: `${PROTOS[proto]}/${number}`, token, padding });
    this.#hold(slot, NOTHING, Buffer.concat([this.#head, packet]));
    return packet.length;
  }
}

/** The one's complement sum that a checksum stands for. */
function sumIn(packet: Buffer, at: number): number {
  return ~packet.readUInt16BE(at) & 0xffff;
}

function folded(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return ~((once & 0xffff) + (once >>> 16)) & 0xffff;
}
