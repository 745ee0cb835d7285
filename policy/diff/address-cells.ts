import type { Place } from "../flow.ts";
import type { Family, Ip } from "../ip.ts";
import { type Diagram, edgesOf } from "../space/diagram.ts";
import { depthOf, LEVEL, wordsOf } from "../space/layout.ts";
import type { PacketSet } from "../space/packet-set.ts";
import type { Crowd } from "./crowds.ts";

/**
 * Where sets of one family begin or end to say something else of an address, source or destination: two addresses between
 * which there is no such border are alike to all of them.
 */
export class AddressCells {
  readonly #family: Family;
  /** The last number of each cell, by word of an address. */
  readonly #uppers: readonly Set<number>[];
  readonly #seen = new Set<Diagram>();
  #sorted: readonly (readonly number[])[] | undefined;

  constructor(family: Family) {
    this.#family = family;
    this.#uppers = wordsOf(family === 4 ? 0 : 0n, family).map(() => new Set());
  }

  add({ diagram }: PacketSet): void {
    this.#sorted = undefined;
    this.#down(diagram);
  }

  #down(node: Diagram): void {
    if (this.#seen.has(node)) return;
    this.#seen.add(node);
    if (node.level >= LEVEL.dest && node.level < depthOf(this.#family)) {
      const uppers = this.#uppers[(node.level - LEVEL.dest) % this.#uppers.length];
      for (const { last } of edgesOf(node)) uppers?.add(last);
    }
    for (const child of node.children) this.#down(child);
  }

  /** Equal for two addresses that no set tells apart. */
  nameOf(ip: Ip): string {
    this.#sorted ??= this.#uppers.map((each) => [...each].sort((a, b) => a - b));
    return wordsOf(ip, this.#family)
      .map((word, index) => cellOf(this.#sorted?.[index] ?? [], word))
      .join(" ");
  }
}

function cellOf(uppers: readonly number[], word: number): number {
  let [low, high] = [0, uppers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((uppers[middle] ?? 0) < word) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A crowd's members by the cells in which their addresses are. */
export function splitCrowd(
  crowd: Crowd,
  cells: ReadonlyMap<Family, AddressCells>,
  knownOf: (place: Place, family: Family) => readonly Ip[],
): readonly Crowd[] {
  if (crowd.length < 2 || cells.size === 0) return [crowd];
  const nameOf = (place: Place): string =>
    [...cells]
      .map(([family, each]) =>
        knownOf(place, family)
          .map((ip) => each.nameOf(ip))
          .join(),
      )
      .join(";");
  return [...Map.groupBy(crowd, nameOf).values()];
}
