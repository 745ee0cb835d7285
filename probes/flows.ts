import { type FlowKey, parseFlowKey } from "./flow-key.ts";
import type { PacketOutcome } from "./observation.ts";

export const PROTOS = ["tcp", "udp", "icmp", "ip"] as const;
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
    return Uint32Array.from({ length: this.count }, (_, index) => index);
  }

  set(flow: number, outcome: PacketOutcome): void {
    this.#outcomes[flow] = OUTCOMES.indexOf(outcome);
  }

  countOf(outcome: PacketOutcome): number {
    const index = OUTCOMES.indexOf(outcome);
    return this.#outcomes.reduce((sum, each) => (each === index ? sum + 1 : sum), 0);
  }

  /** Keys of the flows by outcome, folded; an outcome without any is left out. */
  outcomes(): Partial<Record<PacketOutcome, FlowKey[]>> {
    const entries = OUTCOMES.map((outcome, index) => {
      const flows = this.all().filter((flow) => this.#outcomes[flow] === index);
      return [outcome, this.keys(flows)] as const;
    });
    return Object.fromEntries(entries.filter(([, keys]) => keys.length > 0));
  }

  /** Folded keys of these flows: a protocol after the other as they come, each in its numbers' order. */
  keys(flows: Uint32Array): FlowKey[] {
    const protos = new Set(Uint8Array.from(flows, (flow) => this.protos[flow] ?? 0));
    return [...protos].flatMap((proto) => {
      const own = flows.filter((flow) => this.protos[flow] === proto);
      return folded(PROTOS[proto] ?? "ip", Uint16Array.from(own, (flow) => this.numbers[flow] ?? 0).sort());
    });
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
