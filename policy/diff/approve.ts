import type { Exceptions } from "../approval.ts";
import { PacketSet } from "../space/packet-set.ts";
import type { Comparison } from "./compare.ts";
import { parseFlows } from "./flow-parse.ts";
import type { PairChange } from "./pairs.ts";

type Approval = Exceptions["approvals"][number];

/** An approval, and what it came to: only one that is `used` covers anything. */
export interface JudgedApproval extends Approval {
  readonly state: "used" | "unused" | "expired" | "too broad";
}

/** What is newly allowed, with the approval that covers it. */
export interface JudgedChange extends PairChange {
  readonly approval?: JudgedApproval;
}

const WILD = new Set(["*", "any", "all"]);

/**
 * Changes with the approvals that cover them: a change of which only a part is covered becomes two. An approval that has
 * expired by `now` or that stands for anybody or anything covers nothing.
 */
export function judgeApprovals(
  { spaces }: Comparison,
  changes: readonly PairChange[],
  approvals: readonly Approval[],
  now: Date,
): { readonly changes: readonly JudgedChange[]; readonly approvals: readonly JudgedApproval[] } {
  const judged = approvals.map((approval) => ({ ...approval, state: stateOf(approval, now) }));
  const used = new Set<Approval>();
  const covered = changes.flatMap((change): readonly JudgedChange[] => {
    if (change.kind !== "allowed") return [change];
    let left = change.set;
    const parts = judged.flatMap((approval): readonly JudgedChange[] => {
      if (approval.state !== "unused" || !isBetween(approval, change)) return [];
      const part = left.intersect(setOf(approval, change, spaces[change.family]));
      if (part.isEmpty) return [];
      left = left.subtract(part);
      used.add(approval);
      return [{ ...change, set: part, whole: part, approval: { ...approval, state: "used" } }];
    });
    if (parts.length === 0) return [change];
    return left.isEmpty ? parts : [...parts, { ...change, set: left, whole: left }];
  });
  const states = judged.map((each): JudgedApproval => (used.has(each) ? { ...each, state: "used" } : each));
  return { changes: covered, approvals: states };
}

function stateOf(approval: Approval, now: Date): "unused" | "expired" | "too broad" {
  const isWild = [approval.from, approval.to].flat().some((word) => WILD.has(word));
  if (isWild || approval.flows.some((text) => parseFlows(text)?.isBroad !== false)) return "too broad";
  return new Date(approval.expires) <= now ? "expired" : "unused";
}

function isBetween({ from, to }: Approval, change: PairChange): boolean {
  return [from].flat().includes(change.from) && [to].flat().includes(change.to);
}

function setOf({ flows }: Approval, { family }: PairChange, space: PacketSet["space"]): PacketSet {
  return flows
    .flatMap((text) => parseFlows(text)?.conditions[family] ?? [])
    .map((conditions) => PacketSet.where(space, conditions))
    .reduce((all, each) => all.union(each), PacketSet.none(space));
}
