import type { Place } from "../flow.ts";
import type { Family, IpSpan } from "../ip.ts";
import { regionOf } from "../lint/region.ts";
import { NONE } from "../space/diagram.ts";
import { PacketSet } from "../space/packet-set.ts";
import { type Comparison, FAMILIES, type Pair, SIDES, type SideName } from "./compare.ts";
import { byDeviation, DEVIATIONS, type Deviation, servicesOf } from "./astray.ts";
import { between, hasNone, isOfAnyEnds } from "./flow-words.ts";

/** Newly accepted, newly refused, refused otherwise, or accepted by another guest at the same address. */
export type ChangeKind = "allowed" | "denied" | "answer" | "responder";

/** Packets of one family between two places that the two sides do not treat alike. */
export interface PairChange {
  readonly kind: ChangeKind;
  readonly from: Place;
  readonly to: Place;
  /** `responder`: who answered there before. */
  readonly was?: Place;
  readonly family: Family;
  /** With the addresses of head, but for what is denied: with those of base. */
  readonly set: PacketSet;
  /** What `set` is a part of, for many pairs the same: flows, of which it is those between the ends, or any packets. */
  readonly whole: PacketSet;
  /** In what these packets are not as one end sends them to the other; absent: in nothing. */
  readonly deviation?: Deviation;
  /** How base refuses them, where that is one way: `drop`. */
  readonly before?: string;
  readonly after?: string;
}

/** All changes between every two places of either side, family by family and by destination. */
export function pairChanges(comparison: Comparison): readonly PairChange[] {
  const pairs = pairsOf(comparison);
  const found = pairs.flatMap((pair) => changesBetween(comparison, pair));
  const [ordinary, astray] = [
    found.filter(({ deviation }) => deviation === undefined),
    found.filter(({ deviation }) => deviation !== undefined),
  ];
  return [...ordinary, ...responders(comparison), ...unimplied(comparison, astray, ordinary)];
}

/**
 * Every two places of which one is not on both sides what it was. What passes from one plain device to another over the host's
 * bridge is no file's concern.
 */
function pairsOf(comparison: Comparison): readonly Pair[] {
  const places = comparison.places();
  const own = new Set(
    places.filter((id) => SIDES.some((side) => comparison.ends[side].get(id)?.isOwn === true)),
  );
  return FAMILIES.flatMap((family) => {
    const changed = new Set(places.filter((id) => !comparison.isStable(id, family)));
    const isAsked = (from: Place, to: Place) =>
      from !== to && (own.has(from) || own.has(to)) && (changed.has(from) || changed.has(to));
    return places.flatMap((to) => {
      const senders = changed.has(to) ? places : [...changed];
      return senders.filter((from) => isAsked(from, to)).map((from) => ({ from, to, family }));
    });
  });
}

function changesBetween(comparison: Comparison, pair: Pair): readonly PairChange[] {
  if (comparison.isSame(pair)) return [];
  return [
    ...gained(comparison, pair, "head"),
    ...gained(comparison, pair, "base").flatMap((each) => byAnswer(comparison, each)),
    ...answers(comparison, pair),
  ];
}

/** What a side accepts and the other does not: between the ends' own addresses, and astray. */
function gained(comparison: Comparison, pair: Pair, side: SideName): readonly PairChange[] {
  const ends = comparison.endsOn(side, pair);
  if (!ends) return [];
  const other = side === "head" ? "base" : "head";
  const own = comparison.accepted(side, pair);
  const theirs = comparison.accepted(other, pair);
  const more = comparison.beyond(own, comparison.relocated(theirs, pair, other));
  if (more.isEmpty) return [];
  const flows = comparison.flowsOf(more);
  const ordinary = between(flows, ...ends);
  const astray = more.subtract(theirs).subtract(ordinary);
  const found = { ...pair, kind: side === "head" ? "allowed" : "denied" } as const;
  return [
    ...(hasNone(ordinary) ? [] : [{ ...found, set: ordinary, whole: flows }]),
    // Of a place that is new or gone ordinary packets tell enough; of nearly all others they tell of these too.
    ...(astray.diagram === NONE || !comparison.endsOn(other, pair)
      ? []
      : [{ ...found, set: astray, whole: more, deviation: "form" as const }]),
  ];
}

/** What is denied, by how it is refused now. */
function byAnswer(comparison: Comparison, denied: PairChange): readonly PairChange[] {
  const ends = comparison.endsOn("base", denied);
  if (!ends || denied.deviation || !comparison.endsOn("head", denied)) return [denied];
  return [...comparison.refused("head", denied)].flatMap(([after, how]) => {
    const whole = denied.whole.intersect(comparison.flowsOf(comparison.relocated(how, denied, "head")));
    const set = between(whole, ...ends);
    return hasNone(set) ? [] : [{ ...denied, whole, set, after }];
  });
}

/** Refused on both sides, but not in the same way. */
function answers(comparison: Comparison, pair: Pair): readonly PairChange[] {
  const ends = comparison.endsOn("head", pair);
  if (!ends || !comparison.endsOn("base", pair) || comparison.refusesAlike(pair)) return [];
  const [was, is] = [comparison.refused("base", pair), comparison.refused("head", pair)];
  // Nearly always both drop, and nothing else.
  if (new Set([...was.keys(), ...is.keys()]).size < 2) return [];
  return [...was].flatMap(([before, how]) =>
    [...is].flatMap(([after, now]): readonly PairChange[] => {
      if (before === after) return [];
      const whole = comparison.flowsOf(now.intersect(comparison.relocated(how, pair, "base")));
      const set = between(whole, ...ends);
      return hasNone(set) ? [] : [{ ...pair, kind: "answer", set, whole, before, after }];
    }),
  );
}

/** Flows to an address that is another guest's now, and that both accept. */
function responders(comparison: Comparison): readonly PairChange[] {
  return FAMILIES.flatMap((family) =>
    handedOver(comparison, family).flatMap(({ was, to, dests }) =>
      comparison
        .places()
        .filter((from) => from !== was && from !== to)
        .flatMap((from): readonly PairChange[] => {
          const pair = { from, to, family };
          const ends = comparison.endsOn("head", pair);
          if (!ends) return [];
          const before = comparison.accepted("base", { ...pair, to: was });
          const whole = comparison
            .flowsOf(before.intersect(comparison.accepted("head", pair)))
            .intersect(PacketSet.where(before.space, { dests }));
          const set = between(whole, ...ends);
          return hasNone(set) ? [] : [{ ...pair, kind: "responder", was, set, whole }];
        }),
    ),
  );
}

function handedOver({ ends }: Comparison, family: Family) {
  const owners = new Map(
    [...ends.base.values()].flatMap((end) =>
      end.isOwn ? end.known[family].map((ip) => [ip, end] as const) : [],
    ),
  );
  return [...ends.head.values()].flatMap(({ id: to, isOwn, known }) =>
    (isOwn ? known[family] : []).flatMap((ip) => {
      const was = owners.get(ip);
      return was && was.id !== to ? [{ to, was: was.id, dests: [{ family, first: ip, last: ip }] }] : [];
    }),
  );
}

/**
 * Astray packets that ordinary ones, or less odd ones, do not tell of: whoever may be sent tcp 80 may be sent it with a forged
 * source too. Told by protocol and port, of the same sender or the same destination.
 */
function unimplied(
  comparison: Comparison,
  astray: readonly PairChange[],
  ordinary: readonly PairChange[],
): readonly PairChange[] {
  const known = new Map<unknown, PacketSet>();
  const services = (set: PacketSet): PacketSet => {
    const before = known.get(set.diagram) ?? servicesOf(set);
    known.set(set.diagram, before);
    return before;
  };
  const keys = ({ kind, family, from, to }: PairChange) => [
    `${kind} ${family} from ${from}`,
    `${kind} ${family} to ${to}`,
  ];
  const told = new Map<string, PacketSet>();
  const tell = (change: PairChange, own: PacketSet): void => {
    for (const key of keys(change)) told.set(key, told.get(key)?.union(own) ?? own);
  };
  for (const change of ordinary)
    tell(change, services(isOfAnyEnds(change.whole) ? change.whole : change.set));
  const toldOf = (change: PairChange): PacketSet =>
    keys(change)
      .flatMap((key) => told.get(key) ?? [])
      .reduce((sum, each) => sum.union(each), PacketSet.none(change.set.space));
  const parts = astray
    .filter((change) => !services(change.whole).isWithin(toldOf(change)))
    .flatMap((change) => {
      const ends = comparison.endsOn(change.kind === "denied" ? "base" : "head", change);
      return ends
        ? byDeviation(possible(comparison, change), ...ends).map((part) => ({
            ...change,
            ...part,
            whole: part.set,
          }))
        : [];
    });
  return DEVIATIONS.flatMap((deviation) => {
    const own = parts
      .filter((part) => part.deviation === deviation)
      .flatMap((part) => {
        const known = toldOf(part);
        // A packet that is its own reply tells nothing where anything else does.
        if (deviation === "reply" && !known.isEmpty) return [];
        const set = part.set.subtract(known);
        return services(part.set).isWithin(known) || set.isEmpty ? [] : [{ ...part, set, whole: set }];
      });
    for (const part of own) tell(part, services(part.set));
    return own;
  });
}

/**
 * Of astray packets those that get there and are nobody's own. One to another guest's address gets to that guest. One with
 * another place's source is, where the sender's own hops are what they were, what that place may send, and is told there.
 */
function possible(comparison: Comparison, change: PairChange): PacketSet {
  const { family, set, from, to } = change;
  const side = change.kind === "denied" ? "base" : "head";
  const others = [...comparison.ends[side].values()];
  const elsewhere = others
    .filter(({ id, isOwn }) => isOwn && id !== to)
    .flatMap(({ known }) => known[family]);
  const left = set.subtract(
    withEnd(
      set,
      "dests",
      elsewhere.map((ip) => ({ family, first: ip, last: ip })),
    ),
  );
  if (!comparison.receiverAlone(side, change)) return left;
  const senders = others.filter(({ id }) => id !== from).flatMap(({ addresses }) => addresses[family]);
  return left.subtract(withEnd(set, "sources", senders));
}

function withEnd({ space }: PacketSet, end: "sources" | "dests", spans: readonly IpSpan[]): PacketSet {
  return spans.length === 0
    ? PacketSet.none(space)
    : PacketSet.where(space, { [end]: regionOf(spans, space.family) });
}
