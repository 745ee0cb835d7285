import { ALL, type Diagram, edgesOf } from "./diagram.ts";
import { LEVEL, sourceLevel } from "./layout.ts";
import type { PacketSpace } from "./packet-space.ts";

/**
 * Of a diagram over packets with two ends the points whose ends are one, written with the destination's fields alone: what
 * would be its own replies. No packet is at such a point of the half of those that are none, yet that half can't leave them
 * out: the line through two fields has no short diagram. Emptiness, counts and witnesses pass over them.
 */
export function ownRepliesOf(space: PacketSpace, half: Diagram): Diagram {
  const fold = new Fold(space);
  const { all, store } = space;
  return store.intersect(fold.of(half), all.children[1] ?? all);
}

class Fold {
  readonly #space: PacketSpace;
  readonly #source: number;
  readonly #known = new Map<Diagram, Diagram>();

  constructor(space: PacketSpace) {
    this.#space = space;
    this.#source = sourceLevel(space.family);
  }

  of(node: Diagram): Diagram {
    if (node.children.length === 0) return node;
    const known = this.#known.get(node) ?? this.#make(node);
    this.#known.set(node, known);
    return known;
  }

  #make(node: Diagram): Diagram {
    const { level } = node;
    const isDest = level >= LEVEL.dest && level < this.#source;
    return level === LEVEL.service || isDest ? this.#both(node) : this.#at(node, this.#levelOf(level));
  }

  /** A source's level is its destination's. */
  #levelOf(level: number): number {
    if (level === LEVEL.sport) return LEVEL.service;
    return level >= this.#source ? level - this.#source + LEVEL.dest : level;
  }

  #at({ uppers, children }: Diagram, level: number): Diagram {
    return this.#space.store.node(
      level,
      uppers,
      children.map((child) => this.of(child)),
    );
  }

  /** Below this node the other end's numbers became this level's: both must hold. */
  #both(node: Diagram): Diagram {
    const { store } = this.#space;
    return edgesOf(node)
      .map(({ first, last, child }) =>
        store.intersect(this.#space.choice(node.level, [{ first, last }], ALL), this.of(child)),
      )
      .reduce((all, part) => store.union(all, part));
  }
}
