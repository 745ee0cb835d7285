import type { Family } from "../ip.ts";
import type { Region } from "../lint/region.ts";
import { ALL, type Diagram, NONE } from "./diagram.ts";
import { kindOf, LEVEL, lastOf, type ProtoKind, sourceLevel, wordsOf } from "./layout.ts";
import { common, joined, others, type Span, single } from "./spans.ts";
import { DiagramStore } from "./store.ts";

/** What a packet must be: all that is given must hold, inside a list one suffices. */
export interface Conditions {
  /** By their numbers (`stateNumber`). */
  readonly states?: readonly Span[];
  readonly protos?: readonly Span[];
  /** Destination ports: of a protocol that has them. */
  readonly ports?: readonly Span[];
  readonly sports?: readonly Span[];
  /** Types and codes by `icmpService`: of ICMP in either family's form. */
  readonly icmp?: readonly Span[];
  /** TCP's flags as bits: of TCP. */
  readonly flags?: readonly Span[];
  /** Of another MAC than the sending NIC's own, or of that. */
  readonly foreignMac?: boolean;
  /** conntrack takes the packet for its own reply: both ends are one (`isOwnReply`). */
  readonly ownReply?: boolean;
  readonly dests?: Region;
  readonly sources?: Region;
}

/** Regions from which on a diagram is remembered. */
const LARGE = 8;

/** The packets of one family as diagrams of one store; whoever lets it go lets go of all of them. */
export class PacketSpace {
  readonly family: Family;
  readonly store: DiagramStore;
  /** Every packet: conntrack takes no ICMP for its own reply, so that half has none. */
  readonly all: Diagram;
  readonly #regions = [new WeakMap<Region, Diagram>(), new WeakMap<Region, Diagram>()] as const;

  constructor(family: Family, store = new DiagramStore()) {
    this.family = family;
    this.store = store;
    this.all = this.where({});
  }

  /**
   * The packets of which all conditions hold. Those that are their own replies have one address and one port at both ends, so
   * their half says the destination's alone, of which both ends' conditions must hold.
   */
  where(conditions: Conditions): Diagram {
    const { states, ports, icmp, sports, flags, foreignMac } = conditions;
    const { ownReply, dests, sources } = conditions;
    const protos = protosOf(conditions);
    const mac = foreignMac === undefined ? undefined : [single(foreignMac ? 1 : 0)];
    const { store } = this;
    const dest = this.#addresses(dests, LEVEL.dest);
    const ends = store.intersect(dest, this.#addresses(sources, sourceLevel(this.family)));
    const end = store.intersect(dest, this.#addresses(sources, LEVEL.dest));
    const both = ports && sports ? common(joined(ports), joined(sports)) : (ports ?? sports);
    const fields = [states, protos, ports ?? icmp, sports, flags, mac] as const;
    const own = [states, withoutIcmp(protos), both, undefined, flags, mac] as const;
    const noReply = ownReply === true ? NONE : this.#chain(fields, ends);
    const reply = ownReply === false || icmp ? NONE : this.#chain(own, end);
    return store.node(LEVEL.own, [0, 1], [noReply, reply]);
  }

  /** The numbers of the spans at one level, and below them a diagram. */
  choice(level: number, spans: readonly Span[], below: Diagram): Diagram {
    const uppers: number[] = [];
    const children: Diagram[] = [];
    for (const { first, last } of joined(spans)) {
      if (first > 0) {
        uppers.push(first - 1);
        children.push(NONE);
      }
      uppers.push(last);
      children.push(below);
    }
    if ((uppers.at(-1) ?? -1) < lastOf(level)) {
      uppers.push(lastOf(level));
      children.push(NONE);
    }
    return this.store.node(level, uppers, children);
  }

  /** Conditions on the levels from `state` on, in order. */
  #chain(fields: readonly (readonly Span[] | undefined)[], below: Diagram): Diagram {
    return fields.reduceRight<Diagram>(
      (node, spans, index) => (spans ? this.choice(LEVEL.state + index, spans, node) : node),
      below,
    );
  }

  #addresses(region: Region | undefined, level: number): Diagram {
    if (!region) return ALL;
    const known = this.#regions[level === LEVEL.dest ? 0 : 1];
    const before = known.get(region);
    if (before) return before;
    const spans = region.map(({ first, last }) => ({
      first: wordsOf(first, this.family),
      last: wordsOf(last, this.family),
    }));
    const made = this.#words(level, spans);
    if (region.length >= LARGE) known.set(region, made);
    return made;
  }

  /** Addresses as words from `level` on, the spans in order and apart. */
  #words(level: number, spans: readonly WordSpan[]): Diagram {
    const [head] = spans;
    if (!head || head.first.length === 0) return head ? ALL : NONE;
    const edges: { first: number; last: number; child: Diagram }[] = [];
    for (const group of byWord(spans)) {
      const child = group.below ? this.#words(level + 1, group.below) : ALL;
      edges.push({ first: group.first, last: group.last, child });
    }
    return this.#edges(level, edges);
  }

  #edges(level: number, edges: readonly (Span & { readonly child: Diagram })[]): Diagram {
    const uppers: number[] = [];
    const children: Diagram[] = [];
    let next = 0;
    const add = (last: number, child: Diagram): void => {
      uppers.push(last);
      children.push(child);
      next = last + 1;
    };
    for (const { first, last, child } of edges) {
      if (next < first) add(first - 1, NONE);
      add(last, child);
    }
    if (next <= lastOf(level)) add(lastOf(level), NONE);
    return this.store.node(level, uppers, children);
  }
}

/** A span of addresses as numbers of 32 bits. */
interface WordSpan {
  readonly first: readonly number[];
  readonly last: readonly number[];
}

/** Numbers of the first word that lead to the same: to everything, or to what `below` says of the other words. */
interface WordGroup extends Span {
  below?: WordSpan[];
}

function byWord(spans: readonly WordSpan[]): readonly WordGroup[] {
  const groups: WordGroup[] = [];
  const partial = (word: number, below: WordSpan): void => {
    const before = groups.at(-1);
    if (before?.below && before.last === word) before.below.push(below);
    else groups.push({ first: word, last: word, below: [below] });
  };
  for (const { first, last } of spans) {
    const [low = 0, ...lows] = first;
    const [high = 0, ...highs] = last;
    if (low === high) partial(low, { first: lows, last: highs });
    else {
      partial(low, { first: lows, last: lows.map(() => MOST) });
      if (low + 1 <= high - 1) groups.push({ first: low + 1, last: high - 1 });
      partial(high, { first: highs.map(() => 0), last: highs });
    }
  }
  return groups;
}

const MOST = 0xffffffff;
const PROTOS = Array.from({ length: 256 }, (_, proto) => proto);

function spansOfKinds(...kinds: readonly ProtoKind[]): readonly Span[] {
  return joined(PROTOS.filter((proto) => kinds.includes(kindOf(proto))).map(single));
}

const TCP_ALONE = spansOfKinds("tcp");
const WITH_PORTS = spansOfKinds("tcp", "ports");
/** The protocols with types and codes. */
export const ICMP_ALONE = spansOfKinds("icmp");
export const NO_ICMP = others(ICMP_ALONE, 255);

/** The protocols that have what the conditions ask for. */
function protosOf({ protos, ports, sports, icmp, flags }: Conditions): readonly Span[] | undefined {
  const needed = [(ports ?? sports) ? WITH_PORTS : undefined, icmp && ICMP_ALONE, flags && TCP_ALONE];
  return [...needed, protos && joined(protos)].reduce((held, spans) =>
    held && spans ? common(held, spans) : (held ?? spans),
  );
}

function withoutIcmp(protos: readonly Span[] | undefined): readonly Span[] {
  return protos ? common(protos, NO_ICMP) : NO_ICMP;
}
