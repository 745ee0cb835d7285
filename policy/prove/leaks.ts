import type { Estate } from "../estate.ts";
import type { Decider, Place } from "../flow.ts";
import { describePosition } from "../position.ts";
import { sourcesOf } from "../space/sources.ts";
import { joined, type Span, single } from "../space/spans.ts";
import { arrivesByNoRule, arrivesByRule, atArrival } from "./arrival.ts";
import { type Reach, reachesIn, reachesOf } from "./reach.ts";
import { type Pair, permitted, type Requirement } from "./requirement.ts";
import { allGuests, rankOf, type Sender, type SenderClass, senderClasses } from "./senders.ts";

/** What one line lets through though a requirement does not permit it. */
export interface Leak {
  /** Of the first pair, in the order of places. */
  readonly reaches: readonly Reach[];
  /** How many pairs there are in all. */
  readonly pairs: number;
}

/** What gets through on one pair though the requirement does not permit it, by families and lines. */
export function leaksOn(estate: Estate, requirement: Requirement, { from, to }: Pair): readonly Reach[] {
  return notPermitted(estate, requirement, reachesOf(estate, from, to, requirement.sources));
}

function notPermitted(estate: Estate, requirement: Requirement, reaches: readonly Reach[]): readonly Reach[] {
  return reaches
    .map((reach) => ({ ...reach, set: reach.set.subtract(permitted(estate, requirement, reach)) }))
    .filter(({ set }) => !set.isEmpty);
}

/** One line of the files, or one of Proxmox's own, whoever gets through by it. */
export function lineOf(decider: Decider): string {
  const position = "position" in decider ? describePosition(decider.position) : "";
  return `${decider.kind} ${position} ${"text" in decider ? decider.text : ""}`;
}

/**
 * What gets through on any pair though the requirement does not permit it, by the line that lets it in: what `leaksOn` says of
 * all pairs, of which 10,000 guests have a hundred million. So each destination is looked at from within: what its own hop
 * lets in at all, from whomever. Only where that is not permitted the senders are asked, those together that send alike.
 */
export function leaksOf(estate: Estate, requirement: Requirement): readonly Leak[] {
  const found = new Map<string, { readonly reaches: readonly Reach[]; pairs: number }>();
  for (const to of requirement.destinations(estate)) {
    const senders = sendersTo(estate, requirement, to);
    const firsts = new Map<number, Place>();
    for (const [line, { first, rank, pairs }] of senders) {
      const before = found.get(line);
      if (before) before.pairs += pairs;
      else firsts.set(rank, first);
    }
    for (const rank of [...firsts.keys()].sort((a, b) => a - b)) {
      const reaches = leaksOn(estate, requirement, { from: firsts.get(rank) ?? "", to });
      for (const [line, own] of Map.groupBy(reaches, ({ decider }) => lineOf(decider))) {
        const tally = senders.get(line);
        if (tally?.rank === rank && !found.has(line)) found.set(line, { reaches: own, pairs: tally.pairs });
      }
    }
  }
  return [...found.values()];
}

/** Of those who get through by one line: the first in the order of places, and how many they are. */
interface Tally {
  readonly first: Place;
  readonly rank: number;
  readonly pairs: number;
}

type Tallies = Map<string, Tally>;

function tally(found: Tallies, line: string, first: Place, rank: number, pairs = 1): void {
  const before = found.get(line);
  const sum = (before?.pairs ?? 0) + pairs;
  found.set(line, before && before.rank < rank ? { ...before, pairs: sum } : { first, rank, pairs: sum });
}

/** Places that send from more than one address, or are no guests. */
const NO_GUESTS = ["wan", "lan", "host"];

function sendersTo(estate: Estate, requirement: Requirement, to: Place): Tallies {
  const found: Tallies = new Map();
  const { senders = "all", sources = "own", apart = () => [], trusts = () => true } = requirement;
  const singles = senders === "wan" ? ["wan"] : [...NO_GUESTS, ...apart(estate)];
  // The host is one destination, and of it not every standing accept is permitted.
  const isOpen = to === "host" || arrivesByNoRule(estate, to);
  for (const from of singles) {
    const isAsked = isOpen || (!trusts(estate, from) && arrivesByRule(estate, from, to, sources));
    if (from === to || !isAsked) continue;
    const lines = new Set(leaksOn(estate, requirement, { from, to }).map(({ decider }) => lineOf(decider)));
    for (const line of lines) tally(found, line, from, rankOf(estate, from));
  }
  if (senders === "all")
    tallyGuests({ estate, requirement, to, left: new Set([to, ...apart(estate)]) }, found);
  return found;
}

/**
 * The guests but those left out, all of which the requirement judges alike. By IPv6 all of a class get through by a line or
 * none: the files name no address there. What all classes do by IPv6 need not be asked of IPv4, where rules about single
 * addresses make many classes.
 */
function tallyGuests(question: Question, found: Tallies): void {
  const { estate, requirement, to, left } = question;
  const { trusts = () => true } = requirement;
  const guests = allGuests(estate);
  const { first, count } = guests.allBut(left);
  if (!first || (trusts(estate, first.place) && !arrivesByNoRule(estate, to))) return;
  const arriving = notPermitted(estate, requirement, atArrival(estate, first.place, to)).filter((reach) =>
    comesFrom(reach, guests, left),
  );
  if (arriving.length === 0) return;
  const by6 = senderClasses(estate, 6).map((senders) => ({ senders, lines: linesBy6(question, senders) }));
  const asked = by6.filter(({ senders }) => senders.allBut(left).first);
  for (const line of new Set(arriving.map(({ decider }) => lineOf(decider)))) {
    if (asked.every(({ lines }) => lines.has(line))) tally(found, line, first.place, first.rank, count);
    else {
      const through = asked.flatMap(({ senders, lines }) => (lines.has(line) ? senders.members : []));
      tallyLine(question, line, new Set(through.map(({ place }) => place)), found);
    }
  }
}

/** What is asked of all guests but some: those that are judged by who they are, and the destination. */
interface Question {
  readonly estate: Estate;
  readonly requirement: Requirement;
  readonly to: Place;
  readonly left: ReadonlySet<Place>;
}

/** The lines by which a class gets through by IPv6. */
function linesBy6({ estate, requirement, to, left }: Question, senders: SenderClass): ReadonlySet<string> {
  const { first } = senders.allBut(left);
  const reaches = first ? reachesIn(6, estate, first.place, to, "any") : [];
  return new Set(notPermitted(estate, requirement, reaches).map(({ decider }) => lineOf(decider)));
}

/** Whether a packet that arrives may be a guest's, by its source. */
function comesFrom({ family, set }: Reach, guests: SenderClass, left: ReadonlySet<Place>): boolean {
  if (family === 6) return true;
  const { spans, toSelf } = sourcesOf(set.diagram);
  for (const { place } of guests.within([...spans, ...toSelf.map(single)])) if (!left.has(place)) return true;
  return false;
}

/** Those who get through by one line: by IPv6, and of the others by IPv4 those whose address does. */
function tallyLine(question: Question, line: string, by6: ReadonlySet<Place>, found: Tallies): void {
  const { estate, requirement, to, left } = question;
  for (const place of by6) if (!left.has(place)) tally(found, line, place, rankOf(estate, place));
  for (const senders of senderClasses(estate, 4)) {
    const { first } = senders.allBut(left);
    if (!first) continue;
    const reaches = notPermitted(estate, requirement, reachesIn(4, estate, first.place, to, "any"));
    const own = reaches.filter(({ decider }) => lineOf(decider) === line);
    const sources = own.map(({ set }) => sourcesOf(set.diagram));
    const spans = joined(sources.flatMap((each) => each.spans));
    const isNew = ({ place }: Sender) => !left.has(place) && !by6.has(place);
    for (const each of senders.within(spans)) if (isNew(each)) tally(found, line, each.place, each.rank);
    const toSelf = new Set(sources.flatMap((each) => each.toSelf).filter((address) => !isIn(spans, address)));
    for (const each of senders.within([...toSelf].map(single))) {
      const leaks = isNew(each) ? leaksOn(estate, requirement, { from: each.place, to }) : [];
      if (leaks.some(({ decider }) => lineOf(decider) === line)) tally(found, line, each.place, each.rank);
    }
  }
}

function isIn(spans: readonly Span[], address: number): boolean {
  return spans.some(({ first, last }) => first <= address && address <= last);
}
