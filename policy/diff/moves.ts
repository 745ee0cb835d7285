import type { Place } from "../flow.ts";
import type { Family } from "../ip.ts";
import { PacketSet } from "../space/packet-set.ts";
import { conditionsOf } from "./conditions.ts";
import type { End } from "./ends.ts";
import type { Pair, SideName } from "./hops.ts";

/** The guests, and the host, that have another address than they had. */
export class Moves {
  readonly #ends: Readonly<Record<SideName, ReadonlyMap<Place, End>>>;

  constructor(ends: Readonly<Record<SideName, ReadonlyMap<Place, End>>>) {
    this.#ends = ends;
  }

  /** Whether a guest, or the host, has one address on each side, and not the same. */
  has(id: Place, family: Family): boolean {
    const [base, head] = [this.#ends.base.get(id), this.#ends.head.get(id)];
    if (!base?.isOwn || !head?.isOwn) return false;
    const [was, is] = [base.known[family], head.known[family]];
    return was.length === 1 && is.length === 1 && was[0] !== is[0];
  }

  hasAny({ from, to, family }: Pair): boolean {
    return this.has(from, family) || this.has(to, family);
  }

  /**
   * A side's packets as the other side has them: a guest that moved sends from its new address, and is sent to that, what it
   * was before. Between places that stayed they are what they were.
   */
  relocated(set: PacketSet, { from, to, family }: Pair, side: SideName): PacketSet {
    const hasMoved = [from, to].map((id) => this.has(id, family));
    if (!hasMoved.includes(true)) return set;
    const [was, is] = [side, side === "base" ? "head" : "base"].map((each) => {
      const [sources, dests] = [from, to].map((id, index) =>
        hasMoved[index] === true ? this.#ends[each as SideName].get(id)?.addresses[family] : undefined,
      );
      return { ...(sources && { sources }), ...(dests && { dests }), ownReply: false };
    });
    const there = set.intersect(PacketSet.where(set.space, was ?? {}));
    return [...there.cubes()]
      .map((cube) => PacketSet.where(set.space, { ...conditionsOf(cube), ...is }))
      .reduce((all, part) => all.union(part), PacketSet.none(set.space));
  }
}
