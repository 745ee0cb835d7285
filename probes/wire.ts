import { closeSync } from "node:fs";
import { HarnessError } from "../errors.ts";
import type { Lab } from "../lab/lab.ts";
import {
  AF_INET,
  AF_PACKET,
  bindPacket,
  ETH_P_ALL,
  forceReceiveBuffer,
  interfaceIndex,
  IPPROTO_RAW,
  receive,
  SOCK_RAW,
  sendAll,
  sockaddrIn,
  socket,
} from "../lab/libc.ts";
import { within } from "../lab/namespace.ts";
import { run } from "../lab/process.ts";
import { encodeFrame, protocolOf, type Sight, type Sighting } from "./frame.ts";
import type { PacketProbe } from "./probe.ts";

const NODE = "host";
const RECEIVE_BUFFER_BYTES = 256 * 1024 * 1024;

/** Sockets that send at one place of a lab and capture at another. */
export class Wire {
  readonly #lab: Lab;
  readonly #macs: ReadonlyMap<string, string>;
  readonly #descriptors = new Map<string, number>();

  private constructor(lab: Lab, macs: ReadonlyMap<string, string>) {
    this.#lab = lab;
    this.#macs = macs;
  }

  /** Reads back the MAC of each place's interface. */
  static async open(lab: Lab, places: readonly string[]): Promise<Wire> {
    const names = [...places.filter((place) => place !== NODE), "gateway", NODE];
    const script = names.map((name) => `echo "@ ${name}"; ip -n ${name} -o link show`).join("\n");
    return new Wire(lab, macsIn(await run(lab, undefined, ["sh", "-e"], script)));
  }

  close(): void {
    for (const fd of this.#descriptors.values()) closeSync(fd);
    this.#descriptors.clear();
  }

  /** Hands packets to the kernel, in order; where its OUTPUT refuses one, that is counted there as any other drop. */
  send({ from, to, dest }: PacketProbe, packets: readonly Buffer[]): void {
    if (from === NODE) {
      const address = sockaddrIn(dest, 0);
      sendAll(
        this.#raw(IPPROTO_RAW),
        packets,
        packets.map(() => address),
      );
      return;
    }
    const own = this.#mac(from, "eth0");
    const next = from === "wan" ? this.#mac("gateway", "wan0") : this.#macOfPlace(to);
    sendAll(
      this.#frames(from),
      packets.map((packet) => encodeFrame(packet, own, next)),
    );
  }

  /** Everything of these probes that was captured at their destination since the last look; the first look opens it. */
  captured({ to, keys }: PacketProbe, sight: Sight): Sighting[] {
    if (to !== NODE) return drain(this.#frames(to), sight.frame);
    // The kernel feeds raw sockets after INPUT has accepted (raw(7)); one of protocol 0 or 255 would hear nothing.
    const protocols = new Set(keys.map(protocolOf).filter((each) => each > 0 && each < IPPROTO_RAW));
    return [...protocols].flatMap((protocol) => drain(this.#raw(protocol), sight.packet));
  }

  #raw(protocol: number): number {
    return this.#descriptor(`raw ${protocol}`, NODE, () => socket(AF_INET, SOCK_RAW, protocol));
  }

  #frames(place: string): number {
    return this.#descriptor(`frames ${place}`, place, () => {
      const index = interfaceIndex("eth0");
      if (index === 0) throw this.#gone(place, "eth0");
      const fd = socket(AF_PACKET, SOCK_RAW, 0);
      bindPacket(fd, index, ETH_P_ALL);
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

  #macOfPlace(place: string): string {
    if (place !== NODE) return this.#mac(place, "eth0");
    const bridge = [...this.#macs.keys()].find((key) => key.startsWith(`${NODE} vmbr`));
    return this.#mac(NODE, bridge?.split(" ")[1] ?? "vmbr0");
  }

  #mac(place: string, device: string): string {
    const mac = this.#macs.get(`${place} ${device}`);
    if (mac) return mac;
    throw this.#gone(place, device);
  }

  #gone(place: string, device: string): HarnessError {
    const expected = `${device} in ${place}`;
    return new HarnessError("lab-gone", { subject: `lab ${this.#lab.name}`, expected, actual: "none" });
  }
}

const scratch = Buffer.alloc(65_536);

function drain(fd: number, sight: (bytes: Buffer) => Sighting | undefined): Sighting[] {
  const seen: Sighting[] = [];
  for (;;) {
    const length = receive(fd, scratch);
    if (length < 0) return seen;
    const sighting = sight(scratch.subarray(0, length));
    if (sighting) seen.push(sighting);
  }
}

/** `2: eth0@if5: <...> link/ether 52:54:...` lines below `@ NAMESPACE` lines -> `NAMESPACE DEVICE`: MAC. */
function macsIn(text: string): Map<string, string> {
  const macs = new Map<string, string>();
  let place = "";
  for (const line of text.split("\n")) {
    if (line.startsWith("@ ")) place = line.slice(2);
    const device = /^\d+: ([^:@]+)[:@]/.exec(line)?.[1];
    const mac = /link\/ether ([0-9a-f:]{17})/.exec(line)?.[1];
    if (device && mac) macs.set(`${place} ${device}`, mac);
  }
  return macs;
}
