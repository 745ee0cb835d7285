import { randomInt } from "node:crypto";
import { FilterCounters } from "../lab/filter-counters.ts";
import type { Lab } from "../lab/lab.ts";
import { BOUND } from "../lab/waits.ts";
import { gains } from "./counters.ts";
import { Flows } from "./flows.ts";
import { isIp6 } from "./frame.ts";
import type { Account, PacketObservation, Refusal } from "./observation.ts";
import type { PacketProbe } from "./probe.ts";
import { type Batch, nameOf, type Sending, sendBatch, type SendOptions } from "./sending.ts";
import { TrackedRoom } from "./tracked.ts";
import { Wire } from "./wire.ts";

/** Source ports of probes: below the kernel's ephemeral range, so that no server's connection has one. */
const SPORT_RANGE = [20_000, 32_000] as const;
/** Packets that confirm a finding, so many in all; of a sweep that many flows are confirmed. */
const CONFIRMING = 512;
/** How often flows are sent anew of which neither arrival nor account can be told: traffic of others may pass. */
const ATTEMPTS = 3;
/** Batches of one probe that may be sent anew because their sum did not hold: where a path loses packets for good, the rest
 * is `unknown` at once. */
const PATIENCE = 64;
/** The same once a probe of this engine has needed all of it. */
const LITTLE_PATIENCE = 8;

/** One probe on its way, and what is known of it so far. */
interface Run extends Sending {
  readonly accounts: Account[];
  readonly reasons: Set<string>;
  readonly refusals: Map<string, { readonly of: Omit<Refusal, "keys">; readonly flows: Set<number> }>;
}

/** The packet engine of a lab: sends from any place, captures at any place, and accounts for what did not arrive. */
export class PacketEngine {
  readonly #lab: Lab;
  readonly #wire: Wire;
  readonly #counters: { readonly 4: FilterCounters; readonly 6: FilterCounters };
  readonly #room: TrackedRoom;
  readonly #sport = randomInt(...SPORT_RANGE);
  readonly #tokens = { next: randomInt(2 ** 31) };
  #boundMs: number = BOUND.conservationMs;
  #most = PATIENCE;
  #patience = PATIENCE;
  /** A sum did not hold: from here on every flow is confirmed, and not some of them. */
  #isTroubled = false;

  private constructor(lab: Lab, wire: Wire) {
    this.#lab = lab;
    this.#wire = wire;
    this.#counters = { 4: new FilterCounters(lab, "host"), 6: new FilterCounters(lab, "host", 6) };
    this.#room = new TrackedRoom(lab);
  }

  static async open(lab: Lab, places: readonly string[]): Promise<PacketEngine> {
    return new PacketEngine(lab, await Wire.open(lab, places));
  }

  close(): void {
    this.#wire.close();
  }

  /**
   * Sends each flow of the probe once, more often where it can't be told what became of it, and says what did.
   * What arrived is shown by the capture alone. That a flow was dropped or rejected is said only where a second sending,
   * in numbers that nobody could foresee, is accounted for to the packet, and no part of the kernel lost one meanwhile:
   * other traffic that is dropped at the same time makes a flow `unknown`, never wrong.
   */
  async observe(probe: PacketProbe): Promise<PacketObservation> {
    const isWorn = this.#patience <= 0 || this.#most === LITTLE_PATIENCE;
    this.#boundMs = isWorn ? BOUND.conservationAgainMs : BOUND.conservationMs;
    this.#most = isWorn ? LITTLE_PATIENCE : PATIENCE;
    this.#patience = this.#most;
    const { id, from, to, source, dest, forged, sport = this.#sport } = probe;
    const run = this.#begin(probe, sport);
    const all = run.flows.all();
    for (let at = 0; at < all.length; ) {
      const count = this.#room.next(all.length - at);
      await this.#settle(run, all.subarray(at, at + count), ATTEMPTS);
      at += count;
    }
    const { flows, accounts, reasons, refusals } = run;
    const counts = flows.counts();
    return {
      kind: "packets",
      id,
      from,
      to,
      source,
      dest,
      forged,
      captured: counts.delivered + counts["no-listener"],
      sent: flows.count,
      sport,
      accounts: merged(accounts),
      outcomes: flows.outcomes(),
      ...(refusals.size > 0
        ? {
            refusals: [...refusals.values()].map(({ of, flows: which }) => ({
              ...of,
              keys: flows.keys(Uint32Array.from(which)),
            })),
          }
        : {}),
      ...(counts.unknown > 0
        ? { reason: ["sent is not captured + accounted, one packet at a time", ...reasons].join("; ") }
        : {}),
    };
  }

  #begin(probe: PacketProbe, sport: number): Run {
    this.#room.begin(probe, sport);
    return {
      lab: this.#lab,
      probe,
      way: this.#wire.way(probe, sport),
      counters: this.#counters[isIp6(probe.dest) ? 6 : 4],
      flows: new Flows(probe.keys),
      tokens: this.#tokens,
      accounts: [],
      reasons: new Set(),
      refusals: new Map(),
    };
  }

  async #settle(run: Run, sent: Uint32Array, attempts: number): Promise<void> {
    const batch = await this.#send(run, sent);
    const { absent } = batch;
    run.flows.set(batch.delivered, "delivered");
    run.flows.set(batch.refused, "no-listener");
    run.flows.set(batch.unroutable, "no-route");
    run.accounts.push(...batch.unsent);
    if (absent.length === 0) return;
    if (batch.effect !== undefined && (await this.#isConfirmed(run, batch))) {
      run.accounts.push(...batch.accounts);
      run.flows.set(absent, OUTCOME_OF[batch.effect]);
      return;
    }
    if (batch.isMixed) return this.#separate(run, absent);
    if (this.#patience-- <= 0) return;
    if (absent.length > 1 && batch.accounts.length > 0) await this.#halve(run, absent, attempts);
    else if (attempts > 1) await this.#settle(run, absent, attempts - 1);
  }

  async #halve(run: Run, absent: Uint32Array, attempts: number): Promise<void> {
    const middle = absent.length >> 1;
    await this.#settle(run, absent.subarray(0, middle), attempts);
    await this.#settle(run, absent.subarray(middle), attempts);
  }

  /** Some were dropped and some rejected: the answers that reject them tell which, as far as they are sent. */
  async #separate(run: Run, absent: Uint32Array): Promise<void> {
    const { answered } = (await this.#send(run, absent, { isTapped: true })).window;
    const isAnswered = new Set(answered.keys());
    const [rejected, others] = [
      absent.filter((flow) => isAnswered.has(flow)),
      absent.filter((flow) => !isAnswered.has(flow)),
    ];
    if (rejected.length === 0 || others.length === 0) return this.#halve(run, absent, ATTEMPTS);
    await this.#settle(run, rejected, ATTEMPTS);
    await this.#settle(run, others, ATTEMPTS);
  }

  /**
   * Whether these flows, each sent some times and with packets of many lengths, gain exactly that at the same rules, and
   * nothing came or was counted in between: neither others' packets nor late ones have both that number and those bytes.
   */
  async #isConfirmed(run: Run, first: Batch): Promise<boolean> {
    const some = this.#isTroubled || !first.isAtOnce ? first.absent : sample(first.absent, CONFIRMING);
    const most = Math.max(2, Math.floor(CONFIRMING / some.length));
    // Where bytes don't tell there must be more than others could send meanwhile.
    const least = first.accounts.every(({ bytes }) => bytes !== undefined) ? 1 / 16 : 1 / 2;
    const copies = [...some].flatMap((flow) =>
      Array<number>(randomInt(Math.ceil(most * least), most + 1)).fill(flow),
    );
    const isTapped = first.effect === "reject";
    const again = await this.#send(run, Uint32Array.from(copies), {
      isTapped,
      padding: paddings(),
      confirms: first,
    });
    const known = new Set(first.accounts.map(nameOf));
    if (again.effect !== first.effect || again.absent.length < copies.length) return false;
    if (again.window.late > 0 || gains(first.after, again.before).length > 0) return false;
    if (!again.accounts.every((each) => known.has(nameOf(each)))) return false;
    for (const [flow, of] of again.window.answered) {
      const key = `${of.answer} ${of.by} ${of.at}`;
      const entry = run.refusals.get(key) ?? { of, flows: new Set() };
      run.refusals.set(key, entry);
      entry.flows.add(flow);
    }
    return true;
  }

  async #send(run: Run, sent: Uint32Array, options: Partial<SendOptions> = {}): Promise<Batch> {
    const batch = await sendBatch(run, sent, { boundMs: this.#boundMs, ...options });
    if (!batch.isInTime) this.#boundMs = BOUND.conservationAgainMs;
    if (batch.effect === undefined && !batch.isMixed && batch.absent.length > 0) this.#isTroubled = true;
    for (const reason of batch.lost) run.reasons.add(reason);
    return batch;
  }
}

const OUTCOME_OF = { drop: "dropped", reject: "rejected", "no-route": "no-route" } as const;

/** Lengths that nobody could foresee, together and one by one; in bytes, as TCP's options have them. */
function paddings(): () => number {
  const [WORD_BYTES, MOST_WORDS] = [4, 10];
  const least = randomInt(0, MOST_WORDS - 4);
  return () => WORD_BYTES * (least + randomInt(0, 5));
}

/** At most so many, spread evenly, from a place that nobody could foresee. */
function sample(flows: Uint32Array, most: number): Uint32Array {
  if (flows.length <= most) return flows;
  const step = flows.length / most;
  const start = randomInt(Math.floor(step) || 1);
  return Uint32Array.from({ length: most }, (_, index) => flows[start + Math.floor(index * step)] ?? 0);
}

function merged(accounts: readonly Account[]): Account[] {
  const groups = Map.groupBy(accounts, nameOf);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (!first) return [];
    const { chain, rule, effect } = first;
    return [{ chain, rule, effect, gain: group.reduce((sum, { gain }) => sum + gain, 0) }];
  });
}
