/**
 * A node of a reduced ordered decision diagram with intervals on its edges: numbers of `level` up to `uppers[0]` lead to
 * `children[0]`, those above it up to `uppers[1]` to `children[1]`, and so on over the whole domain. Neighbouring children
 * differ, there are at least two, and a store holds each node once: equal sets are one node.
 */
export interface Diagram {
  /** Of the store that made it; smaller than that of every node made later. */
  readonly id: number;
  readonly level: number;
  readonly uppers: readonly number[];
  readonly children: readonly Diagram[];
}

/** Below every level. */
const BOTTOM = 99;

/** No packet. */
export const NONE: Diagram = { id: 0, level: BOTTOM, uppers: [], children: [] };
/** Every packet. */
export const ALL: Diagram = { id: 1, level: BOTTOM, uppers: [], children: [] };

/** One edge: the numbers from `first` to `last`, both included. */
export interface Edge {
  readonly first: number;
  readonly last: number;
  readonly child: Diagram;
}

/** A node's edges in order; a terminal has none. */
export function edgesOf({ uppers, children }: Diagram): readonly Edge[] {
  return children.map((child, index) => ({
    first: (uppers[index - 1] ?? -1) + 1,
    last: uppers[index] ?? 0,
    child,
  }));
}

/** Where a number leads; a node of a lower level says nothing of it and is the answer itself. */
export function childAt(node: Diagram, level: number, value: number): Diagram {
  if (node.level !== level) return node;
  let low = 0;
  let high = node.uppers.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((node.uppers[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return node.children[low] ?? NONE;
}

/** How many nodes a diagram has, terminals left out. */
export function nodesOf(node: Diagram, seen: Set<Diagram> = new Set()): number {
  if (seen.has(node)) return 0;
  seen.add(node);
  const own = node.children.length > 0 ? 1 : 0;
  return node.children.reduce((sum, child) => sum + nodesOf(child, seen), own);
}
