import type { Cell, Run } from "../../audit/run.ts";

/** An edge of the topology; `from` is one place, all backends, or every place that is not outside. */
export interface Edge {
  readonly from: { readonly kind: "place" | "zone" | "inside"; readonly ids: readonly string[] };
  readonly to: string;
  readonly kind: "open" | "standing" | "leak" | "broken";
  readonly flows: readonly string[];
}

/**
 * The matrix as edges, those alike put together: where every place inside (or every backend) has the same flows to a
 * destination, one edge stands for them.
 */
export function edgesOf(run: Run): Edge[] {
  const single = run.matrix.flatMap(ofCell);
  const alike = Map.groupBy(single, ({ to, kind, flows }) => JSON.stringify([to, kind, flows]));
  return [...alike.values()].flatMap((edges) => together(edges, run.places));
}

function ofCell({ from, to, allowed, standing, leaked, broken }: Cell): Edge[] {
  const edge = (kind: Edge["kind"], flows: readonly string[]): Edge[] =>
    flows.length === 0 ? [] : [{ from: { kind: "place", ids: [from] }, to, kind, flows: [...flows].sort() }];
  return [
    ...edge("open", allowed),
    ...edge("standing", standing),
    ...edge("leak", leaked),
    ...edge("broken", broken),
  ];
}

/** Edges that differ only in their source. */
function together(edges: readonly Edge[], places: Run["places"]): Edge[] {
  const [first] = edges;
  if (!first) return [];
  const sources = new Set(edges.flatMap(({ from }) => from.ids));
  const others = places.filter(({ id }) => id !== first.to);
  const inside = others.filter(({ zone }) => zone !== "outside").map(({ id }) => id);
  const backends = others.filter(({ zone }) => zone === "backends").map(({ id }) => id);
  const isBackend = places.some(({ id, zone }) => id === first.to && zone === "backends");
  const whole = (ids: readonly string[]) => ids.length > 1 && ids.every((id) => sources.has(id));
  if (whole(inside)) return [{ ...first, from: { kind: "inside", ids: inside } }, ...without(edges, inside)];
  if (whole(backends) && !isBackend)
    return [...without(edges, backends), { ...first, from: { kind: "zone", ids: backends } }];
  return [...edges];
}

function without(edges: readonly Edge[], ids: readonly string[]): Edge[] {
  return edges.filter(({ from }) => !ids.includes(from.ids[0] ?? ""));
}
