import type { Chain, ChainPolicy, GroupChain, GroupLine, Line, MatchLine } from "./chain.ts";
import type { Policy } from "./estate.ts";
import type { Family } from "./ip.ts";
import type { FirewallFile, FirewallRule } from "./proxmox/file.ts";
import type { RuleScope } from "./proxmox/scope.ts";
import { type Reading, readRule } from "./rule.ts";
import { ruleLine } from "./rule-line.ts";
import type { Direction } from "./standing.ts";

/** Why Proxmox could not write some rules of one family; whoever asked for them goes without. */
export class GenerationFailure extends Error {
  override readonly name = "GenerationFailure";
}

/** What a rule comes to in its chain, for both families. */
interface Written {
  readonly chain: string;
  readonly lines: readonly MatchLine[];
  readonly failure?: Reading["failure"];
}

/** The rules of one node, each read once for the chains of both families. */
export class WrittenRules {
  readonly #known = new Map<MatchRule, Written>();

  of(rule: MatchRule, chain: string, scope: RuleScope): Written {
    const known = this.#known.get(rule);
    if (known?.chain === chain) return known;
    const { matches, failure } = readRule(rule, scope);
    const { position, action } = rule;
    const decider = { kind: "rule", chain, position, text: ruleLine(rule) } as const;
    const lines = matches.map((match) => ({ kind: "match", match, action, decider }) as const);
    const made = { chain, lines, ...(failure && { failure }) };
    this.#known.set(rule, made);
    return made;
  }
}

type MatchRule = Exclude<FirewallRule, { type: "group" }>;

/** Proxmox's limit: a chain of a longer name can't be made. */
const LONGEST_CHAIN = 28;

/**
 * The group chains of one family, made when a rule first uses them. A rule that can't be written leaves its group's IN
 * chain as far as it came and no OUT chain, for all that use the group later (trap 1 of `pve-firewall.md`).
 */
export class GroupChains {
  readonly #cluster: FirewallFile;
  readonly #family: Family;
  readonly #chains = new Map<string, GroupChain>();
  readonly written: WrittenRules;

  constructor(cluster: FirewallFile, family: Family, written: WrittenRules) {
    this.#cluster = cluster;
    this.#family = family;
    this.written = written;
  }

  /** @throws GenerationFailure */
  use(group: string, direction: Direction): GroupChain {
    const name = chainName(group, direction);
    if (!this.#chains.has(name)) for (const each of ["in", "out"] as const) this.#generate(group, each);
    const chain = this.#chains.get(name);
    if (!chain) throw new TypeError(`no chain ${name}`);
    return chain;
  }

  #generate(group: string, direction: Direction): void {
    const name = chainName(group, direction);
    if (name.length > LONGEST_CHAIN)
      throw new GenerationFailure(`the chain name ${name} is longer than ${LONGEST_CHAIN}`);
    if (this.#chains.has(name))
      throw new GenerationFailure(`the group ${group} was left half-written before`);
    const chain: GroupChain = { name, lines: [] };
    this.#chains.set(name, chain);
    const scope = { place: "group", dc: this.#cluster } as const;
    for (const rule of this.#cluster.groups.get(group)?.rules ?? [])
      chain.lines.push(
        ...ruleLines(rule, this.written, { direction, chain: name, scope, family: this.#family }),
      );
  }
}

function chainName(group: string, direction: Direction): string {
  return `GROUP-${group}-${direction.toUpperCase()}`;
}

/** The lines of one rule that have an effect in this direction and family. @throws GenerationFailure */
function ruleLines(
  rule: MatchRule,
  written: WrittenRules,
  { direction, chain, scope, family }: RuleSite,
): readonly MatchLine[] {
  if (!rule.enabled || rule.type !== direction) return [];
  const { lines, failure } = written.of(rule, chain, scope);
  if (failure && (failure.family ?? family) === family) throw new GenerationFailure(failure.reason);
  return lines.filter(({ match }) => (match.family ?? family) === family);
}

/** What one chain's declared rules are written for. */
export interface RuleSite {
  readonly chain: string;
  readonly direction: Direction;
  readonly scope: RuleScope;
  readonly family: Family;
  /** Of a guest: the NIC's `netN`; rules for another NIC are not its own. */
  readonly nic?: string;
}

/**
 * A chain's declared rules in order. A rule that can't be written is lost; a group that can't is lost on the host, and at a
 * guest the chain with it. @throws GenerationFailure at a guest
 */
export function declaredLines(
  rules: readonly FirewallRule[],
  groups: GroupChains,
  site: RuleSite,
): readonly Line[] {
  const own = rules.filter(
    ({ iface }) => site.nic === undefined || iface === undefined || iface === site.nic,
  );
  return own.flatMap((rule) => linesOf(rule, groups, site));
}

function linesOf(rule: FirewallRule, groups: GroupChains, site: RuleSite): readonly Line[] {
  if (!rule.enabled) return [];
  try {
    if (rule.type === "group") return [groupLine(rule, groups, site)];
    return ruleLines(rule, groups.written, site);
  } catch (error) {
    if (!(error instanceof GenerationFailure)) throw error;
    if (rule.type === "group" && site.nic !== undefined) throw error;
    return [];
  }
}

function groupLine(
  rule: Extract<FirewallRule, { type: "group" }>,
  groups: GroupChains,
  { chain, direction, nic }: RuleSite,
): GroupLine {
  const text = `${ruleLine(rule)}, by a mark that an earlier hop left`;
  return {
    kind: "group",
    group: groups.use(rule.group, direction),
    ...(rule.iface !== undefined && nic === undefined ? { device: rule.iface } : {}),
    decider: { kind: "rule", chain, position: rule.position, text },
  };
}

/** The policy at a chain's end, at the option that sets it. */
export function policyOf(
  file: FirewallFile,
  direction: Direction,
  policy: Policy,
  chain: string,
): ChainPolicy {
  const position = file.options.get(`policy_${direction}`)?.position ?? file.position;
  return { action: policy, decider: { kind: "policy", chain, policy, position } };
}

/** A chain's lines, of which those of the other family are left out. */
export function chainOf(
  family: Family,
  chain: Omit<Chain, "lines"> & { readonly lines: readonly Line[] },
): Chain {
  const lines = chain.lines.filter(
    (line) => line.kind !== "match" || (line.match.family ?? family) === family,
  );
  return { ...chain, lines };
}
