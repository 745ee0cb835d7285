import type { Ip, IpSpan } from "../ip.ts";
import { regionOf } from "../lint/region.ts";
import { PacketSet } from "../space/packet-set.ts";
import { byDeviation, DEVIATIONS, servicesOf } from "./astray.ts";
import type { Comparison } from "./compare.ts";
import { isOfAnyEnds } from "./flow-words.ts";
import type { SideName } from "./hops.ts";
import type { PairChange } from "./pairs.ts";

/**
 * Astray packets that ordinary ones, or less odd ones, do not tell of: whoever may be sent tcp 80 may be sent it with a forged
 * source too. Told by protocol and port, of the same sender or the same destination.
 */
export function unimplied(
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
    `${kind} ${family} from ${comparison.crowdOf("senders", from)[0]}`,
    `${kind} ${family} to ${comparison.crowdOf("receivers", to)[0]}`,
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
  const { dests, holders } = ownedOn(comparison, side, set);
  const there = comparison.ends[side].get(to);
  const alone = there?.isOwn === true ? there.known[family].filter((ip) => holders.get(ip) === 1) : [];
  const elsewhere = dests.subtract(
    withEnd(
      set,
      "dests",
      alone.map((ip) => ({ family, first: ip, last: ip })),
    ),
  );
  const left = set.subtract(elsewhere);
  if (!comparison.hops.receiverAlone(side, change)) return left;
  const others = [...comparison.ends[side].values()];
  const senders = others.filter(({ id }) => id !== from).flatMap(({ addresses }) => addresses[family]);
  return left.subtract(withEnd(set, "sources", senders));
}

/** What is sent to an address of a guest or the host, and how many have each. */
interface Owned {
  readonly dests: PacketSet;
  readonly holders: ReadonlyMap<Ip, number>;
}

const OWNED = new WeakMap<Comparison, Map<string, Owned>>();

function ownedOn(comparison: Comparison, side: SideName, set: PacketSet): Owned {
  const known = OWNED.get(comparison) ?? new Map<string, Owned>();
  OWNED.set(comparison, known);
  const { family } = set.space;
  const key = `${side} ${family}`;
  const found = known.get(key) ?? findOwned(comparison, side, set);
  known.set(key, found);
  return found;
}

function findOwned({ ends }: Comparison, side: SideName, set: PacketSet): Owned {
  const { family } = set.space;
  const all = [...ends[side].values()].flatMap(({ isOwn, known }) => (isOwn ? known[family] : []));
  const holders = new Map<Ip, number>();
  for (const ip of all) holders.set(ip, (holders.get(ip) ?? 0) + 1);
  return {
    dests: withEnd(
      set,
      "dests",
      all.map((ip) => ({ family, first: ip, last: ip })),
    ),
    holders,
  };
}

function withEnd({ space }: PacketSet, end: "sources" | "dests", spans: readonly IpSpan[]): PacketSet {
  return spans.length === 0
    ? PacketSet.none(space)
    : PacketSet.where(space, { [end]: regionOf(spans, space.family) });
}
