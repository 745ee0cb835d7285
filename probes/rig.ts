import { randomInt } from "node:crypto";
import { flushConntrack } from "../lab/conntrack.ts";
import { type CountedRule, FilterCounters } from "../lab/filter-counters.ts";
import { createLab, type OwnedLab } from "../lab/lab.ts";
import { loadRules, type RuleTexts, tryRules } from "../lab/netfilter.ts";
import { type Batch, createNamespaces, runBatches, writeSysctls } from "../lab/network.ts";
import { run } from "../lab/process.ts";
import { BOUND } from "../lab/waits.ts";
import { encodePacket, PROBE_TTL, protocolOf } from "./frame.ts";
import { NODE, type RigOutcome, type RigPacket, type Round, sendRound } from "./rig-round.ts";
import { type Outgoing, RigWire } from "./rig-wire.ts";

/** A node as commands, with nobody at its ends who would answer. */
export interface RigNetwork {
  readonly namespaces: readonly {
    readonly name: string;
    readonly sysctls: Readonly<Record<string, string>>;
  }[];
  readonly batches: readonly Batch[];
  readonly ends: readonly RigEnd[];
  /** The node's own address, on this bridge. */
  readonly address: string;
  readonly bridge: string;
}

interface RigEnd {
  readonly place: string;
  readonly mac: string;
  readonly bridge: string;
  readonly bridgeMac: string;
  /** The node sends here, whatever the destination, what carries this mark. */
  readonly mark: number;
}

/** The node's answers end where they would pass its rules: only first packets are asked about, and only they count. */
const SWALLOW = ["INPUT", "FORWARD"].map((hook) => `-A ${hook} -m ttl --ttl-gt ${PROBE_TTL} -j DROP`);

/** What the node is to route carries its target in its time to live: the destination says nothing about the target. */
const ROUTED_TTL = 16;
const MOST_ENDS = PROBE_TTL - ROUTED_TTL - 1;

function mangleTable(ends: readonly RigEnd[]): string {
  const marks = ends
    .slice(0, MOST_ENDS)
    .map(
      ({ mark }) => `-A PREROUTING -m ttl --ttl-eq ${ROUTED_TTL + mark} -j MARK --set-xmark ${mark}/0xffff`,
    );
  return ["*mangle", ...marks, ...SWALLOW, "COMMIT", ""].join("\n");
}

/** Packets sent through a real kernel, one configuration after the other, and what became of each. */
export class Rig implements AsyncDisposable {
  readonly #owned: OwnedLab;
  readonly #network: RigNetwork;
  readonly #ends: ReadonlyMap<string, RigEnd>;
  readonly #wire: RigWire;
  readonly #counters: FilterCounters;
  readonly #added = new Set<string>();
  #token = randomInt(2 ** 32);
  #boundMs: number = BOUND.conservationMs;

  private constructor(owned: OwnedLab, network: RigNetwork) {
    this.#owned = owned;
    this.#network = network;
    this.#ends = new Map(network.ends.map((end) => [end.place, end]));
    this.#wire = new RigWire(
      owned.lab,
      network.ends.map(({ place }) => place),
    );
    this.#counters = new FilterCounters(owned.lab, NODE);
    this.#added.add(network.address);
  }

  /** Builds the node in a lab of its own, which ends when the rig is disposed of, and with this process. */
  static async build(name: string, network: RigNetwork): Promise<Rig> {
    const owned = await createLab(name);
    try {
      const { lab } = owned;
      await createNamespaces(
        lab,
        network.namespaces.map((each) => each.name),
      );
      for (const { name: namespace, sysctls } of network.namespaces) writeSysctls(lab, namespace, sysctls);
      await runBatches(lab, network.batches);
      await run(lab, NODE, ["iptables-legacy-restore"], mangleTable(network.ends));
      // What is refused later is then the rules' own doing.
      await tryRules(lab, NODE);
      return new Rig(owned, network);
    } catch (error) {
      await owned[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#wire.close();
    await this.#owned[Symbol.asyncDispose]();
  }

  /** Puts these rules in place of the last ones. Throws `lab-command` where the kernel refuses them: none are loaded then. */
  async load(texts: RuleTexts): Promise<void> {
    await loadRules(this.#owned.lab, NODE, texts);
  }

  /** What becomes of each packet under the loaded rules. One that can't be told among the others is sent again, alone. */
  async decide(packets: readonly RigPacket[]): Promise<RigOutcome[]> {
    await this.#addAddresses(packets);
    const outcomes = new Map<RigPacket, RigOutcome>();
    const sendable = packets.filter((packet) => {
      const reason = this.#obstacle(packet);
      if (reason !== undefined) outcomes.set(packet, { verdict: "unknown", reason });
      return reason === undefined;
    });
    for (const together of roundsOf(sendable)) {
      const round = await this.#round(together);
      for (const packet of together)
        outcomes.set(packet, round.outcomes.get(packet) ?? (await this.#decideAlone(packet)));
    }
    return packets.map((packet) => outcomes.get(packet) ?? { verdict: "unknown", reason: "not sent" });
  }

  async #decideAlone(packet: RigPacket): Promise<RigOutcome> {
    const { outcomes, sum } = await this.#round([packet]);
    return outcomes.get(packet) ?? { verdict: "unknown", reason: sum };
  }

  /** Sends one packet and says which lines of the filter table counted it: the kernel's own path. */
  async trace(packet: RigPacket): Promise<{ outcome: RigOutcome; path: CountedRule[] }> {
    const before = await this.#counters.read();
    const [outcome = { verdict: "unknown", reason: "not sent" }] = await this.decide([packet]);
    const path = (await this.#counters.read()).flatMap((after, index) => {
      const count = after.count - (before[index]?.count ?? 0);
      return count > 0 ? [{ ...after, count }] : [];
    });
    return { outcome, path };
  }

  /** A destination that the node is to take for its own, and a source that it is to send from, become addresses of it. */
  async #addAddresses(packets: readonly RigPacket[]): Promise<void> {
    const wanted = packets.flatMap(({ from, to, source, dest }) => [
      ...(to === NODE ? [dest] : []),
      ...(from === NODE ? [source] : []),
    ]);
    const missing = [...new Set(wanted)].filter((each) => !this.#added.has(each) && isUnicast(each));
    if (missing.length === 0) return;
    const lines = missing.map((each) => `addr add ${each}/32 dev ${this.#network.bridge}`);
    await runBatches(this.#owned.lab, [{ namespace: NODE, tool: "ip", lines }]);
    for (const each of missing) this.#added.add(each);
  }

  /** Why a packet can't be sent here. */
  #obstacle({ from, to, key, source, dest }: RigPacket): string | undefined {
    if (from === to && from !== NODE) return "it never leaves its sender";
    if (source.includes(":") || dest.includes(":")) return "the rig sends no IPv6";
    const [sender, target] = [this.#ends.get(from), this.#ends.get(to)];
    if (from !== NODE && !sender) return `nobody is at ${from}`;
    if (to !== NODE && !target) return `nobody is at ${to}`;
    if (to === NODE && protocolOf(key) === 0) return "no socket of the node hears protocol 0";
    const isRouted = sender && target && sender.bridge !== target.bridge;
    if (isRouted && target.mark > MOST_ENDS) return `the rig routes to ${MOST_ENDS} ends at most`;
    return undefined;
  }

  /** The connection table is emptied before: each packet is the first of its flow. */
  async #round(packets: readonly RigPacket[]): Promise<Round> {
    flushConntrack(this.#owned.lab, NODE);
    const byToken = new Map(packets.map((packet) => [this.#nextToken(), packet]));
    const send = () => this.#send(byToken);
    const round = await sendRound(this.#wire, this.#counters, byToken, send, this.#boundMs);
    if (!round.isInTime) this.#boundMs = BOUND.conservationAgainMs;
    return round;
  }

  #send(byToken: ReadonlyMap<number, RigPacket>): void {
    const bySender = Map.groupBy(byToken, ([, { from }]) => from);
    for (const [from, group] of bySender) {
      const outgoing = group.map(([token, packet]) => this.#encode(token, packet));
      const sender = this.#ends.get(from);
      if (sender) this.#wire.sendFrames(from, outgoing);
      else this.#wire.sendFromNode(outgoing);
    }
  }

  #encode(token: number, { from, to, key, source, dest, sport, icmpCode, sourceMac }: RigPacket): Outgoing {
    const sender = this.#ends.get(from);
    const target = this.#ends.get(to);
    const isBridged = sender && target && sender.bridge === target.bridge;
    const ttl = sender && target && !isBridged ? ROUTED_TTL + target.mark : PROBE_TTL;
    const port = sport ?? token & 0xffff;
    const code = icmpCode === undefined ? {} : { icmpCode };
    const packet = encodePacket({ key, source, dest, sport: port, token, ttl, ...code });
    const destMac = isBridged ? target.mac : (sender?.bridgeMac ?? "");
    return { packet, dest, destMac, sourceMac: sourceMac ?? sender?.mac ?? "", mark: target?.mark ?? 0 };
  }

  #nextToken(): number {
    this.#token = (this.#token + 1) >>> 0;
    return this.#token;
  }
}

/** Packets of one flow, or of a flow and its reverse, go to different rounds: conntrack would call the second one known. */
function roundsOf(packets: readonly RigPacket[]): RigPacket[][] {
  const rounds: RigPacket[][] = [];
  const seen = new Map<string, number>();
  for (const packet of packets) {
    const key = flowOf(packet);
    // ICMP has a flow of its own for every packet: their identifiers differ.
    const at = packet.key.startsWith("icmp/") ? 0 : (seen.get(key) ?? 0);
    seen.set(key, at + 1);
    (rounds[at] ??= []).push(packet);
  }
  return rounds;
}

/** The same for a flow and its reverse. */
function flowOf({ key, source, dest, sport }: RigPacket): string {
  const [proto = "", number = ""] = key.split("/");
  // A newer kernel tracks no DCCP: its ports tell no flows apart.
  if (proto === "ip" || proto === "dccp")
    return [proto === "ip" ? key : proto, ...[source, dest].sort()].join(" ");
  return [proto, ...[`${source} ${sport ?? ""}`, `${dest} ${number}`].sort()].join(" ");
}

function isUnicast(address: string): boolean {
  const first = Number(address.split(".")[0]);
  return first > 0 && first < 224 && first !== 127;
}
