import type { FilterCounters } from "../lab/filter-counters.ts";
import type { Lab } from "../lab/lab.ts";
import { lossesBetween, machineLosses, readLosses, unresolved } from "../lab/loss-counters.ts";
import { BOUND, readBack } from "../lab/waits.ts";
import { type Counters, type Gain, gains, readCounters } from "./counters.ts";
import { type Flows, PROTOS } from "./flows.ts";
import { SYN } from "./frame.ts";
import type { Account } from "./observation.ts";
import type { PacketProbe } from "./probe.ts";
import { Window } from "./window.ts";
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
  readonly accounts: readonly Gain[];
  /** What became of what is absent, where the sum is exact, nothing was lost, and all accounts say the same. */
  readonly effect: Account["effect"] | undefined;
  /** The sum is exact, and the accounts do not say the same. */
  readonly isMixed: boolean;
  /** Where the kernel lost packets meanwhile. */
  readonly lost: readonly string[];
  readonly isInTime: boolean;
  /** All was accounted for at the first look: the way is none on which packets wait. */
  readonly isAtOnce: boolean;
  /** Each packet by a call of its own. */
  readonly isSingly: boolean;
  /** What was sent and heard, packet by packet. */
  readonly window: Window;
  readonly before: Counters;
  readonly after: Counters;
}

/** How a batch is sent. */
export interface SendOptions {
  readonly boundMs: number;
  /** Refusals on the way are listened for. */
  readonly isTapped?: boolean;
  /** How much longer than usual the packet at a place is, in bytes. */
  readonly padding?: (place: number) => number;
  /** The batch that this one confirms. */
  readonly confirms?: Batch;
}

/**
 * Sends a packet for each of these flows and waits until all are captured or accounted for, or the bound is reached. Where
 * the sender's own OUTPUT refused some, and so counted them twice, all are sent once more, a call each.
 */
export async function sendBatch(sending: Sending, sent: Uint32Array, options: SendOptions): Promise<Batch> {
  const isSingly = options.confirms?.isSingly === true;
  const batch = await sendOnce(sending, sent, options, isSingly);
  return batch.window.isTwice ? sendOnce(sending, sent, options, true) : batch;
}

async function sendOnce(
  sending: Sending,
  sent: Uint32Array,
  { boundMs, isTapped = false, padding, confirms }: SendOptions,
  isSingly: boolean,
): Promise<Batch> {
  const { lab, probe, way, counters } = sending;
  const watched = [...new Set([probe.from, probe.to, NODE, GATEWAY])];
  const taps = isTapped ? [NODE, GATEWAY].map((at) => ({ at, capture: way.tap(at) })) : [];
  try {
    const window = new Window(
      { ...sending, ...(padding && { padding }), ...(confirms && { earlier: confirms.window }) },
      sent,
    );
    window.collect(way.capture);
    const losses = { own: readLosses(lab, watched), machine: machineLosses(), room: way.capture.drops() };
    const counted = { isInvalidCounted: !isOpening(sending, sent) };
    const before = await readCounters(lab, counters, counted);
    const unsent = await window.send(isSingly);
    const account = new Accounting(before, window, sent.length);
    const look = async () => {
      account.take(await readCounters(lab, counters, counted));
      window.collect(way.capture);
      return account.sum >= sent.length ? true : undefined;
    };
    const isInTime = (await readBack(look, boundMs)) === true;
    const isAtOnce = isInTime && account.looks === 1;
    if (isInTime && !isAtOnce)
      await readBack(async () => (await look(), account.excess), BOUND.conservationStillMs);
    await window.awaitRefusals(way.capture);
    for (const { at, capture } of taps) window.listen(capture, at);
    const lost = lossesBetween(losses.own, readLosses(lab, watched));
    const noRoom = way.capture.drops() - losses.room;
    if (noRoom > 0) lost.push(`${noRoom} in the capture's buffer`);
    if (window.stuck > 0) lost.push(`${window.stuck} that the sender could not send`);
    const isExact = account.isExact && lost.length === 0;
    const [effect, ...others] = new Set(account.gains.map((each) => each.effect));
    if (!account.isExact) lost.push(...elsewhere(lab, losses.machine));
    return {
      ...window.fates(),
      window,
      before,
      after: account.latest,
      unsent,
      accounts: account.gains,
      effect: isExact && others.length === 0 ? effect : undefined,
      isMixed: isExact && others.length > 0,
      lost,
      isInTime,
      isAtOnce,
      isSingly,
    };
  } finally {
    for (const { capture } of taps) capture.close();
  }
}

/** Whether what was sent is what arrived and what was counted: packets, and bytes where all that count know them. */
class Accounting {
  gains: readonly Gain[] = [];
  looks = 0;
  latest: Counters;
  readonly #before: Counters;
  readonly #window: Window;
  readonly #sent: number;

  constructor(before: Counters, window: Window, sent: number) {
    this.#before = before;
    this.latest = before;
    this.#window = window;
    this.#sent = sent;
  }

  take(counters: Counters): void {
    this.looks++;
    this.latest = counters;
    this.gains = gains(this.#before, counters);
  }

  get sum(): number {
    return this.#window.count + this.gains.reduce((total, { gain }) => total + gain, 0);
  }

  /** True where more is accounted for than was sent. */
  get excess(): true | undefined {
    return this.sum > this.#sent ? true : undefined;
  }

  get isExact(): boolean {
    if (this.sum !== this.#sent) return false;
    const counted = this.gains.reduce<number | undefined>(
      (total, { bytes }) => (total === undefined || bytes === undefined ? undefined : total + bytes),
      0,
    );
    return counted === undefined || counted === this.#window.absentBytes();
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

/** One counter among all. */
export function nameOf({ chain, rule }: Account): string {
  return `${chain} ${rule}`;
}
