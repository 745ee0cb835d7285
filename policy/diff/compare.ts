import type { Ruling } from "../chain.ts";
import type { Place } from "../flow.ts";
import type { Family } from "../ip.ts";
import { modelOf } from "../model.ts";
import type { Nic } from "../proxmox/node.ts";
import type { Pass } from "../passes.ts";
import type { Diagram } from "../space/diagram.ts";
import { type DecidedSet, NodeSpace, newSpaces, type Spaces } from "../space/node-space.ts";
import { openingsOf } from "../space/openings.ts";
import { PacketSet } from "../space/packet-set.ts";
import { verdictOf } from "./causes.ts";
import { conditionsOf } from "./conditions.ts";
import { type End, endsOf } from "./ends.ts";
import { Fingerprints } from "./fingerprint.ts";
import type { DiffSide } from "./side.ts";

export const SIDES = ["base", "head"] as const;
export type SideName = (typeof SIDES)[number];

export const FAMILIES = [4, 6] as const;

/** Two places, and the family of what passes between them. */
export interface Pair {
  readonly from: Place;
  readonly to: Place;
  readonly family: Family;
}

/** Flows that one line decides. */
export interface DecidedFlows {
  readonly ruling: Ruling;
  readonly flows: PacketSet;
}

/** Both nodes in one space, so that what they do with a packet can be compared. */
export class Comparison {
  readonly sides: Readonly<Record<SideName, DiffSide>>;
  readonly ends: Readonly<Record<SideName, ReadonlyMap<Place, End>>>;
  readonly spaces: Spaces = newSpaces();
  readonly #nics: Readonly<Record<SideName, ReadonlyMap<Place, Nic>>>;
  readonly #nodes: Readonly<Record<SideName, NodeSpace>>;
  readonly #alike = new Map<string, boolean>();
  readonly #accepted = new Map<string, PacketSet>();
  readonly #refused = new Map<string, ReadonlyMap<string, PacketSet>>();
  readonly #beyond = new WeakMap<Diagram, Map<Diagram, PacketSet>>();
  readonly #deciders = new WeakMap<Diagram, Map<string, readonly DecidedFlows[]>>();
  readonly #flows = new WeakMap<Diagram, PacketSet>();
  readonly #fingerprints = new Fingerprints();

  constructor(base: DiffSide, head: DiffSide) {
    this.sides = { base, head };
    this.ends = { base: endsOf(base), head: endsOf(head) };
    const nicsOf = ({ node }: DiffSide) => new Map(node.nics.map((nic) => [nic.place, nic]));
    this.#nics = { base: nicsOf(base), head: nicsOf(head) };
    this.#nodes = {
      base: new NodeSpace(base.node, this.spaces),
      head: new NodeSpace(head.node, this.spaces),
    };
  }

  /** The places of both sides: the world around, the host, guests by id. */
  places(): readonly Place[] {
    const all = new Set([...this.ends.base.keys(), ...this.ends.head.keys()]);
    const rank = (id: Place) =>
      /^\d/.test(id) ? Number.parseInt(id, 10) : ["wan", "outside", "lan", "host"].indexOf(id) - 4;
    return [...all].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
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
    return this.#once(this.#accepted, side, pair, () => this.#nodes[side].accepted(from, to, family));
  }

  byDecider(side: SideName, pair: Pair): readonly DecidedSet[] {
    return this.endsOn(side, pair) ? this.#nodes[side].byDecider(pair.from, pair.to, pair.family) : [];
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
    const key = this.#way(side, pair).join(" ");
    const found = known.get(key) ?? make();
    known.set(key, found);
    return found;
  }

  #way(side: SideName, pair: Pair): readonly number[] {
    return this.#passes(side, pair).map((pass) => this.#print(side, pass, pair.family));
  }

  /** What a sender can choose of the one set that is not in the other: packets in the state in which each begins a flow. */
  beyond(set: PacketSet, other: PacketSet): PacketSet {
    const { space } = set;
    const known = this.#beyond.get(set.diagram) ?? new Map<Diagram, PacketSet>();
    this.#beyond.set(set.diagram, known);
    const openings = new PacketSet(space, openingsOf(space));
    const found = known.get(other.diagram) ?? set.subtract(other).intersect(openings);
    known.set(other.diagram, found);
    return found;
  }

  /** The flows of a set, worked out once. */
  flowsOf(set: PacketSet): PacketSet {
    const known = this.#flows.get(set.diagram) ?? set.flows();
    this.#flows.set(set.diagram, known);
    return known;
  }

  /** What one side asks between two places and the other does not: its own hops, as far as their lines are not the same. */
  changedHops(side: SideName, pair: Pair): readonly Pass[] {
    const other = side === "base" ? "head" : "base";
    const theirs = new Map(this.#passes(other, pair).map((pass) => [pass.where, pass]));
    return this.#passes(side, pair).filter((pass) => {
      const twin = theirs.get(pass.where);
      return !twin || this.#print(side, pass, pair.family) !== this.#print(other, twin, pair.family);
    });
  }

  /** The lines of a hop that decide any of these flows. */
  hopDeciders(side: SideName, pass: Pass, flows: PacketSet): readonly DecidedFlows[] {
    const key = `${side} ${pass.hook} ${pass.where} ${pass.device}`;
    const known = this.#deciders.get(flows.diagram) ?? new Map<string, readonly DecidedFlows[]>();
    this.#deciders.set(flows.diagram, known);
    const { family } = flows.space;
    const found =
      known.get(key) ??
      this.#nodes[side]
        .hopByDecider(pass, family)
        .map((ruling) => ({ ruling, flows: this.flowsOf(ruling.set).intersect(flows) }))
        .filter((each) => !each.flows.isEmpty);
    known.set(key, found);
    return found;
  }

  /** Whether of all hops between two places only the last is not the other side's: what it asks no sender has a part in. */
  receiverAlone(side: SideName, pair: Pair): boolean {
    const last = this.#passes(side, pair).at(-1);
    return this.changedHops(side, pair).every((pass) => pass === last);
  }

  /**
   * Whether no packet can be refused otherwise: only the last hop is not the same, and what it refuses on both sides it refuses
   * in one way. It is asked once for all senders.
   */
  refusesAlike(pair: Pair): boolean {
    const { family } = pair;
    const [base, ...more] = this.changedHops("base", pair);
    const [head, ...others] = this.changedHops("head", pair);
    const isAlone = SIDES.every((side) => this.receiverAlone(side, pair));
    if (!base || !head || more.length + others.length > 0 || !isAlone) return false;
    if ([base, head].some((pass) => asksForMark(pass, family))) return false;
    const key = `${this.#print("base", base, family)} ${this.#print("head", head, family)}`;
    const known = this.#alike.get(key) ?? this.#isAlike(base, head, family);
    this.#alike.set(key, known);
    return known;
  }

  #isAlike(base: Pass, head: Pass, family: Family): boolean {
    const refused = (side: SideName, pass: Pass) =>
      this.hopByDecider(side, pass, family).filter(({ verdict }) => verdict !== "accept");
    const heads = refused("head", head);
    return refused("base", base).every((was) =>
      heads.every((is) => verdictOf(was) === verdictOf(is) || was.set.intersect(is.set).isEmpty),
    );
  }

  /** All packets by the line of one hop that decides them. */
  hopByDecider(side: SideName, pass: Pass, family: Family): readonly DecidedSet[] {
    return this.#nodes[side].hopByDecider(pass, family);
  }

  /** Whether both sides do the same between two places that stayed where they were. */
  isSame(pair: Pair): boolean {
    if (!this.endsOn("base", pair) || !this.endsOn("head", pair)) return false;
    if (this.hasMovedAny(pair)) return false;
    const [base = [], head = []] = SIDES.map((side) => this.#way(side, pair));
    return base.length === head.length && base.every((print, index) => print === head[index]);
  }

  /** Whether a place is on both sides what it was, as sender and as destination: two such places are `isSame`. */
  isStable(id: Place, family: Family): boolean {
    const [was, is] = SIDES.map((side) => this.#nics[side].get(id)?.bridge);
    const partner = id === "lan" ? "host" : "lan";
    return (
      was === is &&
      this.isSame({ from: id, to: partner, family }) &&
      this.isSame({ from: partner, to: id, family })
    );
  }

  #passes(side: SideName, pair: Pair): readonly Pass[] {
    return this.endsOn(side, pair) ? this.#nodes[side].passes(pair.from, pair.to) : [];
  }

  #print(side: SideName, pass: Pass, family: Family): number {
    return this.#fingerprints.of(side, modelOf(this.sides[side].node).broadcasts, pass, family);
  }

  /** Whether a guest, or the host, has one address on each side, and not the same. */
  hasMoved(id: Place, family: Family): boolean {
    const [base, head] = [this.ends.base.get(id), this.ends.head.get(id)];
    if (!base?.isOwn || !head?.isOwn) return false;
    const [was, is] = [base.known[family], head.known[family]];
    return was.length === 1 && is.length === 1 && was[0] !== is[0];
  }

  hasMovedAny({ from, to, family }: Pair): boolean {
    return this.hasMoved(from, family) || this.hasMoved(to, family);
  }

  /**
   * A side's packets as the other side has them: a guest that moved sends from its new address, and is sent to that, what it
   * was before. Between places that stayed they are what they were.
   */
  relocated(set: PacketSet, { from, to, family }: Pair, side: SideName): PacketSet {
    const hasMoved = [from, to].map((id) => this.hasMoved(id, family));
    if (!hasMoved.includes(true)) return set;
    const [was, is] = [side, side === "base" ? "head" : "base"].map((each) => {
      const [sources, dests] = [from, to].map((id, index) =>
        hasMoved[index] === true ? this.ends[each as SideName].get(id)?.addresses[family] : undefined,
      );
      return { ...(sources && { sources }), ...(dests && { dests }), ownReply: false };
    });
    const there = set.intersect(PacketSet.where(set.space, was ?? {}));
    return [...there.cubes()]
      .map((cube) => PacketSet.where(set.space, { ...conditionsOf(cube), ...is }))
      .reduce((all, part) => all.union(part), PacketSet.none(set.space));
  }
}

/** Whether what an earlier hop marked may be decided otherwise: by a group that only another device enters. */
function asksForMark({ asks }: Pass, family: Family): boolean {
  return asks(family).some(({ lines }) =>
    lines.some((line) => line.kind === "group" && line.device !== undefined),
  );
}
