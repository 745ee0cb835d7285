import { closeSync } from "node:fs";
import { randomInt } from "node:crypto";
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
import { run, Shell } from "../lab/process.ts";
import { BOUND, readBack } from "../lab/waits.ts";
import { type Counters, gains, readCounters } from "./counters.ts";
import { expandFlowKeys, foldFlowKeys } from "./flow-key.ts";
import { encodeFrame, encodePacket, type Sighting, sightFrame, sightPacket } from "./frame.ts";
import type { Account, PacketObservation, PacketOutcome } from "./observation.ts";
import type { PacketProbe } from "./probe.ts";

const NODE = "host";
const RECEIVE_BUFFER_BYTES = 256 * 1024 * 1024;
/** Source ports of probes: below the kernel's ephemeral range, so that no server's connection has one. */
const SPORT_RANGE = [20_000, 32_000] as const;
/** Frames handed to the kernel between two emptyings of the capture. */
const CHUNK = 1024;

interface Sent {
  readonly key: string;
  readonly token: number;
}

interface Batch {
  readonly sent: readonly Sent[];
  readonly arrived: Map<number, Sighting["kind"]>;
  readonly accounts: readonly Account[];
  /** Sent = captured + accounted. */
  readonly balanced: boolean;
}

/** The packet engine of a lab: sends from any place, captures at any place, and accounts for what did not arrive. */
export class PacketEngine {
  readonly #lab: Lab;
  readonly #macs: ReadonlyMap<string, string>;
  readonly #sport = randomInt(...SPORT_RANGE);
  readonly #node: Shell;
  readonly #descriptors = new Map<string, number>();
  #token = randomInt(2 ** 31);
  #counters: Counters | undefined;

  private constructor(lab: Lab, macs: ReadonlyMap<string, string>) {
    this.#lab = lab;
    this.#node = new Shell(lab, NODE);
    this.#macs = macs;
  }

  /** Reads back the MAC of each place's interface. */
  static async open(lab: Lab, places: readonly string[]): Promise<PacketEngine> {
    const names = [...places.filter((place) => place !== NODE), "gateway", NODE];
    const script = names.map((name) => `echo "@ ${name}"; ip -n ${name} -o link show`).join("\n");
    const text = await run(lab, undefined, ["sh", "-e"], script);
    return new PacketEngine(lab, macsIn(text));
  }

  /** Counters may have moved since the last batch: other probes ran. The next batch reads them anew. */
  forgetCounters(): void {
    this.#counters = undefined;
  }

  close(): void {
    this.#node.close();
    for (const fd of this.#descriptors.values()) closeSync(fd);
    this.#descriptors.clear();
  }

  /** Sends every flow of the probe once and says what happened to each, with the accounts that prove it. */
  async observe(probe: PacketProbe): Promise<PacketObservation> {
    this.#drain(probe.to);
    const outcomes = new Map<PacketOutcome, string[]>();
    const accounts: Account[] = [];
    let captured = 0;
    const settle = async (keys: readonly string[]): Promise<void> => {
      const batch = await this.#batch(probe, keys);
      const kinds = new Set(batch.accounts.map(({ effect }) => effect));
      const clear = batch.balanced && kinds.size <= 1;
      if (!clear && keys.length > 1) {
        const middle = keys.length >> 1;
        await settle(keys.slice(0, middle));
        return settle(keys.slice(middle));
      }
      accounts.push(...batch.accounts);
      captured += batch.arrived.size;
      const absent = clear ? (kinds.has("reject") ? "rejected" : "dropped") : "unknown";
      for (const { key, token } of batch.sent) {
        const seen = batch.arrived.get(token);
        const outcome = seen === undefined ? absent : seen === "refusal" ? "no-listener" : "delivered";
        if (!outcomes.get(outcome)?.push(key)) outcomes.set(outcome, [key]);
      }
    };
    const keys = expandFlowKeys(probe.keys);
    await settle(keys);
    const { id, from, to, source, dest, forged } = probe;
    return {
      kind: "packets",
      id,
      from,
      to,
      source,
      dest,
      forged,
      captured,
      sent: keys.length,
      sport: this.#sport,
      accounts: merged(accounts),
      outcomes: Object.fromEntries([...outcomes].map(([outcome, each]) => [outcome, foldFlowKeys(each)])),
      ...(outcomes.has("unknown")
        ? { reason: "sent is not captured + accounted, one packet at a time" }
        : {}),
    };
  }

  async #batch(probe: PacketProbe, keys: readonly string[]): Promise<Batch> {
    const before = this.#counters ?? (await readCounters(this.#lab, this.#node));
    const sent = keys.map((key): Sent => ({ key, token: this.#nextToken() }));
    const wanted = new Set(sent.map(({ token }) => token));
    const arrived = new Map<number, Sighting["kind"]>();
    const collect = () => {
      for (const { token, kind } of this.#drain(probe.to)) {
        if (wanted.has(token) && arrived.get(token) !== "refusal") arrived.set(token, kind);
      }
    };
    this.#listen(probe.to);
    for (let at = 0; at < sent.length; at += CHUNK) {
      this.#send(probe, sent.slice(at, at + CHUNK));
      collect();
    }
    let after = before;
    const look = async () => {
      after = await readCounters(this.#lab, this.#node);
      collect();
      const accounted = gains(before, after).reduce((sum, { gain }) => sum + gain, 0);
      return arrived.size + accounted >= sent.length ? accounted : undefined;
    };
    const accounted = await readBack(look, BOUND.conservationMs);
    this.#counters = after;
    const balanced = accounted !== undefined && arrived.size + accounted === sent.length;
    return { sent, arrived, accounts: gains(before, after), balanced };
  }

  #nextToken(): number {
    this.#token = (this.#token + 1) >>> 0;
    return this.#token;
  }

  #send(probe: PacketProbe, sent: readonly Sent[]): void {
    const { source, dest, from } = probe;
    const packets = sent.map(({ key, token }) =>
      encodePacket({ key, source, dest, token, sport: this.#sport }),
    );
    if (from === NODE) {
      sendAll(
        this.#descriptor("raw", NODE),
        packets,
        packets.map(() => sockaddrIn(dest, 0)),
      );
      return;
    }
    const own = this.#mac(from, "eth0");
    const next = from === "wan" ? this.#mac("gateway", "wan0") : this.#macOfPlace(probe.to);
    sendAll(
      this.#descriptor("frames", from),
      packets.map((packet) => encodeFrame(packet, own, next)),
    );
  }

  /** Opens what captures at a place, before anything is sent there. */
  #listen(to: string): void {
    if (to !== NODE) this.#descriptor("frames", to);
    else for (const protocol of HOST_PROTOCOLS) this.#descriptor(protocol, NODE);
  }

  #drain(to: string): Sighting[] {
    this.#listen(to);
    if (to !== NODE) return drain(this.#descriptor("frames", to), sightFrame);
    // The kernel feeds raw sockets after INPUT has accepted (raw(7)).
    return HOST_PROTOCOLS.flatMap((protocol) => drain(this.#descriptor(protocol, NODE), sightPacket));
  }

  #descriptor(kind: "frames" | "raw" | "icmp" | "tcp" | "udp", place: string): number {
    const key = `${kind} ${place}`;
    const known = this.#descriptors.get(key);
    if (known !== undefined) return known;
    const fd = within(this.#lab, place, () => open(kind, place));
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
    throw new HarnessError("lab-gone", {
      subject: `lab ${this.#lab.name}`,
      expected: `${device} in ${place}`,
      actual: "none",
    });
  }
}

const HOST_PROTOCOLS = ["icmp", "tcp", "udp"] as const;
const PROTOCOL_NUMBER = { icmp: 1, tcp: 6, udp: 17, raw: IPPROTO_RAW } as const;

function open(kind: "frames" | "raw" | "icmp" | "tcp" | "udp", place: string): number {
  if (kind !== "frames") {
    const fd = socket(AF_INET, SOCK_RAW, PROTOCOL_NUMBER[kind]);
    forceReceiveBuffer(fd, RECEIVE_BUFFER_BYTES);
    return fd;
  }
  const fd = socket(AF_PACKET, SOCK_RAW, 0);
  forceReceiveBuffer(fd, RECEIVE_BUFFER_BYTES);
  bindPacket(fd, interfaceIndex("eth0"), ETH_P_ALL);
  if (interfaceIndex("eth0") === 0) throw new TypeError(`no eth0 in ${place}`);
  return fd;
}

const scratch = Buffer.alloc(65_536);

function drain(fd: number, sight: (bytes: Buffer) => Sighting | undefined): Sighting[] {
  const seen: Sighting[] = [];
  for (;;) {
    const length = receive(fd, scratch);
    if (length < 0) return seen;
    const sighting = length >= 20 ? sight(scratch.subarray(0, length)) : undefined;
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

function merged(accounts: readonly Account[]): Account[] {
  const groups = Map.groupBy(accounts, ({ chain, rule }) => `${chain} ${rule}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first ? [{ ...first, gain: group.reduce((sum, { gain }) => sum + gain, 0) }] : [];
  });
}
