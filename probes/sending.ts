import { BATCH_SLOTS, type SendBatch } from "../lab/batch.ts";
import type { FilterCounters } from "../lab/filter-counters.ts";
import type { Lab } from "../lab/lab.ts";
import { EHOSTUNREACH, ENETUNREACH, EPERM, errnoName } from "../lab/libc.ts";
import { lossesBetween, machineLosses, readLosses, unresolved } from "../lab/loss-counters.ts";
import { readBack } from "../lab/waits.ts";
import type { Capture } from "./capture.ts";
import { gains, readCounters } from "./counters.ts";
import { type Flows, PROTOS } from "./flows.ts";
import { SYN } from "./frame.ts";
import type { Account, Refusal } from "./observation.ts";
import type { PacketProbe } from "./probe.ts";
import type { Stencil } from "./stencil.ts";
import type { Way } from "./wire.ts";

const NODE = "host";
const GATEWAY = "gateway";

export interface Sending {
  readonly lab: Lab;
  readonly probe: PacketProbe;
  readonly way: Way;
  readonly counters: FilterCounters;
  readonly flows: Flows;
  /** Each packet has the next. */
  readonly tokens: { next: number };
}

/** Packets that were sent together; of each flow as often as it was sent. */
export interface Batch {
  readonly delivered: Uint32Array;
  /** Delivered, and refused by the destination's own stack. */
  readonly refused: Uint32Array;
  /** Those that the sender's own kernel knew no way for. */
  readonly unroutable: Uint32Array;
  readonly unsent: readonly Account[];
  readonly absent: Uint32Array;
  readonly accounts: readonly Account[];
  /** What became of what is absent, where the sum is exact, nothing was lost, and all accounts say the same. */
  readonly effect: Account["effect"] | undefined;
  /** The sum is exact, and the accounts do not say the same. */
  readonly isMixed: boolean;
  /** Where the kernel lost packets meanwhile. */
  readonly lost: readonly string[];
  readonly isInTime: boolean;
  /** Refusals on the way, by flow; only where they were listened for. */
  readonly answered: ReadonlyMap<number, Omit<Refusal, "keys">>;
}

const FATE = { absent: 0, arrived: 1, refused: 2, unroutable: 3 } as const;
const EXPECTED = new Set([EPERM, ENETUNREACH, EHOSTUNREACH]);

/**
 * Sends a packet for each of these flows and waits until all are captured or accounted for, or the bound is reached. Where
 * the sender's own OUTPUT refused some, and so counted them twice, all are sent once more, a call each.
 */
export async function sendBatch(
  sending: Sending,
  sent: Uint32Array,
  boundMs: number,
  isTapped: boolean,
): Promise<Batch> {
  const { batch, isTwice } = await sendOnce(sending, sent, boundMs, isTapped, false);
  return isTwice ? (await sendOnce(sending, sent, boundMs, isTapped, true)).batch : batch;
}

async function sendOnce(
  sending: Sending,
  sent: Uint32Array,
  boundMs: number,
  isTapped: boolean,
  isSingly: boolean,
): Promise<{ batch: Batch; isTwice: boolean }> {
  const { lab, probe, way, counters } = sending;
  const watched = [...new Set([probe.from, probe.to, NODE, GATEWAY])];
  const taps = isTapped ? [NODE, GATEWAY].map((at) => ({ at, capture: way.tap(at) })) : [];
  try {
    const window = new Window(sending, sent);
    way.capture.collectPlain(() => {});
    const losses = { own: readLosses(lab, watched), machine: machineLosses(), room: way.capture.drops() };
    const counted = { isInvalidCounted: !isOpening(sending, sent) };
    const before = await readCounters(lab, counters, counted);
    const unsent = await window.send(isSingly);
    let accounts: Account[] = [];
    const sum = () => window.count + accounts.reduce((total, { gain }) => total + gain, 0);
    const look = async () => {
      accounts = gains(before, await readCounters(lab, counters, counted));
      window.collect(way.capture);
      return sum() >= sent.length ? true : undefined;
    };
    const isInTime = (await readBack(look, boundMs)) === true;
    await window.awaitRefusals(way.capture);
    for (const { at, capture } of taps) window.listen(capture, at);
    const lost = lossesBetween(losses.own, readLosses(lab, watched));
    const noRoom = way.capture.drops() - losses.room;
    if (noRoom > 0) lost.push(`${noRoom} in the capture's buffer`);
    const isExact = sum() === sent.length && lost.length === 0;
    const [effect, ...others] = new Set(accounts.map((each) => each.effect));
    if (sum() !== sent.length) lost.push(...elsewhere(lab, losses.machine));
    const batch = {
      ...window.fates(),
      unsent,
      accounts,
      effect: isExact && others.length === 0 ? effect : undefined,
      isMixed: isExact && others.length > 0,
      lost,
      isInTime,
      answered: window.answered,
    };
    return { batch, isTwice: window.isTwice };
  } finally {
    for (const { capture } of taps) capture.close();
  }
}

/** Whether any of these packets opens a flow to conntrack for certain: an ICMP answer, say, it calls INVALID. */
function isOpening({ flows, probe }: Sending, sent: Uint32Array): boolean {
  const { tcp, udp } = { tcp: PROTOS.indexOf("tcp"), udp: PROTOS.indexOf("udp") };
  const isSyn = (probe.flags ?? SYN) === SYN;
  return sent.some((flow) => flows.protos[flow] === udp || (flows.protos[flow] === tcp && isSyn));
}

/** What may explain a sum that does not hold, though it is not this lab's alone, or no loss yet. */
function elsewhere(lab: Lab, before: ReturnType<typeof machineLosses>): string[] {
  const waiting = [GATEWAY, NODE].flatMap((place) =>
    unresolved(lab, place).map((address) => `${place} finds no neighbour ${address}`),
  );
  return [...lossesBetween(before, machineLosses()), ...waiting];
}

/** The packets of one batch: their tokens follow each other, so that a token less the first is a packet's place. */
class Window {
  /** Packets that were captured, or that the sender's kernel gave back for want of a route. */
  count = 0;
  /** Some that OUTPUT refused were tried twice. */
  isTwice = false;
  readonly answered = new Map<number, Omit<Refusal, "keys">>();
  readonly #sending: Sending;
  readonly #sent: Uint32Array;
  readonly #first: number;
  readonly #fates: Uint8Array;
  #unanswered = 0;

  constructor(sending: Sending, sent: Uint32Array) {
    this.#sending = sending;
    this.#sent = sent;
    this.#fates = new Uint8Array(sent.length);
    this.#first = sending.tokens.next;
    sending.tokens.next = (this.#first + sent.length) >>> 0;
  }

  /**
   * Hands all to the kernel, on other threads: meanwhile the next are written and what has arrived is looked at. What the
   * kernel gives back for want of a route is an account.
   */
  async send(isSingly: boolean): Promise<Account[]> {
    const { way } = this.#sending;
    const routes = new Map<string, number>();
    const onTheWay: Promise<void>[] = [];
    try {
      for (let at = 0, turn = 0; at < this.#sent.length; at += BATCH_SLOTS, turn++) {
        const own = way.batches[turn % way.batches.length] ?? way.batches[0];
        if (turn >= way.batches.length) await onTheWay.shift();
        onTheWay.push(this.#hand(own.batch, at, this.#write(own.stencil, at), routes, isSingly));
        this.collect(way.capture);
      }
      await Promise.all(onTheWay);
    } finally {
      // The kernel reads what stands in the batches, until all are sent.
      await Promise.allSettled(onTheWay);
    }
    this.collect(way.capture);
    return [...routes].map(([rule, gain]) => ({ chain: "host routes", rule, effect: "no-route", gain }));
  }

  #write(stencil: Stencil, at: number): number {
    const { protos, numbers } = this.#sending.flows;
    const count = Math.min(BATCH_SLOTS, this.#sent.length - at);
    for (let slot = 0; slot < count; slot++) {
      const flow = this.#sent[at + slot] ?? 0;
      stencil.write(slot, protos[flow] ?? 0, numbers[flow] ?? 0, (this.#first + at + slot) >>> 0);
    }
    return count;
  }

  async #hand(
    batch: SendBatch,
    at: number,
    count: number,
    routes: Map<string, number>,
    isSingly: boolean,
  ): Promise<void> {
    const { sender } = this.#sending.way;
    const unsent = isSingly
      ? batch.sendSingly(sender, count, EXPECTED)
      : await batch.sendBeside(sender, count, EXPECTED);
    for (const { slot, errno, isTwice } of unsent) {
      // What OUTPUT refuses is counted by the rule that did.
      if (errno === EPERM) {
        this.isTwice ||= isTwice;
        continue;
      }
      this.#fates[at + slot] = FATE.unroutable;
      this.count++;
      routes.set(errnoName(errno), (routes.get(errnoName(errno)) ?? 0) + 1);
    }
  }

  collect(capture: Capture): void {
    capture.collectPlain((token, refusal) => {
      const place = (token - this.#first) >>> 0;
      if (place >= this.#fates.length) return;
      const known = this.#fates[place];
      if (known === FATE.absent) this.count++;
      if (known === FATE.absent && !refusal) this.#unanswered++;
      if (known === FATE.arrived && refusal) this.#unanswered--;
      if (known !== FATE.refused) this.#fates[place] = refusal ? FATE.refused : FATE.arrived;
    });
  }

  /** A stack answers at once, but after the packet was seen: what is under way is looked for once more. */
  async awaitRefusals(capture: Capture): Promise<void> {
    if (this.#unanswered === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
    this.collect(capture);
  }

  /** Takes what refused packets on their way; what the destination itself refused had arrived. */
  listen(capture: Capture, at: string): void {
    capture.collect((token, refusal) => {
      const place = (token - this.#first) >>> 0;
      const flow = this.#sent[place];
      if (flow === undefined || !refusal || this.#fates[place] !== FATE.absent || this.answered.has(flow))
        return;
      this.answered.set(flow, { answer: refusal.answer, by: refusal.by, at });
    });
  }

  fates(): Pick<Batch, "delivered" | "refused" | "unroutable" | "absent"> {
    const of = (fate: number) => {
      const flows = new Uint32Array(this.#sent.length);
      let count = 0;
      for (let place = 0; place < flows.length; place++)
        if (this.#fates[place] === fate) flows[count++] = this.#sent[place] ?? 0;
      return flows.subarray(0, count);
    };
    const { absent, arrived, refused, unroutable } = FATE;
    return { delivered: of(arrived), refused: of(refused), unroutable: of(unroutable), absent: of(absent) };
  }
}

/** One counter among all. */
export function nameOf({ chain, rule }: Account): string {
  return `${chain} ${rule}`;
}
