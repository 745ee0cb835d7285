import type { Family } from "../ip.ts";
import type { Region } from "../lint/region.ts";
import { ICMP, ICMPV6 } from "../packet.ts";
import { cubeText } from "../space/cube-text.ts";
import type { Cube } from "../space/cubes.ts";
import { childAt, type Diagram, NONE } from "../space/diagram.ts";
import { LEVEL, stateNumber } from "../space/layout.ts";
import { PacketSet } from "../space/packet-set.ts";
import type { Conditions } from "../space/packet-space.ts";
import { single } from "../space/spans.ts";
import type { End } from "./ends.ts";

/** Of flows those between two ends, each from its own addresses to its own. */
export function between(flows: PacketSet, from: End, to: End): PacketSet {
  const { space } = flows;
  const ends = { sources: from.addresses[space.family], dests: to.addresses[space.family], ownReply: false };
  return flows.intersect(PacketSet.where(space, ends));
}

/** Whether flows are told by protocol and port alone, whoever sends them to whom. */
export function isOfAnyEnds({ diagram }: PacketSet, known: Map<Diagram, boolean> = new Map()): boolean {
  const of = (node: Diagram): boolean => {
    const before = known.get(node);
    if (before !== undefined) return before;
    const isAny = node.children.length === 0 || (node.level < LEVEL.dest && node.children.every(of));
    known.set(node, isAny);
    return isAny;
  };
  return of(childAt(diagram, LEVEL.own, 0));
}

/** Whether there are none, of flows between two ends that are not the same. */
export function hasNone({ diagram }: PacketSet): boolean {
  return childAt(diagram, LEVEL.own, 0) === NONE;
}

/** All flows that begin between two places, of both families or of one. */
export const EVERYTHING = "everything";
export const EVERYTHING_OF: Readonly<Record<Family, string>> = {
  4: "everything of IPv4",
  6: "everything of IPv6",
};

/** The states in which a packet begins something; conntrack calls what can't begin anything INVALID. */
const BEGINS = [stateNumber("NEW"), stateNumber("UNTRACKED")].map(single);

/**
 * Flows between two ends in words, a line each: `tcp 8000-8010 from 10.0.0.0/24 except 10.0.0.12`. An end is not told where
 * all of its addresses are meant.
 */
function flowWords(flows: PacketSet, from: End, to: End): readonly string[] {
  const { space } = flows;
  const all = between(PacketSet.where(space, { states: BEGINS }).flows(), from, to);
  if (all.isWithin(flows)) return [EVERYTHING_OF[space.family]];
  const told = withWholeIcmp(flows, {
    sources: from.addresses[space.family],
    dests: to.addresses[space.family],
  });
  const [sources, dests] = [from.addresses[space.family], to.addresses[space.family]];
  return [...told.cubes()].map((cube) => cubeText(withoutEnds(cube, sources, dests), space.family));
}

/** `flowWords` of many pairs. */
export class FlowWriter {
  readonly #known = new Map<Diagram, readonly string[]>();

  /** The words of `flows`, which are those of `whole` that pass between the ends. */
  words(flows: PacketSet, whole: PacketSet, from: End, to: End): readonly string[] {
    if (!isOfAnyEnds(whole)) return flowWords(flows, from, to);
    const words = this.#known.get(whole.diagram) ?? flowWords(flows, from, to);
    this.#known.set(whole.diagram, words);
    return words;
  }
}

/** Only some types of ICMP begin anything: where all of them are meant, ICMP is. */
export function withWholeIcmp(flows: PacketSet, ends: Conditions = {}): PacketSet {
  const { space } = flows;
  return [ICMP, ICMPV6].reduce((told, proto) => {
    const whole = { ...ends, ownReply: false, protos: [single(proto)] };
    const beginning = PacketSet.where(space, { ...whole, states: BEGINS }).flows();
    const isMeant = beginning.intersect(PacketSet.where(space, whole)).isWithin(flows);
    return isMeant ? told.union(PacketSet.where(space, whole)) : told;
  }, flows);
}

function withoutEnds(cube: Cube, from: Region, to: Region): Cube {
  const { sources, dests, ...rest } = cube;
  return {
    ...rest,
    ...(sources && !isSame(sources, from) ? { sources } : {}),
    ...(dests && !isSame(dests, to) ? { dests } : {}),
  };
}

function isSame(a: Region, b: Region): boolean {
  return (
    a.length === b.length &&
    a.every(({ first, last }, index) => first === b[index]?.first && last === b[index]?.last)
  );
}

/** What follows words that are meant of IPv6, where no address says it: IPv4 is what is meant without. */
export const OF_BOTH = ", IPv6 too";
export const OF_SIX = ", IPv6 only";

/** The words of both families as one list. */
export function bothFamilies(words: Readonly<Record<Family, readonly string[]>>): readonly string[] {
  const { 4: four, 6: six } = words;
  if (four.includes(EVERYTHING_OF[4]) && six.includes(EVERYTHING_OF[6])) return [EVERYTHING];
  const saysFamily = (text: string) => / (?:from|to|of IPv6)(?: |$)/.test(text);
  return [
    ...four.map((text) => (six.includes(text) ? `${text}${OF_BOTH}` : text)),
    ...six
      .filter((text) => !four.includes(text))
      .map((text) => (saysFamily(text) ? text : `${text}${OF_SIX}`)),
  ];
}
