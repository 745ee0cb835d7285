import type { AddressSet } from "../address-set.ts";
import { cidrsOfSpans } from "../cidr-list.ts";
import type { Rule } from "../estate.ts";
import type { Family, IpSpan } from "../ip.ts";
import type { Match } from "../match.ts";
import { icmpKind, icmpName } from "../names.ts";
import { isIcmp, readRule } from "../rule.ts";
import { ruleLine } from "../rule-line.ts";
import { REDACTED, redactedKeys } from "../secret.ts";
import type { FirewallRule, Group, GroupUse } from "./file.ts";
import type { Omission } from "./omission.ts";
import { parseReference, type RuleScope } from "./scope.ts";
import { excessOf, lists, listsOfSet, type RuleBudget, tooMany } from "./written-out.ts";

/** A rule as Phoenix's files write it, keys in their usual order; `enable` only where it is off. */
export interface PhoenixRule {
  readonly type: Rule["type"];
  readonly action: Rule["action"];
  readonly enable?: false;
  readonly macro?: string;
  readonly proto?: string;
  readonly source?: string;
  readonly dest?: string;
  readonly port?: string;
  readonly sport?: string;
  readonly icmp_type?: string;
  readonly iface?: string;
  readonly log?: string;
  readonly comment?: string;
}

/** Rules of Phoenix JSON, and what of Proxmox's they do not hold. */
export interface PhoenixRules {
  readonly rules: readonly PhoenixRule[];
  readonly omissions: readonly Omission[];
}

/** Whose rules they are. */
export interface RuleOwner {
  /** `the host`, `guest 101`. */
  readonly name: string;
  readonly scope: RuleScope;
  readonly groups: ReadonlyMap<string, Group>;
  /** Its rules have an effect on the node; where they have none, nothing that is lost decides. */
  readonly isActive: boolean;
  /** Of a guest: its `netN`. */
  readonly nics?: ReadonlySet<string>;
  /** Of the whole node. */
  readonly budget: RuleBudget;
}

/** Proxmox's rules in Phoenix's words: groups at their place, names written out; what has no effect is left out. */
export function phoenixRules(rules: readonly FirewallRule[], owner: RuleOwner): PhoenixRules {
  return together(
    rules.map((rule) =>
      rule.type === "group" ? ofGroup(rule, owner) : ofRule(rule, owner.scope, owner.isActive, owner.budget),
    ),
  );
}

/** What is written is what was read: without the secret. */
function redactedComment(rule: FirewallRule): readonly Omission[] {
  const keys = redactedKeys(rule.comment ?? "");
  if (keys.length === 0) return [];
  const reason = `the value of ${keys.join(", ")} in its comment is a secret: it is written as ${REDACTED}`;
  return [{ text: ruleLine(rule), reason, position: rule.position, decides: false }];
}

/** Takes from the budget what the rules become with their groups; what sets make more of is taken where it is known. */
export function takeRules(
  rules: readonly FirewallRule[],
  groups: RuleOwner["groups"],
  budget: RuleBudget,
): void {
  for (const rule of rules) {
    const count = rule.type === "group" ? (groups.get(rule.group)?.rules.length ?? 1) : 1;
    budget.take(count, rule.position);
  }
}

function together(parts: readonly PhoenixRules[]): PhoenixRules {
  return {
    rules: parts.flatMap(({ rules }) => rules),
    omissions: parts.flatMap(({ omissions }) => omissions),
  };
}

function omitted(rule: FirewallRule, reason: string, decides = false): PhoenixRules {
  return { rules: [], omissions: [{ text: ruleLine(rule), reason, position: rule.position, decides }] };
}

type PlainRule = Exclude<FirewallRule, GroupUse>;

function ofRule(rule: PlainRule, scope: RuleScope, isActive: boolean, budget: RuleBudget): PhoenixRules {
  if (rule.type === "forward")
    return omitted(rule, "pve-firewall compiles no forward rules, and Phoenix JSON has none");
  const { matches, errors, failure } = readRule(rule, scope);
  const [error = failure?.reason] = errors;
  if (error !== undefined) return omitted(rule, `it has no effect in Proxmox: ${error}`);
  const spelled = withIcmpType({ ...rule, type: rule.type }, matches);
  if (!spelled) {
    const reason = "Phoenix JSON names ICMP types, and this one has no name";
    return omitted(rule, reason, isActive && rule.enabled);
  }
  const excess = excessIn(matches);
  if (excess !== undefined) return omitted(rule, excess, isActive && rule.enabled);
  const rules = expand(spelled, matches, budget);
  return rules.length > 0
    ? { rules, omissions: redactedComment(rule) }
    : omitted(rule, "no packet matches it");
}

/** Proxmox takes an ICMP type as a port too; Phoenix JSON takes ports only where there are any. */
function withIcmpType(rule: Rule, [match]: readonly Match[]): Rule | undefined {
  const { port, icmpType, ...rest } = rule;
  const named: Rule = {
    ...rest,
    ...(isGiven(port) ? { port } : {}),
    ...(isGiven(icmpType) ? { icmpType } : {}),
  };
  if (rule.macro !== undefined || !isIcmp(rule.proto ?? "")) return named;
  const type = match?.icmpTypes?.[0];
  if (type === undefined) return rest;
  const family = match?.family ?? 4;
  const written = named.icmpType ?? named.port ?? "";
  const name = icmpKind(written, family) ? written : icmpName(type, family);
  return name === undefined ? undefined : { ...rest, icmpType: name };
}

/** To Proxmox a `0` is none. */
function isGiven(text: string | undefined): text is string {
  return text !== undefined && text !== "0";
}

const FAMILIES: readonly Family[] = [4, 6];

/** Why a set that the rule names is not written out. */
function excessIn([match]: readonly Match[]): string | undefined {
  for (const set of [match?.sourceSet, match?.destSet]) {
    const count = set && excessOf(set);
    if (count !== undefined) return tooMany(`[IPSET ${set?.name}]`, count);
  }
  return undefined;
}

/** One rule where it names no alias or set; else one a family and a list of addresses that Proxmox's API would take. */
function expand(rule: Rule, matches: readonly Match[], budget: RuleBudget): readonly PhoenixRule[] {
  const [match] = matches;
  if (!match) return [];
  if (!isReference(rule.source) && !isReference(rule.dest)) return [inJson(rule)];
  const families = FAMILIES.filter((family) => matches.some((each) => (each.family ?? family) === family));
  return families.flatMap((family) => {
    const sources = addresses(rule.source, match.sources, match.sourceSet, family);
    const dests = addresses(rule.dest, match.dests, match.destSet, family);
    budget.take(Math.max(0, sources.length * dests.length - 1), rule.position);
    return sources.flatMap((source) => dests.map((dest) => inJson({ ...rule, source, dest })));
  });
}

function isReference(text: string | undefined): boolean {
  return text !== undefined && parseReference(text) !== undefined;
}

/** The lists that one end of the rule stands for; none where the family has no address of it. */
function addresses(
  text: string | undefined,
  spans: readonly IpSpan[] | undefined,
  set: AddressSet | undefined,
  family: Family,
): readonly (string | undefined)[] {
  if (!isReference(text)) return [text];
  return set ? listsOfSet(set, family) : lists(cidrsOfSpans(spans ?? [], family));
}

/** The keys in the order in which Phoenix's files have them. */
function inJson(rule: Omit<Rule, "source" | "dest"> & Ends): PhoenixRule {
  const { type, action, enabled, macro, proto, source, dest, port, sport, icmpType, iface, log, comment } =
    rule;
  const written = comment?.replace(/\p{Cc}+/gu, " ");
  const optional = {
    macro,
    proto,
    source,
    dest,
    port,
    sport,
    icmp_type: icmpType,
    iface,
    log,
    comment: written,
  };
  const given = Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined));
  return { type, action, ...(enabled ? {} : { enable: false }), ...given };
}

interface Ends {
  readonly source?: string | undefined;
  readonly dest?: string | undefined;
}

/** Longer, its chain could not be made. */
const LONGEST_GROUP = 18;

/** A group's rules in place of its use: an accept in it accepts, and what it does not decide goes on behind it. */
function ofGroup(use: GroupUse, { name, scope, groups, isActive, nics, budget }: RuleOwner): PhoenixRules {
  const group = groups.get(use.group);
  if (!group) return omitted(use, "there is no such group, so that no rules stand here");
  const isWritten = use.iface === undefined || !nics || nics.has(use.iface);
  const isUsed = isActive && use.enabled && isWritten;
  const broken = isUsed ? unwritable(group, scope.dc) : undefined;
  const parts = group.rules.map((rule): PhoenixRules => {
    const placed = {
      ...rule,
      enabled: rule.enabled && use.enabled,
      comment: rule.comment ?? `group ${group.name}`,
    };
    const part = ofRule(placed, { place: "group", dc: scope.dc }, isUsed, budget);
    return use.iface === undefined ? part : { ...part, rules: part.rules.map(withInterface(use.iface)) };
  });
  return together(broken === undefined ? parts : [omitted(use, openBecause(name, broken), true), ...parts]);
}

function withInterface(iface: string) {
  return ({ log, comment, ...rule }: PhoenixRule): PhoenixRule => ({
    ...rule,
    iface,
    ...(log === undefined ? {} : { log }),
    ...(comment === undefined ? {} : { comment }),
  });
}

/** Why pve-firewall can't write the group's chains, though each of its rules passed the check on reading (trap 1). */
function unwritable({ name, rules }: Group, dc: RuleScope["dc"]): string | undefined {
  if (name.length > LONGEST_GROUP) return `its name has more than ${LONGEST_GROUP} characters`;
  for (const rule of rules) {
    if (rule.type === "forward" || !rule.enabled) continue;
    const { failure } = readRule(rule, { place: "group", dc });
    if (failure) return `${ruleLine(rule)}: ${failure.reason}`;
  }
  return undefined;
}

function openBecause(name: string, broken: string): string {
  return `on the node the rules of ${name} fail at this group (${broken}); the JSON has them without that rule`;
}
