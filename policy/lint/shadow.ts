import type { Rule } from "../estate.ts";
import { describePosition } from "../position.ts";
import type { FirewallRule, GroupUse } from "../proxmox/file.ts";
import { ruleLine } from "../rule-line.ts";
import { CoverIndex } from "./cover-index.ts";
import { found, type LintFinding } from "./finding.ts";
import { type Direction, DIRECTIONS, type Ground, type Place } from "./ground.ts";
import { covers, type Reach } from "./reach.ts";

/** Rules that earlier ones of the same place and direction leave nothing to: repeated, or shadowed. */
export function shadowLints(ground: Ground): readonly LintFinding[] {
  return ground.places.flatMap((place) => [
    ...repeatedGroups(ground, place),
    ...DIRECTIONS.flatMap((direction) => shadowedIn(ground, place, direction)),
  ]);
}

/** A group that was passed once without a decision decides nothing the second time; one that fails may. */
function repeatedGroups(ground: Ground, { rules }: Place): readonly LintFinding[] {
  const { groups } = ground.node.cluster;
  const first = new Map<string, GroupUse>();
  return rules.flatMap((rule) => {
    if (rule.type !== "group" || !rule.enabled) return [];
    if (!groups.has(rule.group) || ground.failureOf(rule.group)) return [];
    const own = `${rule.group} ${rule.iface ?? ""}`;
    const earlier = first.get(`${rule.group} `) ?? first.get(own);
    first.set(own, first.get(own) ?? rule);
    return earlier ? [duplicate(rule, earlier)] : [];
  });
}

function duplicate(rule: FirewallRule, earlier: FirewallRule): LintFinding {
  const line = ruleLine(rule);
  const message = `"${line}" repeats "${ruleLine(earlier)}" (${describePosition(earlier.position)})`;
  return found("duplicate-rule", rule.position, line, message, { related: [earlier.position] });
}

function shadowedIn(ground: Ground, place: Place, direction: Direction): readonly LintFinding[] {
  const own = new CoverIndex();
  const groups: GroupUse[] = [];
  return place.rules.flatMap((rule) => {
    if (!rule.enabled) return [];
    if (rule.type === "group") groups.push(rule);
    if (rule.type !== direction) return [];
    const { reaches } = ground.understood(rule);
    const takers = reaches.map((reach) => takerOf(ground, own, groups, reach, rule, direction));
    for (const [index, reach] of reaches.entries()) if (!takers[index]) own.add(reach, rule);
    const all = [...new Set(takers.flatMap((taker) => taker ?? []))];
    if (reaches.length === 0 || takers.includes(undefined)) return [];
    return [shadowed(ground, rule, reaches, all)];
  });
}

/** The earlier rule that takes all these packets, a group's among them. */
function takerOf(
  ground: Ground,
  own: CoverIndex,
  groups: readonly GroupUse[],
  reach: Reach,
  asking: Rule,
  direction: Direction,
): Rule | undefined {
  const { budget } = ground;
  const found = own.find(reach, budget, asking);
  if (found) return found;
  for (const { group, iface } of groups) {
    if (iface !== undefined && iface !== reach.iface) continue;
    const { index, rules } = ground.groupRules(group, direction);
    const taker = rules.length > 0 ? index.find(reach, budget, asking) : undefined;
    if (taker) return taker;
  }
  return undefined;
}

function shadowed(
  ground: Ground,
  rule: Rule,
  reaches: readonly Reach[],
  takers: readonly Rule[],
): LintFinding {
  const [only, other] = takers;
  if (only && !other && repeats(ground, reaches, rule, only)) return duplicate(rule, only);
  const line = ruleLine(rule);
  const names = takers.map((taker) => `"${ruleLine(taker)}" (${describePosition(taker.position)})`);
  const contrary = takers.filter(({ action }) => action !== rule.action);
  const says =
    contrary.length === 0
      ? `as it would: ${rule.action}`
      : `and ${contrary.length === takers.length ? "contradict" : "in part contradict"}${other ? "" : "s"} it: ${contrary[0]?.action}`;
  const message = `"${line}" is never reached: ${names.join(" and ")} ${other ? "take" : "takes"} all its packets, ${says}`;
  return found("shadowed-rule", rule.position, line, message, {
    related: takers.map(({ position }) => position),
  });
}

/** Whether the two take the same packets and say the same. */
function repeats(ground: Ground, reaches: readonly Reach[], rule: Rule, earlier: Rule): boolean {
  if (rule.action !== earlier.action) return false;
  const before = ground.understood(earlier).reaches;
  return before.every((reach) => reaches.some((each) => covers(each, reach)));
}
