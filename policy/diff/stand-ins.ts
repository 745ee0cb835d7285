import type { Place } from "../flow.ts";
import type { Family } from "../ip.ts";
import type { PacketSet } from "../space/packet-set.ts";
import { AddressCells, splitCrowd } from "./address-cells.ts";
import { Comparison, endsOfSides, placesOf } from "./compare.ts";
import { assembleCrowds, type Crowd, type Crowds, type Stability, stabilityOf, standIns } from "./crowds.ts";
import { FAMILIES } from "./families.ts";
import { type Pair, SIDES } from "./hops.ts";
import { MoverAddresses } from "./mover-addresses.ts";
import { bordersBetween, pairsOf, takeovers } from "./pairs.ts";
import type { DiffSide } from "./side.ts";
import { Touched } from "./touched.ts";

/**
 * Both sides with those guests alone that are not what they were, and one or two of each crowd of the others: of a thousand
 * guests that a change does not tell apart one is asked. Places of `apart` are asked each for itself.
 */
export function compareSides(base: DiffSide, head: DiffSide, apart: ReadonlySet<Place>): Comparison {
  const ends = endsOfSides(base, head);
  const stability = stabilityOf(base, head, placesOf(ends), apart);
  const { changed, movers, isRehung } = stability;
  const compare = (places: Iterable<Place>, own: Crowds): Comparison => {
    const kept = new Set([...places].map(guestOf));
    return new Comparison(reduced(base, kept), reduced(head, kept), ends, own);
  };
  const alone = compare(changed, { senders: [], receivers: [] });
  const ways = FAMILIES.flatMap((family) =>
    [...changed].flatMap((place) => alone.ownWays(place, family)),
  ).filter((pair) => !alone.isSame(pair));
  // Who changed as a destination is asked of all senders, who changed as a sender of all destinations.
  const into = ways.filter(({ to }) => changed.has(to) && !isPlainDevice(to));
  const outOf = ways.filter(({ from }) => changed.has(from) && !isPlainDevice(from));
  const standing = ({ senders, receivers }: Crowds): readonly Place[] => [
    ...changed,
    ...(into.length > 0 || movers.size > 0 || isRehung ? senders.flatMap(standIns) : []),
    ...(outOf.length > 0 || movers.size > 0 || isRehung ? receivers.flatMap(standIns) : []),
  ];
  const theirs = new MoverAddresses(movers, ends);
  const crowds = assembleCrowds(head, stability, {
    // What is sent to another's own address gets there, whoever is changed.
    out: isRehung ? undefined : touchedBy(alone, into, new Touched(theirs, addressesOf(head, stability))),
    in: isRehung ? undefined : touchedBy(alone, outOf, new Touched(theirs)),
  });
  const first = compare(standing(crowds), crowds);
  const finer = finerCrowds(first);
  const isSame =
    finer.senders.length === crowds.senders.length && finer.receivers.length === crowds.receivers.length;
  return isSame ? first : compare(standing(finer), finer);
}

/** A port of the bridge with no hop of its own but the gateway's. */
function isPlainDevice(place: Place): boolean {
  return place === "lan";
}

/** Of those that did not change, and of none that did. */
function addressesOf({ addresses }: DiffSide, { changed }: Stability): ReadonlySet<string> {
  const found = new Set([...addresses].flatMap(([place, own]) => (changed.has(place) ? [] : own)));
  for (const place of changed) for (const text of addresses.get(place) ?? []) found.delete(text);
  return found;
}

/**
 * With all packets that fare otherwise on these ways: whatever changes between any two places is among them, but for what movers
 * send and are sent. Of a guest that is new or gone nothing else is told.
 */
function touchedBy(comparison: Comparison, ways: readonly Pair[], touched: Touched): Touched {
  const isGuests = ({ from, to }: Pair) => /^\d/.test(from) || /^\d/.test(to);
  for (const pair of ways) {
    const isAlone = SIDES.some((side) => !comparison.endsOn(side, pair));
    if (isAlone && isGuests(pair)) continue;
    for (const set of unlike(comparison, pair)) touched.add(set);
  }
  return touched;
}

/** What is not accepted on both sides, or not refused in one way. */
function unlike(comparison: Comparison, pair: Pair): readonly PacketSet[] {
  const [was, is] = SIDES.map((side) => comparison.accepted(side, pair));
  const [before, after] = SIDES.map((side) => [...comparison.refused(side, pair)]);
  const refused = (before ?? []).flatMap(([how, set]) =>
    (after ?? []).flatMap(([now, other]) => (how === now ? [] : [set.intersect(other)])),
  );
  return [...(was && is ? [was.subtract(is), is.subtract(was)] : []), ...refused];
}

/** `101` of `101i1`. */
function guestOf(place: Place): string {
  return /^\d+/.exec(place)?.[0] ?? place;
}

function reduced(side: DiffSide, kept: ReadonlySet<string>): DiffSide {
  const { node } = side;
  const nics = node.nics.filter(({ guestId }) => kept.has(guestId));
  const guests = new Map([...node.guests].filter(([id]) => kept.has(id)));
  return { ...side, node: { ...node, nics, guests } };
}

/** Crowds of which no change tells one member's address from another's. */
function finerCrowds(comparison: Comparison): Crowds {
  const cells = new Map<Crowd, Map<Family, AddressCells>>();
  const note = (crowd: Crowd, sets: readonly PacketSet[], family: Family): void => {
    if (crowd.length < 2) return;
    const own = cells.get(crowd) ?? new Map<Family, AddressCells>();
    const known = own.get(family) ?? new AddressCells(family);
    for (const set of sets) known.add(set);
    cells.set(crowd, own.set(family, known));
  };
  for (const pair of pairsOf(comparison)) {
    const [from, to] = [comparison.crowdOf("senders", pair.from), comparison.crowdOf("receivers", pair.to)];
    if (from.length < 2 && to.length < 2) continue;
    const sets = bordersBetween(comparison, pair);
    note(from, sets, pair.family);
    note(to, sets, pair.family);
  }
  for (const { from, family, whole } of takeovers(comparison))
    note(comparison.crowdOf("senders", from), [whole], family);
  const knownOf = (place: Place, family: Family) => comparison.ends.head.get(place)?.known[family] ?? [];
  const ranks = new Map(placesOf(comparison.ends).map((place, rank) => [place, rank]));
  const rankOf = ([first]: Crowd) => (first === undefined ? 0 : (ranks.get(first) ?? 0));
  const split = (crowds: readonly Crowd[]) =>
    crowds
      .flatMap((crowd) => splitCrowd(crowd, cells.get(crowd) ?? new Map(), knownOf))
      .sort((a, b) => rankOf(a) - rankOf(b));
  const { senders, receivers } = comparison.crowds;
  return { senders: split(senders), receivers: split(receivers) };
}
