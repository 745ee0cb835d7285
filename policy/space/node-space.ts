import type { Ruling } from "../chain.ts";
import { pathOf } from "../decide.ts";
import type { Hop, Place } from "../flow.ts";
import type { Family } from "../ip.ts";
import { type Model, modelOf } from "../model.ts";
import type { Pass } from "../passes.ts";
import type { Node } from "../proxmox/node.ts";
import { type Diagram, NONE } from "./diagram.ts";
import { type Course, coursesOf } from "./courses.ts";
import { type Decided, gather, HopSets } from "./hop-sets.ts";
import { PacketSet } from "./packet-set.ts";
import { PacketSpace } from "./packet-space.ts";
import { withoutRules } from "./without-rules.ts";
import { asksForMark, type Coming, Way } from "./way.ts";

/** The spaces of both families. Nodes whose sets are to be compared share them. */
export type Spaces = Readonly<Record<Family, PacketSpace>>;

export function newSpaces(): Spaces {
  return { 4: new PacketSpace(4), 6: new PacketSpace(6) };
}

/** Packets that one line decides, and at which hop of the way. */
export interface DecidedSet extends Ruling {
  readonly hook: Hop["hook"];
  readonly where: string;
  readonly set: PacketSet;
}

/** What a node does with every packet: `decideOn` for all of them at once. Hops are worked out when first asked for. */
export class NodeSpace {
  readonly spaces: Spaces;
  readonly #model: Model;
  readonly #hops = new Map<Family, HopSets>();

  constructor(node: Node, spaces: Spaces = newSpaces()) {
    this.spaces = spaces;
    this.#model = modelOf(node);
  }

  /** The packets that come through from one place to another, whatever their source says. */
  accepted(from: Place, to: Place, family: Family = 4): PacketSet {
    const way = this.#way(from, to, family);
    let coming: Coming = way.start;
    for (const pass of this.passes(from, to)) coming = way.accept(coming, pass);
    return new PacketSet(this.spaces[family], coming.set);
  }

  /**
   * All packets by what decides them, as `decide` has it: the line that stops them, else the last hop's that lets them
   * through. In the order of hops and lines; together they are every packet, and no two meet.
   */
  byDecider(from: Place, to: Place, family: Family = 4): readonly DecidedSet[] {
    const way = this.#way(from, to, family);
    const passes = this.passes(from, to);
    let coming: Coming = way.start;
    return passes.flatMap((pass, index) => {
      const isLast = index === passes.length - 1;
      const found = new Map<string, Decided>();
      for (const each of way.decide(coming, pass))
        if (each.ruling.verdict !== "accept" || isLast)
          gather(this.spaces[family], found, { ...each, marked: false });
      coming = way.accept(coming, pass);
      return [...found.values()]
        .map(({ ruling, set }) => this.#decided(pass, family, ruling, set))
        .filter(({ set }) => !set.isEmpty);
    });
  }

  /** A set's packets by what decides them at every hop (`courses.ts`); undefined where these are too many to tell. */
  courses(from: Place, to: Place, of: PacketSet): readonly Course[] | undefined {
    const { family } = of.space;
    const own = of.space === this.spaces[family] ? of : of.adoptedBy(this.spaces[family]);
    return coursesOf(own.space, this.#way(from, to, family), this.passes(from, to), own.diagram);
  }

  /**
   * Every place that may send, those together of which no other place can tell the packets apart: from each of them the same
   * are accepted to any place that is not of the class. So a proof about all senders asks one of each.
   */
  senders(family: Family = 4): readonly (readonly Place[])[] {
    const { node } = this.#model;
    const plain = ["lan", "outside", ...(node.host.gateway === undefined ? [] : ["wan"])];
    const all = [...plain, "host", ...node.nics.map(({ place }) => place)];
    return [...Map.groupBy(all, (place) => this.#outwards(place, family)).values()];
  }

  /** What a place's packets meet before they part: its own hops, and by which bridge they come to the host. */
  #outwards(from: Place, family: Family): string {
    if (from === "host") return from;
    const hops = this.passes(from, from === "lan" ? "outside" : "lan");
    const accepted = hops.map((pass) => `${pass.hook} ${this.hop(pass, family).diagram.id}`);
    const input = this.passes(from, "host").filter(({ hook }) => hook === "INPUT");
    const asks = input.some((pass) => asksForMark(pass, family));
    return [...accepted, ...input.map(({ device }) => device), asks ? from : ""].join(" ");
  }

  /** The hops between two places, in order. */
  passes(from: Place, to: Place): readonly Pass[] {
    return pathOf(this.#model, from, to);
  }

  /** What one hop accepts of the packets that come to it without a mark. */
  hop(pass: Pass, family: Family = 4): PacketSet {
    return new PacketSet(this.spaces[family], this.#hopsOf(family).accepted(pass, false));
  }

  /** All packets by the line of one hop that decides them. */
  hopByDecider(pass: Pass, family: Family = 4): readonly DecidedSet[] {
    return this.#hopsOf(family)
      .decided(pass, false)
      .map(({ ruling, set }) => this.#decided(pass, family, ruling, set));
  }

  /**
   * What a hop accepts by no rule and no standing accept, if no rule took it before: by a policy, by one of Proxmox's own lines,
   * or since nothing filters. It is no less than what it so accepts, and one set for all hops without rules of their own.
   */
  undeclared(pass: Pass, family: Family = 4): PacketSet {
    const space = this.spaces[family];
    const parts = this.#hopsOf(family)
      .decided(withoutRules(pass, family), false)
      .filter(({ ruling: { verdict, decider } }) => verdict === "accept" && decider.kind !== "standing");
    return new PacketSet(
      space,
      parts.reduce<Diagram>((all, { set }) => space.store.union(all, set), NONE),
    );
  }

  #hopsOf(family: Family): HopSets {
    const known = this.#hops.get(family) ?? new HopSets(this.spaces[family], this.#model.broadcasts);
    this.#hops.set(family, known);
    return known;
  }

  #decided({ hook, where }: Pass, family: Family, ruling: Ruling, set: Diagram): DecidedSet {
    return { ...ruling, hook, where, set: new PacketSet(this.spaces[family], set) };
  }

  #way(from: Place, to: Place, family: Family): Way {
    return new Way(this.spaces[family], this.#hopsOf(family), this.passes(from, to));
  }
}

const KNOWN = new WeakMap<Node, NodeSpace>();

/** The node's sets in spaces of its own, kept as long as the node. To compare two nodes give them the same `Spaces`. */
export function spaceOf(node: Node): NodeSpace {
  const known = KNOWN.get(node) ?? new NodeSpace(node);
  KNOWN.set(node, known);
  return known;
}
