import type { Packet } from "../packet.ts";
import { countOf } from "./count.ts";
import { type Cube, cubesOf } from "./cubes.ts";
import { childAt, type Diagram, NONE, nodesOf } from "./diagram.ts";
import { LEVEL, pointOf } from "./layout.ts";
import { ownRepliesOf } from "./own-replies.ts";
import type { Conditions, PacketSpace } from "./packet-space.ts";
import { type Boxes, jsonOf, linesOf, type PrintOptions, type SetJson } from "./print.ts";
import { flowsOf } from "./project.ts";
import { isInhabited, type Taste, witnessOf } from "./witness.ts";

/** A set of packets of one family, exact. Two of one space with the same diagram are the same set. */
export class PacketSet {
  readonly space: PacketSpace;
  readonly diagram: Diagram;

  constructor(space: PacketSpace, diagram: Diagram) {
    this.space = space;
    this.diagram = diagram;
  }

  static all(space: PacketSpace): PacketSet {
    return new PacketSet(space, space.all);
  }

  static none(space: PacketSpace): PacketSet {
    return new PacketSet(space, NONE);
  }

  /** The packets of which all conditions hold. */
  static where(space: PacketSpace, conditions: Conditions): PacketSet {
    return new PacketSet(space, space.where(conditions));
  }

  union(other: PacketSet): PacketSet {
    return this.#with(this.space.store.union(this.diagram, this.#own(other)));
  }

  intersect(other: PacketSet): PacketSet {
    return this.#with(this.space.store.intersect(this.diagram, this.#own(other)));
  }

  /** What is in this and not in the other. */
  subtract(other: PacketSet): PacketSet {
    return this.#with(this.space.store.subtract(this.diagram, this.#own(other)));
  }

  complement(): PacketSet {
    return this.#with(this.space.store.subtract(this.space.all, this.diagram));
  }

  /** Whether no packet is in it: nearly always told from the diagram's root. */
  get isEmpty(): boolean {
    return !isInhabited(this.space, this.diagram);
  }

  equals(other: PacketSet): boolean {
    if (this.diagram === this.#own(other)) return true;
    return this.subtract(other).isEmpty && other.subtract(this).isEmpty;
  }

  /** Whether every packet of it is in the other. */
  isWithin(other: PacketSet): boolean {
    return this.subtract(other).isEmpty;
  }

  /** `ownMac`: of the NIC that sends, lower case; without it each MAC that the packet names is a foreign one. */
  has(packet: Packet, ownMac?: string): boolean {
    if (packet.family !== this.space.family) return false;
    let node = this.diagram;
    for (const [level, value] of pointOf(packet, ownMac).entries()) node = childAt(node, level, value);
    return node !== NONE;
  }

  /** A packet of it, as ordinary as there is one. */
  witness(taste?: Taste): Packet | undefined {
    return witnessOf(this.space, this.diagram, taste);
  }

  count(): bigint {
    return countOf(this.space, this.diagram);
  }

  /** How many nodes its diagram has. */
  get nodes(): number {
    return nodesOf(this.diagram);
  }

  /** The flows whose first packet is in it, told by protocol, ports and ends alone: `flowsOf` in `project.ts`. */
  flows(): PacketSet {
    return this.#with(flowsOf(this.space, this.diagram));
  }

  /** Boxes that meet nowhere and together are the packets with two ends. */
  cubes(): Iterable<Cube> {
    return cubesOf(this.space.family, this.#half(0));
  }

  /** A line for each box, as a person would write it; `nothing` for the empty set. */
  lines(options?: PrintOptions): readonly string[] {
    return this.isEmpty ? ["nothing"] : linesOf(this.#boxes(), options);
  }

  print(options?: PrintOptions): string {
    return this.lines(options).join("\n");
  }

  toJSON(): SetJson {
    return jsonOf(this.#boxes());
  }

  /**
   * Packets that are their own replies are told apart only where the set has others of them than its boxes say: `more` are in
   * it besides, `fewer` are not though a box says so. Of them only the destination's fields are given.
   */
  #boxes(): Boxes {
    const { store, family } = this.space;
    const said = ownRepliesOf(this.space, this.#half(0));
    const own = this.#half(1);
    return {
      family,
      cubes: this.cubes(),
      more: cubesOf(family, store.subtract(own, said)),
      fewer: cubesOf(family, store.subtract(said, own)),
    };
  }

  #half(own: 0 | 1): Diagram {
    return childAt(this.diagram, LEVEL.own, own);
  }

  #with(diagram: Diagram): PacketSet {
    return new PacketSet(this.space, diagram);
  }

  #own(other: PacketSet): Diagram {
    if (other.space === this.space) return other.diagram;
    throw new TypeError("two packet sets of different spaces: adopt one first");
  }

  /** The same set in another space of the same family. */
  adoptedBy(space: PacketSpace): PacketSet {
    if (space.family !== this.space.family) throw new TypeError("a packet set of the other family");
    return new PacketSet(space, space.store.adopt(this.diagram));
  }
}
