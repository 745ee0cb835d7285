import type { Exceptions } from "../approval.ts";
import type { Place } from "../flow.ts";
import { formatIp } from "../space/address-text.ts";
import { PacketSet } from "../space/packet-set.ts";
import { breadthOf } from "./breadth.ts";
import type { Comparison } from "./compare.ts";
import type { End } from "./ends.ts";
import { FAMILIES } from "./families.ts";
import { parseFlows } from "./flow-parse.ts";
import type { PairChange } from "./pairs.ts";

type Approval = Exceptions["approvals"][number];

/** An approval, and what it came to: only one that is `used` covers anything. */
export interface JudgedApproval extends Approval {
  readonly state: "used" | "unused" | "expired" | "too broad" | "another guest";
  /** Why it covers nothing, by the field that is to be changed: `flows: all ports of tcp`. */
  readonly why?: string;
}

/** What is newly allowed, with the approval that covers it. */
export interface JudgedChange extends PairChange {
  readonly approval?: JudgedApproval;
}

const WILD = new Set(["*", "any", "all"]);

/** The place of an approval's word: `102 (traefik)` is 102. */
export function placeIn(word: string): Place {
  return /^\S+/.exec(word)?.[0] ?? word;
}

/**
 * Changes with the approvals that cover them: a change of which only a part is covered becomes two. An approval that has
 * expired by `now`, that stands for anybody or anything, or whose guest is another one by now covers nothing; one without a
 * deviation covers only what is sent as its sender sends it.
 */
export function judgeApprovals(
  comparison: Comparison,
  changes: readonly PairChange[],
  approvals: readonly Approval[],
  now: Date,
): { readonly changes: readonly JudgedChange[]; readonly approvals: readonly JudgedApproval[] } {
  const judged = broadTogether(approvals.map((approval) => judge(comparison, approval, now)));
  const used = new Set<Approval>();
  const covered = changes.flatMap((change): readonly JudgedChange[] => {
    if (change.kind !== "allowed") return [change];
    let left = change.set;
    const parts = judged.flatMap((approval): readonly JudgedChange[] => {
      if (approval.state !== "unused" || !isOf(approval, change)) return [];
      const part = left.intersect(setOf(approval, change, comparison.spaces[change.family]));
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

function judge(comparison: Comparison, approval: Approval, now: Date): JudgedApproval {
  const broad = whyBroad(approval);
  if (broad !== undefined) return { ...approval, state: "too broad", why: broad };
  const { expires } = approval;
  if (new Date(expires) <= now) return { ...approval, state: "expired", why: `expires: ${expires}` };
  const other = whyAnother(comparison, approval);
  return other === undefined
    ? { ...approval, state: "unused" }
    : { ...approval, state: "another guest", why: other };
}

function whyBroad(approval: Approval): string | undefined {
  const field = (["from", "to"] as const).find((each) =>
    [approval[each]].flat().some((word) => WILD.has(word)),
  );
  if (field) return `${field}: ${[approval[field]].flat().join(", ")}`;
  const broad = breadthOf(approval.flows.flatMap((text) => parseFlows(text) ?? []));
  return broad === undefined ? undefined : `flows: ${broad}`;
}

/** Of those that hold, each pair's flows are judged as one: two halves are as broad as the whole. */
function broadTogether(judged: readonly JudgedApproval[]): readonly JudgedApproval[] {
  const holding = judged.filter(({ state }) => state === "unused");
  const pairs = new Map<string, JudgedApproval[]>();
  for (const approval of holding)
    for (const from of [approval.from].flat().map(placeIn))
      for (const to of [approval.to].flat().map(placeIn)) {
        const key = `${approval.deviation} ${from} ${to}`;
        pairs.set(key, [...(pairs.get(key) ?? []), approval]);
      }
  const why = new Map<JudgedApproval, string>();
  for (const [, own] of pairs) {
    if (own.length < 2) continue;
    const broad = breadthOf(own.flatMap(({ flows }) => flows.flatMap((text) => parseFlows(text) ?? [])));
    if (broad !== undefined)
      for (const each of own) why.set(each, `flows: with other approvals between the same places ${broad}`);
  }
  return judged.map((each) => {
    const broad = why.get(each);
    return broad === undefined ? each : { ...each, state: "too broad", why: broad };
  });
}

/**
 * An id may be given to another guest. By the id alone a guest is meant that has one name and one address on both sides; with
 * its name, as it is printed, the one that has it on HEAD.
 */
function whyAnother({ ends }: Comparison, { from, to }: Approval): string | undefined {
  for (const [field, words] of [
    ["from", [from].flat()],
    ["to", [to].flat()],
  ] as const)
    for (const word of words) {
      const id = placeIn(word);
      const [was, is] = [ends.base.get(id), ends.head.get(id)];
      // Who is gone is sent nothing new.
      if (!is?.isOwn || !/^\d/.test(id)) continue;
      if (word !== id && word !== is.title) return `${field}: ${word} is ${wordsOf(is)} on HEAD`;
      if (word !== id) continue;
      if (!was) return `${field}: ${wordsOf(is)} is new on HEAD`;
      if (wordsOf(was) !== wordsOf(is)) return `${field}: ${wordsOf(was)} is ${wordsOf(is)} on HEAD`;
    }
  return undefined;
}

/** As which a guest is known: its title and its addresses. */
function wordsOf({ title, known }: End): string {
  const addresses = FAMILIES.flatMap((family) => known[family].map((ip) => formatIp(ip, family)));
  return `${title} at ${addresses.join(", ") || "no known address"}`;
}

function isOf({ from, to, deviation }: Approval, change: PairChange): boolean {
  const has = (words: string | readonly string[], place: Place) =>
    [words].flat().map(placeIn).includes(place);
  return deviation === change.deviation && has(from, change.from) && has(to, change.to);
}

function setOf({ flows }: Approval, { family }: PairChange, space: PacketSet["space"]): PacketSet {
  return flows
    .flatMap((text) => parseFlows(text)?.conditions[family] ?? [])
    .map((conditions) => PacketSet.where(space, conditions))
    .reduce((all, each) => all.union(each), PacketSet.none(space));
}
