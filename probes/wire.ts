import { randomInt } from "node:crypto";
import { closeSync } from "node:fs";
import { availableParallelism } from "node:os";
import { HarnessError } from "../errors.ts";
import { BATCH_SLOTS, SendBatch } from "../lab/batch.ts";
import type { Lab } from "../lab/lab.ts";
import {
  AF_INET,
  AF_INET6,
  AF_PACKET,
  attachFilter,
  bindPacket,
  ETH_P_ALL,
  forceReceiveBuffer,
  interfaceIndex,
  IPPROTO_RAW,
  SOCK_RAW,
  sockaddrIn,
  sockaddrIn6,
  socket,
} from "../lab/libc.ts";
import { within } from "../lab/namespace.ts";
import { run } from "../lab/process.ts";
import { Capture, type Ear } from "./capture.ts";
import { filterOf } from "./filter.ts";
import { addressBytes, ETHERNET_BYTES, ethernetHeader, isIp6, protocolOf } from "./frame.ts";
import type { PacketProbe } from "./probe.ts";
import { sightOf } from "./sight.ts";
import { Stencil } from "./stencil.ts";

const NODE = "host";
const RECEIVE_BUFFER_BYTES = 256 * 1024 * 1024;
/** More than any probe's frame. */
const SLOT_BYTES = 128;
/** What a packet may be longer by, as TCP's options have it. */
const [WORD_BYTES, MOST_WORDS] = [4, 10];
/** libuv runs four threads; one more batch than processors is written while each of them sends. */
const BATCHES = Math.min(4, availableParallelism() + 1);

/** A batch, and what writes this probe's packets into it. */
interface OwnBatch {
  readonly batch: SendBatch;
  readonly stencil: Stencil;
}

/** One probe's way: what writes its packets, the socket they leave by, and what hears them at their destination. */
export interface Way {
  /** So many that one is written while others are sent. */
  readonly batches: readonly [OwnBatch, ...OwnBatch[]];
  /** The same for a batch of one's own. */
  readonly stencilFor: (batch: SendBatch, slots: number) => Stencil;
  readonly sender: number;
  readonly capture: Capture;
  /** Hears refusals of the probes on any device of a namespace, until it is closed; slows down all that passes there. */
  readonly tap: (namespace: string) => Capture;
}

/** Sockets that send at one place of a lab and capture at another. */
export class Wire {
  readonly #lab: Lab;
  readonly #macs: ReadonlyMap<string, string>;
  readonly #descriptors = new Map<string, number>();
  readonly #first = new SendBatch(BATCH_SLOTS, SLOT_BYTES);
  readonly #others = Array.from({ length: BATCHES - 1 }, () => new SendBatch(BATCH_SLOTS, SLOT_BYTES));

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

  /** Opens what is still closed, and has it hear this probe's packets alone. One way at a time. */
  way(probe: PacketProbe, sport: number): Way {
    const { from, source, dest, flags } = probe;
    const ends = { source, dest, sport, ...(flags === undefined ? {} : { flags }) };
    const sight = sightOf(ends);
    const isNode = from === NODE;
    const head = isNode ? Buffer.alloc(0) : this.#head(probe);
    const ears = this.#ears(probe);
    for (const { fd, skip } of ears) attachFilter(fd, filterOf(ends, "all", skip));
    const family = isIp6(dest) ? AF_INET6 : AF_INET;
    const stencilFor = (batch: SendBatch, slots: number) => {
      batch.address(isNode ? destination(dest) : undefined);
      // A length that nobody could foresee: a foreign packet at the same rule does not stand in for one that was lost.
      const padding = WORD_BYTES * randomInt(0, MOST_WORDS + 1);
      return new Stencil(batch, slots, ends, head, padding);
    };
    const own = (batch: SendBatch) => ({ batch, stencil: stencilFor(batch, BATCH_SLOTS) });
    return {
      batches: [own(this.#first), ...this.#others.map(own)],
      stencilFor,
      sender: isNode ? this.#raw(family, IPPROTO_RAW) : this.#sending(from),
      capture: new Capture(ears, sight),
      tap: (namespace) => {
        const fd = this.#open(namespace, () => {
          const made = socket(AF_PACKET, SOCK_RAW, 0);
          attachFilter(made, filterOf(ends, "refusals", ETHERNET_BYTES));
          bindPacket(made, 0, ETH_P_ALL);
          return made;
        });
        return new Capture([{ fd, skip: ETHERNET_BYTES }], sight);
      },
    };
  }

  /** Names of a place's and the node's devices are no concern of a probe: only whom its frames are addressed to. */
  #head({ from, to, dest, sourceMac }: PacketProbe): Buffer {
    const isOut = to === "wan";
    const next =
      from === "wan" || isOut ? this.#mac("gateway", isOut ? "lan0" : "wan0") : this.#macOfPlace(to);
    return ethernetHeader(dest, sourceMac ?? this.#mac(from, "eth0"), next);
  }

  #ears({ to, dest, keys }: PacketProbe): Ear[] {
    if (to !== NODE) return [{ fd: this.#frames(to), skip: ETHERNET_BYTES }];
    const family = isIp6(dest) ? 6 : 4;
    // The kernel feeds raw sockets after INPUT has accepted (raw(7)); one of protocol 0 or 255 would hear nothing. Those
    // of IPv6 get no header: their filter has seen it.
    const protocols = new Set(keys.map((key) => protocolOf(key, family)));
    return [...protocols]
      .filter((each) => each > 0 && each < IPPROTO_RAW)
      .map((protocol) => ({
        fd: this.#raw(family === 6 ? AF_INET6 : AF_INET, protocol),
        ...(family === 6 ? { headless: protocol } : { skip: 0 }),
      }));
  }

  #raw(family: number, protocol: number): number {
    return this.#descriptor(`raw ${family} ${protocol}`, NODE, () => socket(family, SOCK_RAW, protocol));
  }

  /** Apart from what captures: it hears nothing, so the sender's own packets cost no copy. */
  #sending(place: string): number {
    return this.#descriptor(`sending ${place}`, place, () => this.#bound(place, 0));
  }

  #frames(place: string): number {
    return this.#descriptor(`frames ${place}`, place, () => this.#bound(place, ETH_P_ALL));
  }

  #bound(place: string, etherType: number): number {
    const index = interfaceIndex("eth0");
    if (index === 0) throw this.#gone(place, "eth0");
    const fd = socket(AF_PACKET, SOCK_RAW, 0);
    bindPacket(fd, index, etherType);
    return fd;
  }

  #descriptor(key: string, place: string, open: () => number): number {
    const known = this.#descriptors.get(key);
    if (known !== undefined) return known;
    const fd = this.#open(place, open);
    this.#descriptors.set(key, fd);
    return fd;
  }

  #open(place: string, open: () => number): number {
    const fd = within(this.#lab, place, open);
    forceReceiveBuffer(fd, RECEIVE_BUFFER_BYTES);
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

function destination(dest: string): Buffer {
  return isIp6(dest) ? sockaddrIn6(addressBytes(dest)) : sockaddrIn(dest, 0);
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
