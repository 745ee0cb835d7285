import { GenerationFailure, GroupChains, WrittenRules } from "../generate.ts";
import type { FirewallFile, FirewallRule } from "../proxmox/file.ts";
import { localNetworkOf, type Nic, type Node } from "../proxmox/node.ts";
import { clusterOptions, guestOptions, hostOptions } from "../proxmox/options.ts";
import { isDefined, parseReference, type RuleScope, resolveAlias, resolveSet } from "../proxmox/scope.ts";
import { FAMILIES } from "./families.ts";
import { ruleLine } from "../rule-line.ts";
import type { Direction } from "../standing.ts";
import type { OwnRule, Touched } from "./touched.ts";

/**
 * What a node's files declare for the hops of its NICs, in words, without a chain being written. Two NICs with the same words
 * have the same lines there, but for what names their own MAC; of one node as of two.
 */
export class HopWords {
  readonly #node: Node;
  readonly #touched: Touched | undefined;
  /** What each NIC's hops ask, whatever its guest's file says. */
  readonly everywhere: string;
  readonly #known = new Map<string, string>();
  readonly #ends = new Map<string, string>();
  readonly #groups = new Map<string, string>();
  readonly #failing = new Map<string, boolean>();

  /** With `touched` rules that decide none of those packets say nothing: NICs with the same words then decide these alike. */
  constructor(node: Node, touched?: Touched) {
    this.#node = node;
    this.#touched = touched;
    const { enable } = clusterOptions(node.cluster);
    const { nosmurfs, tcpflags, allowInvalid } = hostOptions(node.hostFile);
    const blacklist = this.#end("+blacklist", { place: "cluster", dc: node.cluster });
    const { bridge, localNetwork } = node.host;
    const networks = [bridge, localNetwork, localNetworkOf(node)];
    this.everywhere = JSON.stringify([enable, nosmurfs, tcpflags, allowInvalid, blacklist, networks]);
  }

  /** Of the hop out of a NIC or into it, and of its bridge. */
  of(nic: Nic, direction: Direction): string {
    const key = `${direction} ${nic.place}`;
    const known = this.#known.get(key) ?? this.#write(nic, direction);
    this.#known.set(key, known);
    return known;
  }

  #write(nic: Nic, direction: Direction): string {
    const file = this.#node.guests.get(nic.guestId);
    const isOn = file && nic.flagged && guestOptions(file).enable;
    const own = isOn ? this.#chain(nic, file, direction) : file ? "off" : "no file";
    return `${this.everywhere} ${nic.bridge} ${nic.flagged} ${own}`;
  }

  /** Whether it names a group that can't be written: its lines then depend on who named the group before (trap 1). */
  usesFailing({ guestId }: Nic): boolean {
    const rules = this.#node.guests.get(guestId)?.rules ?? [];
    return rules.some((rule) => rule.type === "group" && rule.enabled && this.#isFailing(rule.group));
  }

  #chain(nic: Nic, file: FirewallFile, direction: Direction): string {
    const { policyIn, policyOut, dhcp, ndp, radv, macfilter } = guestOptions(file);
    const options =
      direction === "in"
        ? [policyIn, dhcp, ndp]
        : [policyOut, dhcp, ndp, radv, macfilter, this.#filter(nic, file)];
    const scope = { place: "guest", dc: this.#node.cluster, guest: file } as const;
    const rules = file.rules.filter(({ iface }) => iface === undefined || iface === `net${nic.index}`);
    return [...options, ...rules.flatMap((rule) => this.#rule(rule, scope, direction))].join("\n");
  }

  /** What an IP filter lets through is each NIC's own. */
  #filter(nic: Nic, file: FirewallFile): string {
    const name = `ipfilter-net${nic.index}`;
    const declared = file.sets.get(name);
    if (!declared && !guestOptions(file).ipfilter) return "";
    const scope = { place: "guest", dc: this.#node.cluster, guest: file } as const;
    return JSON.stringify([nic.mac, nic.addresses, this.#end(`+${name}`, scope)]);
  }

  /** Nothing where it has no line in this direction. */
  #rule(rule: FirewallRule, scope: RuleScope, direction: Direction): readonly string[] {
    if (!rule.enabled) return [];
    if (rule.type === "group") return this.#group(rule.group, direction);
    if (rule.type !== direction || !this.#mayDecide(rule, scope, direction)) return [];
    const { source, dest } = rule;
    if (source === undefined && dest === undefined) return [ruleLine(rule)];
    return [`${ruleLine(rule)} ${this.#end(source, scope)} ${this.#end(dest, scope)}`];
  }

  /** What is asked of a rule is whom it names on the far end: who sends into the NIC, or is sent to out of it. */
  #mayDecide(rule: OwnRule, scope: RuleScope, direction: Direction): boolean {
    const far = direction === "in" ? rule.source : rule.dest;
    return this.#touched?.mayDecide(rule, () => far && this.#addresses(far, scope)) ?? true;
  }

  /** As a rule has them, of an alias or a set what it stands for; what Proxmox adds to sets of its own no file says. */
  #addresses(text: string, scope: RuleScope): string {
    return OWN_SETS.test(text) ? "addresses of Proxmox" : this.#end(text, scope) || text;
  }

  #group(name: string, direction: Direction): readonly string[] {
    const key = `${direction} ${name}`;
    const known = this.#groups.get(key) ?? this.#groupText(name, direction);
    this.#groups.set(key, known);
    return known === "" ? [] : [known];
  }

  #groupText(name: string, direction: Direction): string {
    const { cluster } = this.#node;
    const scope = { place: "group", dc: cluster } as const;
    const lines = (cluster.groups.get(name)?.rules ?? []).flatMap((rule) =>
      this.#rule(rule, scope, direction),
    );
    return lines.length === 0 ? "" : `group: ${lines.join("; ")}`;
  }

  /** An address as it is resolved; of a set all entries. */
  #end(text: string | undefined, scope: RuleScope): string {
    if (text === undefined) return "-";
    const hasOwn = scope.guest && (scope.guest.aliases.size > 0 || scope.guest.sets.size > 0);
    if (hasOwn) return resolvedText(text, scope);
    const known = this.#ends.get(text) ?? resolvedText(text, scope);
    this.#ends.set(text, known);
    return known;
  }

  #isFailing(group: string): boolean {
    const known = this.#failing.get(group) ?? this.#fails(group);
    this.#failing.set(group, known);
    return known;
  }

  #fails(group: string): boolean {
    try {
      const written = new WrittenRules();
      for (const family of FAMILIES) new GroupChains(this.#node.cluster, family, written).use(group, "in");
      return false;
    } catch (error) {
      if (error instanceof GenerationFailure) return true;
      throw error;
    }
  }
}

const OWN_SETS = /^\+.*(?:management|ipfilter)/;

function resolvedText(text: string, scope: RuleScope): string {
  const reference = parseReference(text);
  if (!reference) return "";
  if (!isDefined(scope, reference)) return "undefined";
  if (reference.kind === "alias") return resolveAlias(scope, reference)?.cidr ?? "of another scope";
  const found = resolveSet(scope, reference);
  if (!found) return "of another scope";
  const { place, dc } = scope;
  const inner = found.owner === "guest" ? scope : { place, dc };
  const entries = found.set.entries.map(({ address, nomatch }) => {
    const alias = parseReference(address);
    return `${nomatch ? "!" : ""}${alias ? resolveAlias(inner, alias)?.cidr : address}`;
  });
  return `{${entries.join(" ")}}`;
}
