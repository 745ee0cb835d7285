import { closeSync } from "node:fs";
import type { Lab } from "../lab/lab.ts";
import {
  AF_PACKET,
  bindPacket,
  ETH_P_ALL,
  forceReceiveBuffer,
  interfaceIndex,
  receive,
  SOCK_RAW,
  socket,
} from "../lab/libc.ts";
import { within } from "../lab/namespace.ts";
import { interfaces } from "../lab/network.ts";
import { addressBytes, ETHERNET_BYTES, isIp6 } from "./frame.ts";
import type { CapturedFrame } from "./pcap.ts";
import type { PacketProbe } from "./probe.ts";

const NODE = "host";
const GATEWAY = "gateway";
/** Enough for the packets of one flow, confirmations included. */
const BUFFER_BYTES = 4 * 1024 * 1024;
/** EtherType, the header's bytes, where it has the next protocol and the two addresses, and the family's ICMP. */
const FAMILY = {
  4: { etherType: 0x0800, header: 20, protocol: 9, addresses: 12, addressBytes: 4, icmp: 1 },
  6: { etherType: 0x86dd, header: 40, protocol: 6, addresses: 8, addressBytes: 16, icmp: 58 },
} as const;

/** All frames of one flow at one device, with the answers; as they passed there. */
export interface Recording {
  /** `host fwpr801p0`. */
  readonly at: string;
  readonly frames: readonly CapturedFrame[];
}

/**
 * Listens at every device that packets between two places pass (the sender's, the gateway's, the node's bridges and the
 * ports of either, the destination's) while `send` runs. Devices without a frame of the two addresses are left out.
 * A frame's time is when it was read, not when it passed.
 */
export async function record(
  lab: Lab,
  { from, to, source, dest }: PacketProbe,
  send: () => Promise<unknown>,
): Promise<Recording[]> {
  const places = [...new Set([from, GATEWAY, NODE, to])];
  const taps = places.flatMap((place) =>
    devicesOf(lab, place, [from, to]).map((name) => tap(lab, place, name)),
  );
  try {
    await send();
    const isOurs = flowFilter(source, dest);
    const recordings = taps.map(({ at, fd }) => ({
      at,
      frames: drain(fd).filter(({ bytes }) => isOurs(bytes)),
    }));
    return recordings.filter(({ frames }) => frames.length > 0);
  } finally {
    for (const { fd } of taps) closeSync(fd);
  }
}

/** Of the node the bridge and its uplink, and of guests those of the two ends alone. */
function devicesOf(lab: Lab, place: string, ends: readonly string[]): string[] {
  const names = [...interfaces(lab, place)].filter((name) => name !== "" && name !== "lo");
  if (place !== NODE) return names;
  return names.filter((name) => {
    const guest = /^(?:veth|tap|fwbr|fwln|fwpr)(\d+)[ip]\d+$/.exec(name)?.[1];
    return guest === undefined || ends.includes(guest);
  });
}

function tap(lab: Lab, place: string, name: string): { at: string; fd: number } {
  const fd = within(lab, place, () => {
    const made = socket(AF_PACKET, SOCK_RAW, 0);
    bindPacket(made, interfaceIndex(name), ETH_P_ALL);
    return made;
  });
  forceReceiveBuffer(fd, BUFFER_BYTES);
  return { at: `${place} ${name}`, fd };
}

const scratch = Buffer.alloc(65_536);

function drain(fd: number): CapturedFrame[] {
  const frames: CapturedFrame[] = [];
  for (let length = receive(fd, scratch); length >= 0; length = receive(fd, scratch))
    frames.push({ atMs: Date.now(), bytes: Buffer.from(scratch.subarray(0, length)) });
  return frames;
}

/** IP between the two addresses either way, and ICMP to the source from anybody. */
function flowFilter(source: string, dest: string): (frame: Buffer) => boolean {
  const [from, to] = [addressBytes(source), addressBytes(dest)];
  const { etherType, header, protocol, addresses, addressBytes: size, icmp } = FAMILY[isIp6(dest) ? 6 : 4];
  return (frame) => {
    const packet = frame.subarray(ETHERNET_BYTES);
    if (packet.length < header || frame.readUInt16BE(ETHERNET_BYTES - 2) !== etherType) return false;
    const sender = packet.subarray(addresses, addresses + size);
    const receiver = packet.subarray(addresses + size, addresses + 2 * size);
    if (sender.equals(from)) return receiver.equals(to);
    return receiver.equals(from) && (sender.equals(to) || packet.readUInt8(protocol) === icmp);
  };
}
