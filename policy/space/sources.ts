import { ALL, type Diagram, edgesOf, NONE } from "./diagram.ts";
import { LEVEL, lastOf, sourceLevel } from "./layout.ts";
import { joined, type Span } from "./spans.ts";

/** The sources of a set of IPv4. */
export interface SourceSpans {
  /** Addresses from which a packet of the set comes, in order and apart. */
  readonly spans: readonly Span[];
  /** Others from which there may be one to that address itself; whether there is depends on the ports. */
  readonly toSelf: readonly number[];
}

/**
 * From which addresses the packets of a set come that are no own replies, whatever else they are. Points at which no packet
 * is have one address at both ends: a source with two destinations has a packet.
 */
export function sourcesOf(set: Diagram): SourceSpans {
  const spans: Span[] = [];
  const toSelf: number[] = [];
  for (const node of addressNodes(set)) {
    if (node.level !== LEVEL.dest) spans.push(...sourceSpans(node));
    else
      for (const { first, last, child } of edgesOf(node)) {
        const sources = sourceSpans(child);
        const hasSelf = first === last && sources.some((span) => span.first <= first && first <= span.last);
        spans.push(...(hasSelf ? without(sources, first) : sources));
        if (hasSelf) toSelf.push(first);
      }
  }
  const all = joined(spans);
  const isIn = (address: number) => all.some(({ first, last }) => first <= address && address <= last);
  return { spans: all, toSelf: [...new Set(toSelf)].filter((address) => !isIn(address)) };
}

/** What the set says of both addresses, for each choice of the other fields. */
function addressNodes(set: Diagram): ReadonlySet<Diagram> {
  const seen = new Set<Diagram>();
  const found = new Set<Diagram>();
  const down = (node: Diagram): void => {
    if (node === NONE || seen.has(node)) return;
    seen.add(node);
    if (node.level >= LEVEL.dest) found.add(node);
    // Own replies have no source of their own.
    else
      for (const child of node.level === LEVEL.own ? node.children.slice(0, 1) : node.children) down(child);
  };
  down(set);
  return found;
}

function sourceSpans(node: Diagram): readonly Span[] {
  if (node === ALL) return [{ first: 0, last: lastOf(sourceLevel(4)) }];
  return edgesOf(node).flatMap(({ first, last, child }) => (child === NONE ? [] : [{ first, last }]));
}

function without(spans: readonly Span[], self: number): readonly Span[] {
  return spans.flatMap(({ first, last }) =>
    self < first || last < self
      ? [{ first, last }]
      : [
          ...(first < self ? [{ first, last: self - 1 }] : []),
          ...(self < last ? [{ first: self + 1, last }] : []),
        ],
  );
}
