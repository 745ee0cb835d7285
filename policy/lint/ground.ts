import type { Rule } from "../estate.ts";
import type { FirewallFile, FirewallRule, ForwardRule } from "../proxmox/file.ts";
import type { Nic, Node } from "../proxmox/node.ts";
import type { RuleScope } from "../proxmox/scope.ts";
import { Budget } from "./budget.ts";
import { CoverIndex } from "./cover-index.ts";
import { type Understood, understand } from "./reach.ts";

export type Direction = "in" | "out";
export const DIRECTIONS = ["in", "out"] as const;

/** Where rules are tried one after the other. */
export interface Place {
  readonly kind: "host" | "guest" | "group";
  /** `the host`, `guest 101`, `group web`. */
  readonly title: string;
  /** The host's are those of host.fw, then those of cluster.fw. */
  readonly rules: readonly FirewallRule[];
  readonly scope: RuleScope;
  /** Of a guest: its NICs, where the files declare them. */
  readonly nics: readonly Nic[];
  /** Of a group or a guest: its name or id. */
  readonly name: string;
}

/** A group's rules of one direction, as a GROUP line brings them in. */
interface GroupRules {
  readonly rules: readonly Rule[];
  readonly index: CoverIndex;
}

/** Why a group can't be written. */
interface Failure {
  readonly rule: Rule;
  readonly reason: string;
}

/** What all lints stand on: a node's rules, each read once. */
export class Ground {
  readonly node: Node;
  readonly places: readonly Place[];
  readonly budget: Budget;
  readonly elsewhere: readonly FirewallFile[];
  readonly #understood = new Map<Rule | ForwardRule, Understood>();
  readonly #groups = new Map<string, GroupRules>();
  readonly #failures = new Map<string, Failure | undefined>();

  /** `elsewhere`: files of other nodes, which use what the one cluster.fw defines and decide nothing here. */
  constructor(node: Node, comparisons?: number, elsewhere: readonly FirewallFile[] = []) {
    this.node = node;
    this.elsewhere = elsewhere;
    this.budget = new Budget(comparisons);
    this.places = placesOf(node);
    for (const { rules, scope } of this.places)
      for (const rule of rules)
        if (rule.type !== "group") this.#understood.set(rule, understand(rule, scope));
  }

  understood(rule: Rule | ForwardRule): Understood {
    const known = this.#understood.get(rule);
    if (!known) throw new TypeError("a rule of another node");
    return known;
  }

  /** Why the group can't be written, and by which rule; undefined where it can, or is not defined. */
  failureOf(group: string): Failure | undefined {
    if (!this.#failures.has(group)) this.#failures.set(group, this.#readFailure(group));
    return this.#failures.get(group);
  }

  #readFailure(group: string): Failure | undefined {
    for (const rule of this.node.cluster.groups.get(group)?.rules ?? []) {
      if (rule.type === "forward" || !rule.enabled) continue;
      const reason = this.understood(rule).failure;
      if (reason !== undefined) return { rule, reason };
    }
    return undefined;
  }

  /** The rules of a group that are in force; none of one that can't be written. */
  groupRules(group: string, direction: Direction): GroupRules {
    const key = `${direction} ${group}`;
    const known = this.#groups.get(key) ?? this.#readGroup(group, direction);
    this.#groups.set(key, known);
    return known;
  }

  #readGroup(group: string, direction: Direction): GroupRules {
    const declared = this.failureOf(group) ? [] : (this.node.cluster.groups.get(group)?.rules ?? []);
    const rules = rulesOf(declared, direction);
    const index = new CoverIndex();
    for (const rule of rules) {
      for (const reach of this.understood(rule).reaches)
        if (!index.find(reach, this.budget, rule)) index.add(reach, rule);
    }
    return { rules, index };
  }
}

/** A guest's NICs; one that had to be assumed stands at the guest's .fw file, and nothing follows from it. */
export function knownNics(nics: readonly Nic[], id: string): readonly Nic[] {
  const known = KNOWN.get(nics) ?? Map.groupBy(nics.filter(isDeclared), ({ guestId }) => guestId);
  KNOWN.set(nics, known);
  return known.get(id) ?? [];
}

const KNOWN = new WeakMap<readonly Nic[], ReadonlyMap<string, readonly Nic[]>>();

export function isDeclared({ position }: Nic): boolean {
  return !position.file.endsWith(".fw");
}

/** Those in force of one direction, in order. */
export function rulesOf(rules: readonly FirewallRule[], direction: Direction): readonly Rule[] {
  return rules.filter((rule): rule is Rule => rule.type === direction && rule.enabled);
}

function placesOf({ cluster, hostFile, guests, nics }: Node): readonly Place[] {
  const dc = cluster;
  return [
    {
      kind: "host",
      title: "the host",
      name: "host",
      rules: [...hostFile.rules, ...cluster.rules],
      scope: { place: "host", dc },
      nics: [],
    },
    ...[...guests].map(([id, guest]): Place => {
      const own = knownNics(nics, id);
      const scope: RuleScope = { place: "guest", dc, guest };
      return { kind: "guest", title: `guest ${id}`, name: id, rules: guest.rules, scope, nics: own };
    }),
    ...[...cluster.groups.values()].map(
      ({ name, rules }): Place => ({
        kind: "group",
        title: `group ${name}`,
        name,
        rules,
        scope: { place: "group", dc },
        nics: [],
      }),
    ),
  ];
}
