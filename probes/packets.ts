import { randomInt } from "node:crypto";
import { FilterCounters } from "../lab/filter-counters.ts";
import type { Lab } from "../lab/lab.ts";
import { BOUND, readBack } from "../lab/waits.ts";
import { gains, readCounters } from "./counters.ts";
import { expandFlowKeys, type FlowKey, foldFlowKeys } from "./flow-key.ts";
import { encodePacket, type Sighting, sightOf } from "./frame.ts";
import type { Account, PacketObservation, PacketOutcome } from "./observation.ts";
import type { PacketProbe } from "./probe.ts";
import { Wire } from "./wire.ts";

/** Source ports of probes: below the kernel's ephemeral range, so that no server's connection has one. */
const SPORT_RANGE = [20_000, 32_000] as const;
/** Packets handed to the kernel between two emptyings of the capture. */
const CHUNK = 1024;
/** Packets that confirm a finding, so many in all; of a sweep that many flows are confirmed. */
const CONFIRMING = 512;
/** How often flows are sent anew of which neither arrival nor account can be told: traffic of others may pass. */
const ATTEMPTS = 3;

/** Batches of one engine that may be sent anew, smaller: where a path loses packets for good, the rest is `unknown` at once. */
const PATIENCE = 64;

interface Batch {
  readonly arrived: ReadonlyMap<FlowKey, Sighting["kind"]>;
  readonly accounts: readonly Account[];
  /** What became of what did not arrive, where sent = captured + accounted and all accounts say the same. */
  readonly effect: Account["effect"] | undefined;
}

interface Tally {
  readonly outcomes: Map<FlowKey, PacketOutcome>;
  readonly accounts: Account[];
}

/** The packet engine of a lab: sends from any place, captures at any place, and accounts for what did not arrive. */
export class PacketEngine {
  readonly #lab: Lab;
  readonly #wire: Wire;
  readonly #node: FilterCounters;
  readonly #sport = randomInt(...SPORT_RANGE);
  #token = randomInt(2 ** 31);
  #boundMs: number = BOUND.conservationMs;
  #patience = PATIENCE;

  private constructor(lab: Lab, wire: Wire) {
    this.#lab = lab;
    this.#wire = wire;
    this.#node = new FilterCounters(lab, "host");
  }

  static async open(lab: Lab, places: readonly string[]): Promise<PacketEngine> {
    return new PacketEngine(lab, await Wire.open(lab, places));
  }

  close(): void {
    this.#wire.close();
  }

  /**
   * Sends every flow of the probe and says what happened to each, with the accounts that prove it, one packet a flow.
   * What arrived is shown by the capture alone. That a flow was dropped or rejected is said only where a second sending,
   * in numbers that nobody could foresee, is accounted for to the packet: other traffic that is dropped at the same time
   * makes a flow `unknown`, never wrong.
   */
  async observe(probe: PacketProbe): Promise<PacketObservation> {
    this.#boundMs = this.#patience > 0 ? BOUND.conservationMs : BOUND.conservationAgainMs;
    const keys = expandFlowKeys(probe.keys);
    const tally: Tally = { outcomes: new Map(), accounts: [] };
    await this.#settle(probe, keys, tally, ATTEMPTS);
    const { id, from, to, source, dest, forged } = probe;
    const outcomes = Map.groupBy(keys, (key) => tally.outcomes.get(key) ?? "unknown");
    const captured = [...ARRIVED].reduce((sum, outcome) => sum + (outcomes.get(outcome)?.length ?? 0), 0);
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
      accounts: merged(tally.accounts),
      outcomes: Object.fromEntries([...outcomes].map(([outcome, each]) => [outcome, foldFlowKeys(each)])),
      ...(outcomes.has("unknown")
        ? { reason: "sent is not captured + accounted, one packet at a time" }
        : {}),
    };
  }

  async #settle(probe: PacketProbe, keys: readonly FlowKey[], tally: Tally, attempts: number): Promise<void> {
    const batch = await this.#send(probe, keys);
    for (const [key, kind] of batch.arrived)
      tally.outcomes.set(key, kind === "refusal" ? "no-listener" : "delivered");
    const absent = keys.filter((key) => !batch.arrived.has(key));
    if (absent.length === 0) return;
    if (batch.effect !== undefined && (await this.#isConfirmed(probe, absent, batch))) {
      tally.accounts.push(...batch.accounts);
      for (const key of absent) tally.outcomes.set(key, batch.effect === "reject" ? "rejected" : "dropped");
      return;
    }
    if (this.#patience-- <= 0) return;
    if (absent.length > 1 && batch.accounts.length > 0) {
      const middle = absent.length >> 1;
      await this.#settle(probe, absent.slice(0, middle), tally, attempts);
      await this.#settle(probe, absent.slice(middle), tally, attempts);
    } else if (attempts > 1) await this.#settle(probe, absent, tally, attempts - 1);
  }

  /** Whether these flows, each sent some times, gain exactly that at the same rules. */
  async #isConfirmed(probe: PacketProbe, keys: readonly FlowKey[], first: Batch): Promise<boolean> {
    const some = keys.slice(0, CONFIRMING);
    const most = Math.max(2, Math.floor(CONFIRMING / some.length));
    const copies = some.flatMap((key) => Array<FlowKey>(randomInt(Math.ceil(most / 16), most + 1)).fill(key));
    const { arrived, accounts, effect } = await this.#send(probe, copies);
    const known = new Set(first.accounts.map(nameOf));
    return arrived.size === 0 && effect === first.effect && accounts.every((each) => known.has(nameOf(each)));
  }

  /** Sends a packet for each key and waits until all are captured or accounted for, or the bound is reached. */
  async #send(probe: PacketProbe, keys: readonly FlowKey[]): Promise<Batch> {
    const { source, dest } = probe;
    const sport = this.#sport;
    const sight = sightOf({ source, dest, sport });
    const arrived = new Map<FlowKey, Sighting["kind"]>();
    const tokens = new Map(keys.map((key) => [this.#nextToken(), key]));
    const seen = new Set<number>();
    const collect = () => {
      for (const { token, kind } of this.#wire.captured(probe, sight)) {
        const key = tokens.get(token);
        if (key === undefined) continue;
        seen.add(token);
        if (arrived.get(key) !== "refusal") arrived.set(key, kind);
      }
    };
    collect();
    const before = await readCounters(this.#lab, this.#node);
    const packets = [...tokens].map(([token, key]) => encodePacket({ key, source, dest, token, sport }));
    for (let at = 0; at < packets.length; at += CHUNK) {
      this.#wire.send(probe, packets.slice(at, at + CHUNK));
      collect();
    }
    let accounts: Account[] = [];
    let accounted = 0;
    const look = async () => {
      accounts = gains(before, await readCounters(this.#lab, this.#node));
      accounted = accounts.reduce((sum, { gain }) => sum + gain, 0);
      collect();
      return seen.size + accounted >= packets.length ? true : undefined;
    };
    if (!(await readBack(look, this.#boundMs))) this.#boundMs = BOUND.conservationAgainMs;
    const [effect, ...others] = new Set(accounts.map((each) => each.effect));
    const isClear = seen.size + accounted === packets.length && others.length === 0;
    return { arrived, accounts, effect: isClear ? effect : undefined };
  }

  #nextToken(): number {
    this.#token = (this.#token + 1) >>> 0;
    return this.#token;
  }
}

const ARRIVED: ReadonlySet<PacketOutcome> = new Set(["delivered", "no-listener"]);

function nameOf({ chain, rule }: Account): string {
  return `${chain} ${rule}`;
}

function merged(accounts: readonly Account[]): Account[] {
  const groups = Map.groupBy(accounts, nameOf);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first ? [{ ...first, gain: group.reduce((sum, { gain }) => sum + gain, 0) }] : [];
  });
}
