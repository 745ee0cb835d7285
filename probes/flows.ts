import { type FlowKey, type FlowKeyParts, parseFlowKey } from "./flow-key.ts";
import type { PacketOutcome } from "./observation.ts";

export const PROTOS = [
  "tcp",
  "udp",
  "icmp",
  "ip",
  "sctp",
  "dccp",
  "udplite",
] as const satisfies readonly FlowKeyParts["proto"][];
const OUTCOMES: readonly PacketOutcome[] = [
  "unknown",
  "delivered",
  "no-listener",
  "rejected",
  "dropped",
  "no-route",
];

/** Single flows and what became of each, as numbers: a sweep has 131,070, and no key is written out for one of them. */
export class Flows {
  readonly count: number;
  /** Index into `PROTOS`. */
  readonly protos: Uint8Array;
  /** Port, ICMP type or protocol number. */
  readonly numbers: Uint16Array;
  readonly #outcomes: Uint8Array;

  constructor(keys: readonly FlowKey[]) {
    const parts = keys.map(parseFlowKey);
    this.count = parts.reduce((sum, { first, last }) => sum + last - first + 1, 0);
    this.protos = new Uint8Array(this.count);
    this.numbers = new Uint16Array(this.count);
    this.#outcomes = new Uint8Array(this.count);
    let at = 0;
    for (const { proto, first, last } of parts)
      for (let number = first; number <= last; number++) {
        this.protos[at] = PROTOS.indexOf(proto);
        this.numbers[at++] = number;
      }
  }

  /** All flows, by their places. */
  all(): Uint32Array {
    const flows = new Uint32Array(this.count);
    for (let flow = 0; flow < this.count; flow++) flows[flow] = flow;
    return flows;
  }

  set(flows: Uint32Array, outcome: PacketOutcome): void {
    const index = OUTCOMES.indexOf(outcome);
    for (const flow of flows) this.#outcomes[flow] = index;
  }

  /** How many flows have each outcome. */
  counts(): Readonly<Record<PacketOutcome, number>> {
    const counts = new Uint32Array(OUTCOMES.length);
    for (const each of this.#outcomes) counts[each] = (counts[each] ?? 0) + 1;
    const of = (outcome: PacketOutcome) => counts[OUTCOMES.indexOf(outcome)] ?? 0;
    return {
      unknown: of("unknown"),
      delivered: of("delivered"),
      "no-listener": of("no-listener"),
      rejected: of("rejected"),
      dropped: of("dropped"),
      "no-route": of("no-route"),
    };
  }

  /** Keys of the flows by outcome, folded; an outcome without any is left out. */
  outcomes(): Partial<Record<PacketOutcome, FlowKey[]>> {
    const counts = this.counts();
    const all = this.all();
    const entries = OUTCOMES.filter((outcome) => counts[outcome] > 0).map((outcome, _, present) => {
      const index = OUTCOMES.indexOf(outcome);
      const own = present.length === 1 ? all : all.filter((flow) => this.#outcomes[flow] === index);
      return [outcome, this.keys(own)];
    });
    return Object.fromEntries(entries) as Partial<Record<PacketOutcome, FlowKey[]>>;
  }

  /** Folded keys of these flows: a protocol after the other as they come, each in its numbers' order. */
  keys(flows: Uint32Array): FlowKey[] {
    const counts = new Map<number, number>();
    let proto = -1;
    let count = 0;
    for (const flow of flows) {
      const own = this.protos[flow] ?? 0;
      if (own !== proto) {
        counts.set(proto, count);
        [proto, count] = [own, counts.get(own) ?? 0];
      }
      count++;
    }
    counts.set(proto, count);
    counts.delete(-1);
    return [...counts].flatMap(([each, size]) =>
      folded(PROTOS[each] ?? "ip", this.#numbersOf(each, flows, size)),
    );
  }

  #numbersOf(proto: number, flows: Uint32Array, count: number): Uint16Array {
    const numbers = new Uint16Array(count);
    let at = 0;
    for (const flow of flows) if (this.protos[flow] === proto) numbers[at++] = this.numbers[flow] ?? 0;
    return numbers.sort();
  }
}

function folded(proto: string, numbers: Uint16Array): FlowKey[] {
  const keys: FlowKey[] = [];
  for (let at = 0, next = 0; at < numbers.length; at = next) {
    const first = numbers[at] ?? 0;
    let last = first;
    for (next = at + 1; next < numbers.length; next++) {
      const number = numbers[next] ?? 0;
      if (number > last + (proto === "ip" ? 0 : 1)) break;
      last = number;
    }
    keys.push(first === last ? `${proto}/${first}` : `${proto}/${first}-${last}`);
  }
  return keys;
}
