import { type ClassProto, classesOf, type PacketClass } from "../../policy/classes.ts";
import type { Estate } from "../../policy/estate.ts";
import type { Decision, Place } from "../../policy/flow.ts";
import { CLIENT_PORT } from "../expectation.ts";
import type { Addresses } from "./ends.ts";

/** One side of a pair: whose packets, to whom, under which addresses. */
export interface SideEnds extends Addresses {
  readonly estate: Estate;
  readonly from: Place;
  readonly to: Place;
}

/** Flows that neither side tells apart: consecutive numbers with what either side decides of them; a side may not know them. */
export interface Span {
  readonly proto: ClassProto;
  readonly first: number;
  readonly last: number;
  readonly base?: Decision;
  readonly head?: Decision;
}

/** The packet classes of both sides laid over one another. */
export function spansOf(base: SideEnds | undefined, head: SideEnds | undefined): readonly Span[] {
  const [was, is] = [base && classes(base), head && classes(head)];
  if (!was || !is) {
    const side = was ? "base" : "head";
    return (was ?? is ?? []).map(({ proto, first, last, decision }) => {
      return { proto, first, last, [side]: decision };
    });
  }
  const theirs = Map.groupBy(is, ({ proto }) => proto);
  return was.flatMap((mine) => (theirs.get(mine.proto) ?? []).flatMap((other) => overlap(mine, other)));
}

function classes({ estate, from, to, source, dest }: SideEnds): readonly PacketClass[] {
  return classesOf(estate, from, to, { source, dest, sport: CLIENT_PORT });
}

function overlap(mine: PacketClass, other: PacketClass): readonly Span[] {
  const [first, last] = [Math.max(mine.first, other.first), Math.min(mine.last, other.last)];
  if (first > last) return [];
  return [{ proto: mine.proto, first, last, base: mine.decision, head: other.decision }];
}
