import { closeSync } from "node:fs";
import type { Lab } from "../lab/lab.ts";
import {
  AF_INET,
  AF_PACKET,
  attachFilter,
  bindPacket,
  ETH_P_ALL,
  ETH_P_IP,
  type FilterStep,
  forceReceiveBuffer,
  interfaceIndex,
  IPPROTO_RAW,
  markPackets,
  receive,
  SOCK_RAW,
  sendAll,
  sockaddrIn,
  socket,
} from "../lab/libc.ts";
import { within } from "../lab/namespace.ts";
import { encodeFrame, PROBE_TTL } from "./frame.ts";
import { readSerial, type Serial } from "./serial.ts";

const NODE = "host";
const ETHERNET_BYTES = 14;
const RECEIVE_BUFFER_BYTES = 16 * 1024 * 1024;

export interface Outgoing {
  readonly packet: Buffer;
  readonly dest: string;
  /** Of a frame: whom it is addressed to. */
  readonly destMac: string;
  readonly sourceMac: string;
  /** Of the node's own packets: where the node is to send it; 0 leaves it to the routes. */
  readonly mark: number;
}

/* IPv4 frames with more time to live than any probe has: the node's own packets. */
const OWN_PACKETS: readonly FilterStep[] = [
  [0x28, 0, 0, 12], // ldh [12]: the frame's type
  [0x15, 0, 3, 0x0800], // jeq IPv4
  [0x30, 0, 0, ETHERNET_BYTES + 8], // ldb: time to live
  [0x25, 0, 1, PROBE_TTL], // jgt
  [0x06, 0, 0, 0x40000], // ret all
  [0x06, 0, 0, 0], // ret nothing
];

/** Sockets that send and capture at every end of a rig, and one that hears what the node itself answers anywhere. */
export class RigWire {
  readonly #lab: Lab;
  readonly #descriptors = new Map<string, number>();
  readonly #scratch = Buffer.alloc(65_536);

  constructor(lab: Lab, places: readonly string[]) {
    this.#lab = lab;
    this.#answers();
    for (const place of places) this.#frames(place);
  }

  close(): void {
    for (const fd of this.#descriptors.values()) closeSync(fd);
    this.#descriptors.clear();
  }

  /** Hands packets of one end to the kernel, in order. */
  sendFrames(place: string, packets: readonly Outgoing[]): void {
    sendAll(
      this.#frames(place),
      packets.map(({ packet, sourceMac, destMac }) => encodeFrame(packet, sourceMac, destMac)),
    );
  }

  /** The node's own; how many its OUTPUT refused. */
  sendFromNode(packets: readonly Outgoing[]): number {
    let refused = 0;
    for (const [mark, group] of Map.groupBy(packets, (each) => each.mark)) {
      const addresses = group.map(({ dest }) => sockaddrIn(dest, 0));
      const sent = group.map(({ packet }) => packet);
      refused += sendAll(this.#marked(mark), sent, addresses).length;
    }
    return refused;
  }

  /** What was received at an end other than the node since the last look. */
  received(place: string): Serial[] {
    return this.#drain(this.#frames(place), ETHERNET_BYTES);
  }

  /** The same of the node: the kernel feeds raw sockets after INPUT has accepted, raw(7). The first look opens it. */
  receivedByNode(protocol: number): Serial[] {
    return this.#drain(
      this.#descriptor(`raw ${protocol}`, NODE, () => socket(AF_INET, SOCK_RAW, protocol)),
      0,
    );
  }

  /** What the node itself sent since the last look, on any of its devices. */
  answered(): Serial[] {
    return this.#drain(this.#answers(), ETHERNET_BYTES);
  }

  #answers(): number {
    return this.#descriptor("answers", NODE, () => {
      const fd = socket(AF_PACKET, SOCK_RAW, 0);
      attachFilter(fd, OWN_PACKETS);
      bindPacket(fd, 0, ETH_P_ALL);
      return fd;
    });
  }

  #frames(place: string): number {
    return this.#descriptor(`frames ${place}`, place, () => {
      const fd = socket(AF_PACKET, SOCK_RAW, 0);
      // Of one type: such a socket hears only what comes in, not what is sent here.
      bindPacket(fd, interfaceIndex("eth0"), ETH_P_IP);
      return fd;
    });
  }

  #marked(mark: number): number {
    return this.#descriptor(`mark ${mark}`, NODE, () => {
      const fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
      if (mark > 0) markPackets(fd, mark);
      return fd;
    });
  }

  #descriptor(key: string, place: string, open: () => number): number {
    const known = this.#descriptors.get(key);
    if (known !== undefined) return known;
    const fd = within(this.#lab, place, open);
    forceReceiveBuffer(fd, RECEIVE_BUFFER_BYTES);
    this.#descriptors.set(key, fd);
    return fd;
  }

  #drain(fd: number, skip: number): Serial[] {
    const seen: Serial[] = [];
    for (;;) {
      const length = receive(fd, this.#scratch);
      if (length < 0) return seen;
      const serial = readSerial(this.#scratch.subarray(skip, length));
      if (serial) seen.push(serial);
    }
  }
}
