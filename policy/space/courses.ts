import type { Decision, Hop } from "../flow.ts";
import type { Pass } from "../passes.ts";
import { type Diagram, NONE } from "./diagram.ts";
import { type Decided, gather } from "./hop-sets.ts";
import { PacketSet } from "./packet-set.ts";
import type { PacketSpace } from "./packet-space.ts";
import type { Coming, Way } from "./way.ts";

/** Packets that the same line decides at every hop: `decide` says the same of each of them, hops and all. */
export interface Course extends Decision {
  readonly set: PacketSet;
}

/** Those that have come so far by the same lines. */
interface Piece {
  readonly coming: Coming;
  readonly hops: readonly Hop[];
}

/** Each line of a hop is tried with each of those before that let something through; most of them share no packet. */
const MOST_TRIES = 500_000;
/** Lines of two hops that cross have as many courses as the product of their numbers. */
const MOST_COURSES = 5000;

/**
 * A set's packets by their course, in the order of the first hop's lines, then of the next. Together they are the set, and no
 * two meet. Undefined where lines of several hops make too many of them.
 */
export function coursesOf(
  space: PacketSpace,
  way: Way,
  passes: readonly Pass[],
  set: Diagram,
): readonly Course[] | undefined {
  const ended = new Map<string, Course>();
  let pieces: readonly Piece[] = [{ coming: { ...way.start, set }, hops: [] }];
  let tries = 0;
  for (const [index, pass] of passes.entries()) {
    const isLast = index === passes.length - 1;
    const next: Piece[] = [];
    for (const { coming, hops } of pieces) {
      const decided = way.decide(coming, pass);
      tries += decided.length;
      if (tries > MOST_TRIES || next.length + ended.size > MOST_COURSES) return undefined;
      for (const { ruling, set: own, marked } of byRuling(space, decided)) {
        const { verdict, reject, decider } = ruling;
        const gone = [...hops, { hook: pass.hook, where: pass.where, verdict, decider }];
        if (verdict !== "accept" || isLast)
          end(ended, { verdict, ...(reject !== undefined && { reject }), decider, hops: gone }, space, own);
        else next.push({ coming: way.after(coming, pass, own, marked ? own : NONE), hops: gone });
      }
    }
    pieces = next;
  }
  return [...ended.values()].filter((each) => !each.set.isEmpty);
}

/** A line's packets of a piece together, but for the mark that only some may bear. */
function byRuling(space: PacketSpace, decided: readonly Decided[]): readonly Decided[] {
  const found = new Map<string, Decided>();
  for (const each of decided) if (each.set !== NONE) gather(space, found, each);
  return [...found.values()];
}

function end(ended: Map<string, Course>, decision: Decision, space: PacketSpace, set: Diagram): void {
  const key = JSON.stringify(decision);
  const before = ended.get(key)?.set.diagram ?? NONE;
  ended.set(key, { ...decision, set: new PacketSet(space, space.store.union(before, set)) });
}
