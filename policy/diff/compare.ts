import type { Place } from "../flow.ts";
import type { Family } from "../ip.ts";
import { firstPackets } from "../prove/reach.ts";
import type { Diagram } from "../space/diagram.ts";
import { type DecidedSet, newSpaces, type Spaces } from "../space/node-space.ts";
import { PacketSet } from "../space/packet-set.ts";
import { verdictOf } from "./causes.ts";
import type { Crowd, Crowds } from "./crowds.ts";
import { type End, endsOf } from "./ends.ts";
import { Hops, type Pair, SIDES, type SideName } from "./hops.ts";
import { Moves } from "./moves.ts";
import type { DiffSide } from "./side.ts";

/** The ends of both sides by place. */
export type SideEnds = Readonly<Record<SideName, ReadonlyMap<Place, End>>>;

export function endsOfSides(base: DiffSide, head: DiffSide): SideEnds {
  return { base: endsOf(base), head: endsOf(head) };
}

/** Both nodes in one space, so that what they do with a packet can be compared. */
export class Comparison {
  readonly sides: Readonly<Record<SideName, DiffSide>>;
  readonly ends: SideEnds;
  readonly spaces: Spaces = newSpaces();
  readonly hops: Hops;
  readonly moves: Moves;
  readonly crowds: Crowds;
  readonly #crowdOf: Readonly<Record<keyof Crowds, ReadonlyMap<Place, Crowd>>>;
  readonly #accepted = new Map<string, PacketSet>();
  readonly #refused = new Map<string, ReadonlyMap<string, PacketSet>>();
  readonly #beyond = new WeakMap<Diagram, Map<Diagram, PacketSet>>();
  readonly #flows = new WeakMap<Diagram, PacketSet>();

  /** `ends` are of all places, of which the sides' nodes may hold those alone that stand for their crowds. */
  constructor(base: DiffSide, head: DiffSide, ends: SideEnds = endsOfSides(base, head), crowds?: Crowds) {
    this.sides = { base, head };
    this.ends = ends;
    this.hops = new Hops(base, head, this.spaces);
    this.moves = new Moves(ends);
    const alone = () => placesOf(ends).map((place) => [place]);
    this.crowds = crowds ?? { senders: alone(), receivers: alone() };
    this.#crowdOf = { senders: byPlace(this.crowds.senders), receivers: byPlace(this.crowds.receivers) };
  }

  /** For whom a place stands that sends, or that is sent to. */
  crowdOf(role: keyof Crowds, place: Place): Crowd {
    return this.#crowdOf[role].get(place) ?? [place];
  }

  /** The two ends on a side; undefined where it lacks one. */
  endsOn(side: SideName, { from, to }: Pair): readonly [End, End] | undefined {
    const ends = this.ends[side];
    const [sender, receiver] = [ends.get(from), ends.get(to)];
    return sender && receiver && [sender, receiver];
  }

  /** What comes through on a side; nothing where one of the places is not there. */
  accepted(side: SideName, pair: Pair): PacketSet {
    const { from, to, family } = pair;
    if (!this.endsOn(side, pair)) return PacketSet.none(this.spaces[family]);
    return this.#once(this.#accepted, side, pair, () => this.hops.nodes[side].accepted(from, to, family));
  }

  byDecider(side: SideName, pair: Pair): readonly DecidedSet[] {
    const { from, to, family } = pair;
    return this.endsOn(side, pair) ? this.hops.nodes[side].byDecider(from, to, family) : [];
  }

  /** What does not come through, by how it is refused. */
  refused(side: SideName, pair: Pair): ReadonlyMap<string, PacketSet> {
    return this.#once(this.#refused, side, pair, () => {
      const found = new Map<string, PacketSet>();
      for (const decided of this.byDecider(side, pair)) {
        if (decided.verdict === "accept") continue;
        const how = verdictOf(decided);
        found.set(how, found.get(how)?.union(decided.set) ?? decided.set);
      }
      return found;
    });
  }

  /** What hops of one kind do is worked out once for both sides and for all pairs. */
  #once<T>(known: Map<string, T>, side: SideName, pair: Pair, make: () => T): T {
    const key = `${pair.family} ${this.hops.way(side, pair).join(" ")}`;
    const found = known.get(key) ?? make();
    known.set(key, found);
    return found;
  }

  /** What opens a flow of the one set that is not in the other. */
  beyond(set: PacketSet, other: PacketSet): PacketSet {
    const known = this.#beyond.get(set.diagram) ?? new Map<Diagram, PacketSet>();
    this.#beyond.set(set.diagram, known);
    const found = known.get(other.diagram) ?? set.subtract(other).intersect(firstPackets(set.space));
    known.set(other.diagram, found);
    return found;
  }

  /** The flows of a set, worked out once. */
  flowsOf(set: PacketSet): PacketSet {
    const known = this.#flows.get(set.diagram) ?? set.flows();
    this.#flows.set(set.diagram, known);
    return known;
  }

  /** Whether both sides do the same between two places that stayed where they were. */
  isSame(pair: Pair): boolean {
    if (!this.endsOn("base", pair) || !this.endsOn("head", pair)) return false;
    if (this.moves.hasAny(pair)) return false;
    const [base = [], head = []] = SIDES.map((side) => this.hops.way(side, pair));
    return base.length === head.length && base.every((print, index) => print === head[index]);
  }

  /**
   * Whether a place sends on both sides as it did, so that only who it sends to can make a difference: asked of its way to a
   * plain device of the bridge.
   */
  sendsAlike(from: Place, family: Family): boolean {
    const to = this.#neighbour(from);
    return to !== undefined && this.hops.areOfOneBridge(from) && this.isSame({ from, to, family });
  }

  /** Whether what is sent to a place fares as it did there. */
  receivesAlike(to: Place, family: Family): boolean {
    const from = this.#neighbour(to);
    return from !== undefined && this.hops.areOfOneBridge(to) && this.isSame({ from, to, family });
  }

  /** What passes from a place to a plain device of the bridge, and back. */
  ownWays(place: Place, family: Family): readonly Pair[] {
    const other = this.#neighbour(place);
    if (other === undefined) return [];
    return [
      { from: place, to: other, family },
      { from: other, to: place, family },
    ];
  }

  #neighbour(place: Place): Place | undefined {
    return place === "lan" ? ["wan", "outside"].find((id) => this.ends.head.has(id)) : "lan";
  }
}

/** The places of both sides: the world around, the host, guests by id. */
export function placesOf({ base, head }: SideEnds): readonly Place[] {
  const all = new Set([...base.keys(), ...head.keys()]);
  const rankOf = (id: Place) =>
    /^\d/.test(id) ? Number.parseInt(id, 10) : ["wan", "outside", "lan", "host"].indexOf(id) - 4;
  return [...all]
    .map((id) => ({ id, rank: rankOf(id) }))
    .sort((a, b) => a.rank - b.rank || (a.id < b.id ? -1 : 1))
    .map(({ id }) => id);
}

function byPlace(crowds: readonly Crowd[]): ReadonlyMap<Place, Crowd> {
  return new Map(crowds.flatMap((crowd) => crowd.map((place) => [place, crowd] as const)));
}
