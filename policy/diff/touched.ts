import { ICMP, ICMPV6, TCP, UDP } from "../packet.ts";
import type { FirewallRule } from "../proxmox/file.ts";
import type { PacketSet } from "../space/packet-set.ts";
import type { Span } from "../space/spans.ts";
import { servicesOf } from "./astray.ts";
import type { MoverAddresses } from "./mover-addresses.ts";

/** A rule that is no group's name. */
export type OwnRule = Exclude<FirewallRule, { type: "group" }>;

const NUMBERS: ReadonlyMap<string | undefined, readonly number[]> = new Map([
  ["tcp", [TCP]],
  ["udp", [UDP]],
  ["icmp", [ICMP, ICMPV6]],
]);

/**
 * Packets that the two sides may not treat alike, by protocol and port where some hop is not what it was, and by address where a
 * place is not: which rules may decide one of them.
 */
export class Touched {
  readonly #services = new Map<number, Span[]>();
  /** By protocol, then by ports. */
  readonly #known = new Map<string | undefined, Map<string | undefined, boolean>>();

  readonly #movers: MoverAddresses;
  readonly #elsewhere: ReadonlySet<string>;

  /** Of packets that are sent to one of the addresses `elsewhere` nothing is told by protocol and port. */
  constructor(movers: MoverAddresses, elsewhere: ReadonlySet<string> = new Set()) {
    this.#movers = movers;
    this.#elsewhere = elsewhere;
  }

  /** The packets' protocols and ports, whoever sends them to whom. */
  add(set: PacketSet): void {
    for (const { protos, services } of servicesOf(set).cubes())
      for (const proto of [TCP, UDP, ICMP, ICMPV6]) {
        if (protos && !overlap(protos, [{ first: proto, last: proto }])) continue;
        const known = this.#services.get(proto) ?? [];
        this.#services.set(proto, known);
        known.push(...(services ?? ALL));
      }
    this.#known.clear();
  }

  /** False only where a rule surely decides none of them; `far` is whom it names at the end that may be a mover. */
  mayDecide(rule: OwnRule, far: () => string | undefined): boolean {
    return this.#mayServe(rule) || this.#movers.mayMeet(far());
  }

  /** By its protocol, its ports or its one destination. */
  #mayServe({ macro, proto, port, dest }: OwnRule): boolean {
    if (dest !== undefined && this.#elsewhere.has(dest)) return false;
    const numbers = macro === undefined ? NUMBERS.get(proto) : undefined;
    if (!numbers) return true;
    const known = this.#known.get(proto) ?? new Map<string | undefined, boolean>();
    this.#known.set(proto, known);
    const before = known.get(port) ?? this.#meets(numbers, port);
    known.set(port, before);
    return before;
  }

  #meets(numbers: readonly number[], port: string | undefined): boolean {
    const isIcmp = numbers.length > 1;
    const spans = port === undefined || isIcmp ? ALL : spansOf(port);
    return numbers.some((proto) => overlap(this.#services.get(proto) ?? [], spans));
  }
}

const ALL: readonly Span[] = [{ first: 0, last: 65_535 }];

/** Of ports in numbers; a name may be any of them, and 0 is none. */
function spansOf(port: string): readonly Span[] {
  const spans = port.split(",").map((part) => {
    const [, first, last = first] = /^(\d+)(?::(\d+))?$/.exec(part) ?? [];
    return { first: Number(first), last: Number(last) };
  });
  return spans.every(({ first, last }) => 0 < first && first <= last) ? spans : ALL;
}

function overlap(some: readonly Span[], others: readonly Span[]): boolean {
  return some.some(({ first, last }) => others.some((other) => first <= other.last && other.first <= last));
}
