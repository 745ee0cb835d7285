import type { Place } from "../flow.ts";
import type { Family } from "../ip.ts";
import { modelOf } from "../model.ts";
import type { Pass } from "../passes.ts";
import type { Diagram } from "../space/diagram.ts";
import { type DecidedSet, NodeSpace, type Spaces } from "../space/node-space.ts";
import type { PacketSet } from "../space/packet-set.ts";
import { verdictOf } from "./causes.ts";
import { Fingerprints } from "./fingerprint.ts";
import type { DiffSide } from "./side.ts";

export const SIDES = ["base", "head"] as const;
export type SideName = (typeof SIDES)[number];

/** Two places, and the family of what passes between them. */
export interface Pair {
  readonly from: Place;
  readonly to: Place;
  readonly family: Family;
}

/** Flows that one line decides. */
interface DecidedFlows {
  readonly ruling: DecidedSet;
  readonly flows: PacketSet;
}

/** The hops of two nodes in one space, told apart by what they do. */
export class Hops {
  readonly nodes: Readonly<Record<SideName, NodeSpace>>;
  readonly #sides: Readonly<Record<SideName, DiffSide>>;
  readonly #alike = new Map<string, boolean>();
  readonly #deciders = new WeakMap<Diagram, Map<string, readonly DecidedFlows[]>>();
  readonly #fingerprints = new Fingerprints();

  constructor(base: DiffSide, head: DiffSide, spaces: Spaces) {
    this.#sides = { base, head };
    this.nodes = { base: new NodeSpace(base.node, spaces), head: new NodeSpace(head.node, spaces) };
  }

  /** What a side does between two places, as numbers: equal ones do the same. */
  way(side: SideName, pair: Pair): readonly number[] {
    return this.#passes(side, pair).map((pass) => this.#print(side, pass, pair.family));
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
  hopDeciders(
    side: SideName,
    pass: Pass,
    flows: PacketSet,
    flowsOf: (set: PacketSet) => PacketSet,
  ): readonly DecidedFlows[] {
    const key = `${side} ${pass.hook} ${pass.where} ${pass.device}`;
    const known = this.#deciders.get(flows.diagram) ?? new Map<string, readonly DecidedFlows[]>();
    this.#deciders.set(flows.diagram, known);
    const { family } = flows.space;
    const found =
      known.get(key) ??
      this.nodes[side]
        .hopByDecider(pass, family)
        .map((ruling) => ({ ruling, flows: flowsOf(ruling.set).intersect(flows) }))
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
    return this.nodes[side].hopByDecider(pass, family);
  }

  /** Whether a NIC is on both sides on the same bridge; other places are on none. */
  areOfOneBridge(place: Place): boolean {
    const [was, is] = SIDES.map((side) => modelOf(this.#sides[side].node).nics.get(place)?.nic.bridge);
    return was === is;
  }

  /** None where a side lacks one of the places. */
  #passes(side: SideName, { from, to }: Pair): readonly Pass[] {
    const { nics, node } = modelOf(this.#sides[side].node);
    const beyond = node.host.gateway === undefined ? "outside" : "wan";
    const isThere = (id: Place) => id === "lan" || id === "host" || id === beyond || nics.has(id);
    return isThere(from) && isThere(to) ? this.nodes[side].passes(from, to) : [];
  }

  #print(side: SideName, pass: Pass, family: Family): number {
    return this.#fingerprints.of(side, modelOf(this.#sides[side].node).broadcasts, pass, family);
  }
}

/** Whether what an earlier hop marked may be decided otherwise: by a group that only another device enters. */
function asksForMark({ asks }: Pass, family: Family): boolean {
  return asks(family).some(({ lines }) =>
    lines.some((line) => line.kind === "group" && line.device !== undefined),
  );
}
