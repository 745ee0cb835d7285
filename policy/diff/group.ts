import type { PacketChange } from "./packet-changes.ts";
import type { End } from "./ends.ts";

/** Changes that are the same but for their ends. */
export interface ChangeGroup extends Omit<PacketChange, "from" | "to" | "sets"> {
  readonly from: readonly End[];
  readonly to: readonly End[];
}

/** Changes as a person reads them: of all senders alike to one destination, then of all destinations alike. */
export function groupChanges(changes: readonly PacketChange[]): readonly ChangeGroup[] {
  const alike = (change: Omit<PacketChange, "from" | "to" | "sets">) => {
    const { kind, was, deviation, flows, before, after, causes, approval } = change;
    return [kind, was?.id, deviation, flows, before, after, causes, approval?.position];
  };
  const bySender = Map.groupBy(changes, (change) => JSON.stringify([...alike(change), change.to.id]));
  const senders = [...bySender.values()].flatMap((same) => {
    const [first] = same;
    return first ? [{ ...first, from: same.map(({ from }) => from) }] : [];
  });
  const byBoth = Map.groupBy(senders, (group) =>
    JSON.stringify([...alike(group), group.from.map(({ id }) => id)]),
  );
  return [...byBoth.values()].flatMap((same): readonly ChangeGroup[] => {
    const [first] = same;
    if (!first) return [];
    const { sets: _sets, ...rest } = first;
    return [{ ...rest, to: same.map(({ to }) => to) }];
  });
}
