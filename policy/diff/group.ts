import type { Place } from "../flow.ts";
import type { Cause } from "./causes.ts";
import type { End } from "./ends.ts";
import type { PacketChange } from "./packet-changes.ts";

/** Changes that are the same but for their ends: from each to each, but from none to itself. */
export type ChangeGroup = Omit<PacketChange, "sets">;

/** As few destinations that differ in nothing but themselves are told one by one. */
const FEW = 2;

/** Changes as a person reads them: of all senders alike to one destination, then of all destinations alike. */
export function groupChanges(changes: readonly PacketChange[]): readonly ChangeGroup[] {
  const names = new Map<unknown, string>();
  const bySender = merged(changes, (change) => `${alike(change)} ${idsOf(change.to, names)}`, "from");
  const byBoth = merged(bySender, (change) => `${alike(change)} ${idsOf(change.from, names)}`, "to");
  return eachOther(byBoth);
}

function alike({ kind, was, deviation, flows, before, after, causes, approval }: ChangeGroup): string {
  return JSON.stringify([kind, was?.id, deviation, flows, before, after, causes, approval?.position]);
}

/** The ends of thousands of places are one list for many changes. */
function idsOf(ends: readonly End[], names: Map<unknown, string>): string {
  const known = names.get(ends) ?? ends.map(({ id }) => id).join(" ");
  names.set(ends, known);
  return known;
}

function merged(
  changes: readonly ChangeGroup[],
  keyOf: (change: ChangeGroup) => string,
  end: "from" | "to",
): readonly ChangeGroup[] {
  return [...Map.groupBy(changes, keyOf).values()].flatMap((same) => {
    const [first] = same;
    return first
      ? [{ ...first, [end]: same.length === 1 ? first[end] : inOrder(same.flatMap((each) => each[end])) }]
      : [];
  });
}

/**
 * Each of many destinations is no sender to itself, and the line that decides is its own: where that is all in which they
 * differ, they are one group, with the lines of all.
 */
function eachOther(groups: readonly ChangeGroup[]): readonly ChangeGroup[] {
  const same = Map.groupBy(groups, (group) => {
    const { kind, was, deviation, flows, before, after, causes, approval } = group;
    const words = causes.map(wordsOf);
    const ids = allOf(group).map(({ id }) => id);
    return JSON.stringify([kind, was?.id, deviation, flows, before, after, words, approval?.position, ids]);
  });
  return [...same.values()].flatMap((own): readonly ChangeGroup[] => {
    const [first] = own;
    const to = inOrder(own.flatMap((each) => each.to));
    if (!first || own.length === 1 || to.length <= FEW) return own;
    return [{ ...first, from: allOf(first), to, causes: distinct(own.flatMap(({ causes }) => causes)) }];
  });
}

/** Senders, and the one destination that would be one if it sent to itself. */
function allOf({ from, to }: ChangeGroup): readonly End[] {
  const [only] = to;
  if (!only || to.length > 1 || from.some(({ id }) => id === only.id)) return from;
  return inOrder([...from, only]);
}

/** The world, the host, then guests by number. */
export function inOrder(ends: readonly End[]): readonly End[] {
  const rankOf = (id: Place) => (/^\d/.test(id) ? Number.parseInt(id, 10) : -1);
  return [...ends].sort((a, b) => rankOf(a.id) - rankOf(b.id));
}

/** What a line says, whichever file it stands in. */
function wordsOf({ side, verdict, text }: Cause): readonly unknown[] {
  return [side, verdict, text];
}

function distinct(causes: readonly Cause[]): readonly Cause[] {
  return [...new Map(causes.map((cause) => [JSON.stringify(cause), cause])).values()];
}
