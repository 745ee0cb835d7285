import type { Family, IpSpan } from "../ip.ts";
import { type Region, regionOf } from "../lint/region.ts";
import { FLAG, ICMP, ICMPV6, TCP, UDP } from "../packet.ts";
import { type Broadcasts, illegalFlags } from "../shared-chains.ts";
import { type Diagram, NONE } from "./diagram.ts";
import { icmpService, stateNumber } from "./layout.ts";
import { anyCode } from "./openings.ts";
import type { Conditions, PacketSpace } from "./packet-space.ts";
import { type Span, single } from "./spans.ts";

/** Packets that one line of a shared chain takes. */
export interface SharedLine {
  readonly takes: Diagram;
  readonly accepts: boolean;
  /** It asks PVEFW-reject, whichever the policy. */
  readonly rejects: boolean;
}

const MULTICAST: Readonly<Record<Family, IpSpan>> = {
  4: { family: 4, first: 0xe0000000, last: 0xefffffff },
  6: { family: 6, first: 0xff00n << 112n, last: (1n << 128n) - 1n },
};

/**
 * The conditions of `shared-chains.ts` as sets, which has them in words for one packet: those alone. What a line says, and
 * to whom, is always asked of that file with a packet of the set.
 */
export class SharedSets {
  readonly #space: PacketSpace;
  readonly #broadcasts: Region;
  readonly #multicast: Region;
  /** What PVEFW-smurfs drops. */
  readonly smurfs: Diagram;
  /** What PVEFW-tcpflags drops. */
  readonly illegalFlags: Diagram;
  /** The lines of PVEFW-Drop and PVEFW-Reject in order. */
  readonly beforePolicy: readonly SharedLine[];
  /** Parts of all packets that a REJECT may treat differently. */
  readonly rejects: readonly Diagram[];

  constructor(space: PacketSpace, broadcasts: Broadcasts) {
    this.#space = space;
    const { family } = space;
    const told = [...broadcasts].filter((ip) => (typeof ip === "number") === (family === 4));
    this.#broadcasts = regionOf(
      told.map((ip) => ({ family, first: ip, last: ip })),
      family,
    );
    this.#multicast = [MULTICAST[family]];
    this.smurfs = this.#smurfs();
    this.illegalFlags = this.#illegalFlags();
    this.beforePolicy = this.#beforePolicy();
    this.rejects = this.#rejects();
  }

  #any(...conditions: readonly Conditions[]): Diagram {
    const { store } = this.#space;
    return conditions.reduce((all, each) => store.union(all, this.#space.where(each)), NONE);
  }

  #smurfs(): Diagram {
    if (this.#space.family === 6) return NONE;
    const states = [single(stateNumber("NEW")), single(stateNumber("INVALID"))];
    const named = this.#broadcasts.filter(({ last }) => last !== 0);
    return this.#any({ states, sources: named }, { states, sources: this.#multicast });
  }

  /** Asked of the chain itself: all flags, from port 0 and from another. */
  #illegalFlags(): Diagram {
    const all = Array.from({ length: 64 }, (_, flags) => flags);
    const from = (sport: number, sports: Span): Conditions => ({
      flags: all.filter((flags) => illegalFlags({ proto: TCP, flags, sport })).map(single),
      sports: [sports],
    });
    return this.#any(from(0, single(0)), from(1, { first: 1, last: 65_535 }));
  }

  #beforePolicy(): readonly SharedLine[] {
    const tcp = { protos: [single(TCP)] };
    const udp = { protos: [single(UDP)] };
    const drop = (...conditions: readonly Conditions[]) => ({
      takes: this.#any(...conditions),
      accepts: false,
      rejects: false,
    });
    const ports = (...numbers: readonly number[]) => ({ ports: numbers.map(single) });
    return [
      ...(this.#space.family === 6 ? [{ ...drop({ ...tcp, ...ports(43) }), rejects: true }] : []),
      drop({ dests: this.#multicast }, { dests: this.#broadcasts }),
      { takes: this.#any(...VITAL_ICMP), accepts: true, rejects: false },
      drop({ states: [single(stateNumber("INVALID"))] }),
      drop(
        { ...tcp, ...ports(135, 139, 445) },
        { ...udp, ...ports(135, 137, 138, 139, 445) },
        { ...udp, sports: [single(137)], ports: [{ first: 1024, last: 65_535 }] },
      ),
      drop({ ...udp, ...ports(1900) }),
      drop({ flags: STRAY.map(single) }),
      drop({ ...udp, sports: [single(53)] }),
    ];
  }

  #rejects(): readonly Diagram[] {
    const { store } = this.#space;
    const ends = this.#apart([{ dests: this.#broadcasts }, { sources: this.#multicast }]);
    const protos = this.#apart([ICMP, ICMPV6, TCP, UDP].map((proto) => ({ protos: [single(proto)] })));
    return ends.flatMap((end) => protos.map((proto) => store.intersect(end, proto)));
  }

  /** The packets of each, without those of the ones before; at last the rest. */
  #apart(conditions: readonly Conditions[]): readonly Diagram[] {
    const { store, all } = this.#space;
    let left = all;
    const parts = conditions.map((each) => {
      const set = this.#any(each);
      const part = store.intersect(left, set);
      left = store.subtract(left, set);
      return part;
    });
    return [...parts, left];
  }
}

const VITAL_ICMP: readonly Conditions[] = [
  { protos: [single(ICMP)], icmp: [single(icmpService(3, 4)), anyCode(11)] },
  { protos: [single(ICMPV6)], icmp: [1, 2, 3].map(anyCode) },
];

/** Flags that are no SYN's. */
const STRAY = Array.from({ length: 64 }, (_, flags) => flags).filter(
  (flags) => (flags & (FLAG.FIN | FLAG.SYN | FLAG.RST | FLAG.ACK)) !== FLAG.SYN,
);
