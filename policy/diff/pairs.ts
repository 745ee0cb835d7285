import type { Place } from "../flow.ts";
import type { Family, Ip } from "../ip.ts";
import { firstPackets } from "../prove/reach.ts";
import { NONE } from "../space/diagram.ts";
import { PacketSet } from "../space/packet-set.ts";
import type { Deviation } from "./astray.ts";
import type { Comparison } from "./compare.ts";
import { type Crowd, standIns } from "./crowds.ts";
import { FAMILIES } from "./families.ts";
import { between, hasNone } from "./flow-words.ts";
import { type Pair, SIDES, type SideName } from "./hops.ts";
import { unimplied } from "./unimplied.ts";

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
 * Every two places of which one does not send, or the other is not sent to, as before: of crowds one member each. What passes
 * from one plain device to another over the host's bridge is no file's concern.
 */
export function pairsOf(comparison: Comparison): readonly Pair[] {
  const { senders, receivers } = comparison.crowds;
  const isOwn = (id: Place) => SIDES.some((side) => comparison.ends[side].get(id)?.isOwn === true);
  return FAMILIES.flatMap((family) => {
    const sent = new Set(senders.filter(([from]) => from && !comparison.sendsAlike(from, family)));
    const received = new Set(receivers.filter(([to]) => to && !comparison.receivesAlike(to, family)));
    return receivers.flatMap((to) => {
      const all = received.has(to) ? senders : [...sent];
      return all
        .flatMap((from) => membersOf(from, to))
        .filter((pair) => isOwn(pair.from) || isOwn(pair.to))
        .map((pair) => ({ ...pair, family }));
    });
  });
}

/** Of two crowds a member each that are not the same place. */
function membersOf(senders: Crowd, receivers: Crowd): readonly Pick<Pair, "from" | "to">[] {
  return standIns(receivers)
    .flatMap((to) => standIns(senders).map((from) => ({ from, to })))
    .filter(({ from, to }) => from !== to)
    .slice(0, 1);
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
  const theirs = comparison.accepted(other, pair);
  const more = moreOn(comparison, pair, side);
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

/** What a sender can choose that comes through on this side and not on the other. */
function moreOn(comparison: Comparison, pair: Pair, side: SideName): PacketSet {
  const other = side === "head" ? "base" : "head";
  const theirs = comparison.moves.relocated(comparison.accepted(other, pair), pair, other);
  return comparison.beyond(comparison.moves.comparable(comparison.accepted(side, pair), pair, side), theirs);
}

/** What is denied, by how it is refused now. */
function byAnswer(comparison: Comparison, denied: PairChange): readonly PairChange[] {
  const ends = comparison.endsOn("base", denied);
  if (!ends || denied.deviation || !comparison.endsOn("head", denied)) return [denied];
  return [...comparison.refused("head", denied)].flatMap(([after, how]) => {
    const whole = denied.whole.intersect(comparison.flowsOf(comparison.moves.relocated(how, denied, "head")));
    const set = between(whole, ...ends);
    return hasNone(set) ? [] : [{ ...denied, whole, set, after }];
  });
}

/** Refused on both sides, but not in the same way. */
function answers(comparison: Comparison, pair: Pair): readonly PairChange[] {
  const ends = comparison.endsOn("head", pair);
  if (!ends) return [];
  return answerWholes(comparison, pair).flatMap(({ whole, before, after }): readonly PairChange[] => {
    const set = between(whole, ...ends);
    return hasNone(set) ? [] : [{ ...pair, kind: "answer", set, whole, before, after }];
  });
}

function answerWholes(comparison: Comparison, pair: Pair) {
  if (SIDES.some((side) => !comparison.endsOn(side, pair)) || comparison.hops.refusesAlike(pair)) return [];
  const [was, is] = [comparison.refused("base", pair), comparison.refused("head", pair)];
  // Nearly always both drop, and nothing else.
  if (new Set([...was.keys(), ...is.keys()]).size < 2) return [];
  return [...was].flatMap(([before, how]) =>
    [...is].flatMap(([after, now]) => {
      if (before === after) return [];
      const here = comparison.moves.comparable(now, pair, "head");
      const same = here.intersect(comparison.moves.relocated(how, pair, "base"));
      const whole = comparison.flowsOf(same.intersect(firstPackets(now.space)));
      return [{ whole, before, after }];
    }),
  );
}

/** Flows to an address that is another guest's now, and that both accept. */
function responders(comparison: Comparison): readonly PairChange[] {
  return takeovers(comparison).flatMap(({ whole, ...pair }): readonly PairChange[] => {
    const ends = comparison.endsOn("head", pair);
    const set = ends && between(whole, ...ends);
    return !set || hasNone(set) ? [] : [{ ...pair, kind: "responder", set, whole }];
  });
}

/** For each address that is another guest's now what may be sent there, before and after, whoever has which address. */
export function takeovers(comparison: Comparison) {
  return FAMILIES.flatMap((family) =>
    handedOver(comparison, family).flatMap(({ was, to, dests }) =>
      comparison.crowds.senders
        .flatMap(([from]) => (from === undefined || from === was || from === to ? [] : [from]))
        .map((from) => {
          const pair = { from, to, was, family };
          const earlier = comparison.accepted("base", { from, to: was, family });
          const before = comparison.moves.relocated(earlier, pair, "base");
          const whole = comparison
            .flowsOf(before.intersect(comparison.accepted("head", pair)))
            .intersect(PacketSet.where(before.space, { dests }));
          return { ...pair, whole };
        }),
    ),
  );
}

/** Of two places all that tells which senders, or destinations, fare otherwise, and by which lines. */
export function bordersBetween(comparison: Comparison, pair: Pair): readonly PacketSet[] {
  if (comparison.isSame(pair)) return [];
  const [denied, allowed] = SIDES.map((side) => moreOn(comparison, pair, side));
  if (!denied || !allowed) return [];
  const lost = comparison.flowsOf(denied);
  const refused = denied.isEmpty ? [] : [...comparison.refused("head", pair).values()];
  const flows = [
    comparison.flowsOf(allowed),
    ...(denied.isEmpty ? [] : [lost]),
    ...refused.map((how) => lost.intersect(comparison.flowsOf(how))),
    ...answerWholes(comparison, pair).map(({ whole }) => whole),
  ].filter((each) => !each.isEmpty);
  const flowsOf = (set: PacketSet) => comparison.flowsOf(set);
  const decided = SIDES.flatMap((side) =>
    comparison.hops
      .changedHops(side, pair)
      .flatMap((hop) => flows.flatMap((each) => comparison.hops.hopDeciders(side, hop, each, flowsOf))),
  );
  return [denied, allowed, ...flows, ...decided.map((each) => each.flows)];
}

function handedOver({ ends }: Comparison, family: Family) {
  const owners = new Map<Ip, Place[]>();
  for (const { id, isOwn, known } of ends.base.values())
    for (const ip of isOwn ? known[family] : []) owners.set(ip, [...(owners.get(ip) ?? []), id]);
  return [...ends.head.values()].flatMap(({ id: to, isOwn, known }) =>
    (isOwn ? known[family] : []).flatMap((ip) => {
      const before = owners.get(ip) ?? [];
      const dests = [{ family, first: ip, last: ip }];
      return before.includes(to) ? [] : before.map((was) => ({ to, was, dests }));
    }),
  );
}
