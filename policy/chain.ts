import type { Policy, Position, Rule } from "./estate.ts";
import type { Decider, RejectKind } from "./flow.ts";
import { type Match, matches } from "./match.ts";
import type { Packet } from "./packet.ts";
import type { RuleScope } from "./proxmox/scope.ts";
import { readRule } from "./rule.ts";
import { ruleLine } from "./rule-line.ts";
import { type Broadcasts, beforePolicy, type ChainRuling, reject } from "./shared-chains.ts";
import type { StandingAccept } from "./standing.ts";

/** What a hop said, and which line said it. */
export interface Ruling {
  readonly verdict: "accept" | "drop" | "reject";
  readonly reject?: RejectKind;
  readonly decider: Decider;
}

/** One line of a chain: a declared rule (one line an alternative), or a standing accept. */
export interface Line {
  readonly match: Match;
  readonly action: Policy;
  readonly decider: Exclude<Decider, { kind: "policy" }>;
}

/** The default policy at a chain's end. */
export interface ChainPolicy {
  readonly action: Policy;
  readonly decider: Extract<Decider, { kind: "policy" }>;
}

/** The lines of the rules that have an effect in this direction, in file order. */
export function ruleLines(
  rules: readonly Rule[],
  type: Rule["type"],
  chain: string,
  scope: RuleScope,
): readonly Line[] {
  return rules
    .filter((rule) => rule.enabled && rule.type === type)
    .flatMap((rule) => {
      const decider = { kind: "rule", chain, position: rule.position, text: ruleLine(rule) } as const;
      return readRule(rule, scope).matches.map((match) => ({ match, action: rule.action, decider }));
    });
}

export function standingLines(accepts: readonly StandingAccept[], chain: string): readonly Line[] {
  return accepts.map(({ match, text }) => ({
    match,
    action: "ACCEPT",
    decider: { kind: "standing", chain, text },
  }));
}

export function chainPolicy(policy: Policy, chain: string, position: Position): ChainPolicy {
  return { action: policy, decider: { kind: "policy", chain, policy, position } };
}

/** The first line that matches decides; undefined where none does. */
export function tryLines(
  lines: readonly Line[],
  packet: Packet,
  device: string,
  broadcasts: Broadcasts,
): Ruling | undefined {
  for (const { match, action, decider } of lines) {
    if (!matches(match, packet, device)) continue;
    if (action !== "REJECT") return { verdict: action === "ACCEPT" ? "accept" : "drop", decider };
    const ruling = reject(packet, broadcasts);
    return withDecider(ruling, { ...decider, chain: ruling.chain });
  }
  return undefined;
}

/** The default policy, with the shared chain that it asks first. */
export function applyPolicy(
  { action, decider }: ChainPolicy,
  packet: Packet,
  broadcasts: Broadcasts,
): Ruling {
  if (action === "ACCEPT") return { verdict: "accept", decider };
  const earlier = beforePolicy(action, packet, broadcasts);
  if (earlier) return withDecider(earlier, { ...decider, chain: earlier.chain, text: earlier.text });
  if (action === "DROP") return { verdict: "drop", decider };
  const ruling = reject(packet, broadcasts);
  return withDecider(ruling, { ...decider, chain: ruling.chain, text: ruling.text });
}

function withDecider(ruling: ChainRuling, decider: Decider): Ruling {
  return {
    verdict: ruling.verdict,
    ...(ruling.reject === undefined ? {} : { reject: ruling.reject }),
    decider,
  };
}

/** A ruling of one of Proxmox's own lines. */
export function builtin(verdict: "accept" | "drop", chain: string, text: string): Ruling {
  return { verdict, decider: { kind: "builtin", chain, text } };
}
