import type { Family, IpSpan } from "../ip.ts";
import { type Diagram, edgesOf, NONE } from "./diagram.ts";
import { ipOf, LEVEL, lastOf, sourceLevel } from "./layout.ts";
import { ICMP_ALONE, NO_ICMP } from "./packet-space.ts";
import { common, type Span } from "./spans.ts";

/** A box of packets: of each field that is given any of its spans. */
export interface Cube {
  readonly states?: readonly Span[];
  readonly protos?: readonly Span[];
  /** Destination ports; of ICMP type and code (`icmpService`). */
  readonly services?: readonly Span[];
  readonly sports?: readonly Span[];
  readonly flags?: readonly Span[];
  /** 0 is the NIC's own, 1 any other. */
  readonly macs?: readonly Span[];
  readonly dests?: readonly IpSpan[];
  readonly sources?: readonly IpSpan[];
}

const NAMES = ["states", "protos", "services", "sports", "flags", "macs"] as const;

/** The boxes of one half of a set, which meet nowhere; numbers that lead to the same are one box's. */
export function* cubesOf(family: Family, half: Diagram, level: number = LEVEL.state): Generator<Cube> {
  const source = sourceLevel(family);
  if (half === NONE) return;
  if (level > source) yield {};
  else if (level >= LEVEL.dest) {
    const isDest = level < source;
    for (const { spans, child } of byAddress(family, half, isDest ? LEVEL.dest : source))
      for (const cube of cubesOf(family, child, isDest ? source : source + 1))
        yield spans ? { [isDest ? "dests" : "sources"]: spans, ...cube } : cube;
  } else {
    const name = NAMES[level - LEVEL.state];
    const groups = byNumber(half, level);
    for (const { spans, child } of level === LEVEL.proto ? groups.flatMap(byKind) : groups)
      for (const cube of cubesOf(family, child, level + 1))
        yield spans && name ? { [name]: spans, ...cube } : cube;
  }
}

/** Numbers, or addresses, that lead to one child; absent: all. */
interface Group<Of> {
  readonly spans?: readonly Of[];
  readonly child: Diagram;
}

/** ICMP apart where the next field tells: its types are no ports. */
function byKind({ spans, child }: Group<Span>): readonly Group<Span>[] {
  if (!spans || child.level !== LEVEL.service) return [{ ...(spans && { spans }), child }];
  const kinds = [common(spans, ICMP_ALONE), common(spans, NO_ICMP)];
  return kinds.filter((each) => each.length > 0).map((each) => ({ spans: each, child }));
}

function byNumber(node: Diagram, level: number): readonly Group<Span>[] {
  if (node.level !== level) return [{ child: node }];
  const groups = new Map<Diagram, Span[]>();
  for (const { first, last, child } of edgesOf(node)) add(groups, child, { first, last });
  return groupsOf(groups);
}

function byAddress(family: Family, node: Diagram, from: number): readonly Group<IpSpan>[] {
  const words = family === 4 ? 1 : 4;
  if (node.level >= from + words) return [{ child: node }];
  const groups = new Map<Diagram, IpSpan[]>();
  for (const { first, last, child } of pathsOf(node, from, words, [], [])) {
    const spans = groups.get(child);
    const before = spans?.at(-1);
    const low = ipOf(first);
    const span = { family, first: low, last: ipOf(last) };
    if (spans && before && follows(before, span)) spans[spans.length - 1] = { ...span, first: before.first };
    else add(groups, child, span);
  }
  return groupsOf(groups);
}

function follows(before: IpSpan, span: IpSpan): boolean {
  return BigInt(before.last) + 1n === BigInt(span.first);
}

interface Path {
  readonly first: readonly number[];
  readonly last: readonly number[];
  readonly child: Diagram;
}

/** Spans of whole addresses in order: where a later word tells, each number of an earlier one begins spans of its own. */
function* pathsOf(
  node: Diagram,
  level: number,
  left: number,
  first: readonly number[],
  last: readonly number[],
): Generator<Path> {
  const isPast = node.level >= level + left;
  if (isPast) {
    const zeros = Array<number>(left).fill(0);
    const most = Array<number>(left).fill(lastOf(level));
    yield { first: [...first, ...zeros], last: [...last, ...most], child: node };
    return;
  }
  const edges = node.level === level ? edgesOf(node) : [{ first: 0, last: lastOf(level), child: node }];
  for (const edge of edges) {
    const isWhole = edge.child.level >= level + left;
    if (isWhole)
      yield* pathsOf(edge.child, level + 1, left - 1, [...first, edge.first], [...last, edge.last]);
    else
      for (let word = edge.first; word <= edge.last; word++)
        yield* pathsOf(edge.child, level + 1, left - 1, [...first, word], [...last, word]);
  }
}

function add<Of>(groups: Map<Diagram, Of[]>, child: Diagram, span: Of): void {
  const known = groups.get(child);
  if (known) known.push(span);
  else groups.set(child, [span]);
}

function groupsOf<Of>(groups: ReadonlyMap<Diagram, readonly Of[]>): readonly Group<Of>[] {
  return [...groups].filter(([child]) => child !== NONE).map(([child, spans]) => ({ spans, child }));
}
