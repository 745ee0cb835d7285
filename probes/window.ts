import { BATCH_SLOTS, type SendBatch } from "../lab/batch.ts";
import {
  EACCES,
  EHOSTUNREACH,
  EINVAL,
  EMSGSIZE,
  ENETDOWN,
  ENETUNREACH,
  EPERM,
  errnoName,
  queueFull,
} from "../lab/libc.ts";
import type { Capture } from "./capture.ts";
import type { Flows } from "./flows.ts";
import type { Account, Refusal } from "./observation.ts";
import type { Stencil } from "./stencil.ts";
import type { Way } from "./wire.ts";

const FATE = { absent: 0, arrived: 1, refused: 2, unroutable: 3 } as const;
/* ip-route(8): unreachable, none, prohibit. */
const UNROUTABLE: ReadonlySet<number> = new Set([ENETUNREACH, EHOSTUNREACH, EACCES]);
/* A device that is down, or takes no packet of that size; ip-route(8): blackhole. */
const NOT_SENT: ReadonlySet<number> = new Set([ENETDOWN, EMSGSIZE, EINVAL]);
const EXPECTED = new Set([EPERM, ...UNROUTABLE, ...NOT_SENT]);

export interface WindowOptions {
  readonly way: Way;
  readonly flows: Flows;
  /** Each packet has the next. */
  readonly tokens: { next: number };
  /** How much longer than usual the packet at a place is, in bytes. */
  readonly padding?: (place: number) => number;
  /** Whose packets should have come by now. */
  readonly earlier?: Window;
}

/** The packets of one batch: their tokens follow each other, so that a token less the first is a packet's place. */
export class Window {
  /** Packets that were captured, or that the sender's kernel gave back for want of a route. */
  count = 0;
  /** Packets that the sender could not send: its queue had no room for long, its device is down, or takes none so long. */
  stuck = 0;
  /** Packets of the earlier window that came only now. */
  late = 0;
  /** Some that OUTPUT refused were tried twice. */
  isTwice = false;
  readonly answered = new Map<number, Omit<Refusal, "keys">>();
  readonly #options: WindowOptions;
  readonly #sent: Uint32Array;
  readonly #first: number;
  readonly #fates: Uint8Array;
  /** Bytes of each packet, IP header included. */
  readonly #lengths: Uint8Array;
  #unanswered = 0;

  constructor(options: WindowOptions, sent: Uint32Array) {
    this.#options = options;
    this.#sent = sent;
    this.#fates = new Uint8Array(sent.length);
    this.#lengths = new Uint8Array(sent.length);
    this.#first = options.tokens.next;
    options.tokens.next = (this.#first + sent.length) >>> 0;
  }

  /** Whether a token is of one of its packets. */
  holds(token: number): boolean {
    return (token - this.#first) >>> 0 < this.#fates.length;
  }

  /**
   * Hands all to the kernel, on other threads: meanwhile the next are written and what has arrived is looked at. What the
   * kernel gives back for want of a route is an account.
   */
  async send(isSingly: boolean): Promise<Account[]> {
    const { way } = this.#options;
    const routes = new Map<string, number>();
    const onTheWay: Promise<void>[] = [];
    try {
      for (let at = 0, turn = 0; at < this.#sent.length; at += BATCH_SLOTS, turn++) {
        const own = way.batches[turn % way.batches.length] ?? way.batches[0];
        if (turn >= way.batches.length) await onTheWay.shift();
        // Where one batch got no further none will.
        if (this.stuck > 0) {
          this.stuck += this.#sent.length - at;
          break;
        }
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
    const { padding, flows } = this.#options;
    const { protos, numbers } = flows;
    const count = Math.min(BATCH_SLOTS, this.#sent.length - at);
    for (let slot = 0; slot < count; slot++) {
      const place = at + slot;
      const flow = this.#sent[place] ?? 0;
      const [proto, number, token] = [protos[flow] ?? 0, numbers[flow] ?? 0, (this.#first + place) >>> 0];
      this.#lengths[place] = stencil.write(slot, proto, number, token, padding?.(place));
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
    const { sender } = this.#options.way;
    const unsent = isSingly
      ? await batch.sendSingly(sender, count, EXPECTED)
      : await batch.sendBeside(sender, count, EXPECTED);
    for (const { slot, errno, isTwice } of unsent) {
      // What OUTPUT refuses is counted by the rule that did.
      if (errno === EPERM) {
        this.isTwice ||= isTwice;
        continue;
      }
      if (queueFull(errno) || NOT_SENT.has(errno)) {
        this.stuck++;
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
      if (place >= this.#fates.length) {
        if (this.#options.earlier?.holds(token)) this.late++;
        return;
      }
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

  /** Bytes of what is absent, IP headers included. */
  absentBytes(): number {
    let bytes = 0;
    for (let place = 0; place < this.#fates.length; place++)
      if (this.#fates[place] === FATE.absent) bytes += this.#lengths[place] ?? 0;
    return bytes;
  }

  /** The flows by what became of their packets, each as often as it was sent. */
  fates(): Record<"delivered" | "refused" | "unroutable" | "absent", Uint32Array> {
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
