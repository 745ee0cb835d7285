import { parseIp } from "../ip.ts";
import type { Alias, FirewallFile, FirewallRule, IpSet } from "../proxmox/file.ts";
import { localNetworkOf, type Node } from "../proxmox/node.ts";
import {
  parseReference,
  type Reference,
  resolveAlias,
  resolveSet,
  type RuleScope,
} from "../proxmox/scope.ts";
import { found, type LintFinding } from "./finding.ts";
import { type Ground, knownNics } from "./ground.ts";
import { isOutOfRange } from "./reach.ts";

/** Names that Proxmox uses itself. */
const WELL_KNOWN = {
  cluster: /^(?:local_network|management|blacklist)$/,
  guest: /^ipfilter-net\d+$/,
  host: /^$/,
} as const;

/** Aliases and sets: which nothing refers to, which hide another, which the kernel refuses. */
export function definitionLints(ground: Ground): readonly LintFinding[] {
  const { node } = ground;
  const used = usedBy(ground);
  return filesOf(node).flatMap(({ file, scope }) => [
    ...[...file.aliases.values()].flatMap((alias) => aliasLints(node, file, alias, used)),
    ...[...file.sets.values()].flatMap((set) => setLints(node, file, set, scope, used)),
  ]);
}

function filesOf({ cluster, guests }: Node): readonly { file: FirewallFile; scope: RuleScope }[] {
  const dc = cluster;
  return [
    { file: cluster, scope: { place: "cluster", dc } },
    ...[...guests.values()].map((guest) => {
      const scope: RuleScope = { place: "guest", dc, guest };
      return { file: guest, scope };
    }),
  ];
}

function scopeOf({ cluster: dc }: Node, file: FirewallFile): RuleScope {
  return file.kind === "guest" ? { place: "guest", dc, guest: file } : { place: "host", dc };
}

/** What some rule, switched off or not, or some set refers to. */
function usedBy({ node, places, elsewhere }: Ground): ReadonlySet<Alias | IpSet> {
  const used = new Set<Alias | IpSet>();
  const seen = new Map<RuleScope, Set<string>>();
  const use = (text: string | undefined, scope: RuleScope) => {
    const before = seen.get(scope) ?? new Set();
    seen.set(scope, before);
    if (text === undefined || before.has(text)) return;
    before.add(text);
    const reference = parseReference(text);
    for (const target of reference ? targetsOf(reference, scope) : []) used.add(target);
  };
  const useRule = (rule: FirewallRule, scope: RuleScope) => {
    if (rule.type === "group") return;
    use(rule.source, scope);
    use(rule.dest, scope);
  };
  for (const { rules, scope } of places) for (const rule of rules) useRule(rule, scope);
  const others = elsewhere.map((file) => ({ file, scope: scopeOf(node, file) }));
  for (const { file, scope } of others) for (const rule of file.rules) useRule(rule, scope);
  for (const { file, scope } of [...filesOf(node), ...others])
    for (const { entries } of file.sets.values()) for (const { address } of entries) use(address, scope);
  return used;
}

/**
 * The definition that a reference means. Where its scope has none, or no other of that name is there, also what the check on
 * reading is content with: without it the line would be ignored (`pve-firewall.md` 3.1).
 */
function targetsOf(reference: Reference, scope: RuleScope): readonly (Alias | IpSet)[] {
  const { kind, name } = reference;
  const all = [scope.guest, scope.dc]
    .map((each) => (kind === "set" ? each?.sets.get(name) : each?.aliases.get(name)))
    .filter((each) => each !== undefined);
  const meant = kind === "set" ? resolveSet(scope, reference)?.set : resolveAlias(scope, reference);
  return meant && all.length > 1 ? [meant] : all;
}

function aliasLints(
  node: Node,
  file: FirewallFile,
  alias: Alias,
  used: ReadonlySet<Alias | IpSet>,
): readonly LintFinding[] {
  const { name, position, cidr } = alias;
  const subject = `alias ${name}`;
  const key = name.toLowerCase();
  const isUsed = used.has(alias);
  return [
    ...(isUsed || WELL_KNOWN[file.kind].test(key)
      ? []
      : [found("unused-alias", position, subject, `nothing refers to the alias ${name}`)]),
    ...(isUsed && isOutOfRange(cidr)
      ? [found("kernel-refuses", position, subject, `the alias ${name} is ${cidr}, which is no network`)]
      : []),
    ...hidden(file, node.cluster.aliases.get(key), subject, alias),
  ];
}

function hidden(
  file: FirewallFile,
  other: Alias | IpSet | undefined,
  subject: string,
  { position }: Alias | IpSet,
): readonly LintFinding[] {
  if (file.kind !== "guest" || !other) return [];
  const message = `the ${subject} hides the one of ${other.position.file}`;
  return [found("hidden-name", position, subject, message, { related: [other.position] })];
}

function setLints(
  node: Node,
  file: FirewallFile,
  set: IpSet,
  scope: RuleScope,
  used: ReadonlySet<Alias | IpSet>,
): readonly LintFinding[] {
  const { name, position } = set;
  const subject = `set ${name}`;
  return [
    ...(used.has(set) ? [] : unusedSet(node, file, set, subject)),
    ...hidden(file, WELL_KNOWN.cluster.test(name) ? undefined : node.cluster.sets.get(name), subject, set),
    ...refusedEntries(node, file, set, scope).map((message) =>
      found("kernel-refuses", position, subject, message),
    ),
  ];
}

/** The names that have an effect of their own have it in one kind of file only (traps 6 and 8). */
function unusedSet(node: Node, file: FirewallFile, { name, position }: IpSet, subject: string) {
  const why = whyIdle(node, file, name);
  return why === undefined
    ? []
    : [found("unused-set", position, subject, `nothing refers to the set ${name}${why}`)];
}

/** Undefined where the set has an effect by its name. */
function whyIdle(
  { nics, guests }: Node,
  { kind, name: file }: FirewallFile,
  name: string,
): string | undefined {
  const isClusters = WELL_KNOWN.cluster.test(name);
  if (isClusters) return kind === "cluster" ? undefined : "; the name has an effect only in cluster.fw";
  const index = /^ipfilter-net(\d+)$/.exec(name)?.[1];
  if (index === undefined) return "";
  if (kind !== "guest") return "; the name has an effect only in a guest's file";
  const [id] = [...guests].find(([, guest]) => guest.name === file) ?? [];
  const own = id === undefined ? [] : knownNics(nics, id);
  const isKnown = own.length === 0 || own.some((nic) => String(nic.index) === index);
  return isKnown ? undefined : `; guest ${id} has no net${index}`;
}

/** What `ipset restore` refuses: no prefix of that length, /0, one network twice under different host bits (trap 32). */
function refusedEntries(node: Node, file: FirewallFile, set: IpSet, scope: RuleScope): readonly string[] {
  const standing = file.kind === "cluster" && set.name === "management" ? [localNetworkOf(node)] : [];
  const resolved = set.entries.map(({ address }) => {
    const reference = parseReference(address);
    const cidr = reference ? resolveAlias(scope, reference)?.cidr : address;
    return { written: address, cidr: cidr ?? "", isAlias: reference !== undefined };
  });
  const all = [
    ...resolved,
    ...standing.map((cidr) => ({
      written: `${cidr} (the local network, always in it)`,
      cidr,
      isAlias: false,
    })),
  ];
  const first = new Map<string, { written: string; key: string }>();
  return all.flatMap(({ written, cidr, isAlias }) => {
    // Of an alias it is told where the alias stands.
    if (isOutOfRange(cidr))
      return isAlias ? [] : [`the set ${set.name} holds ${written}, which is no network`];
    if (/\/0+$/.test(cidr))
      return [`the set ${set.name} holds ${written}, which is ${cidr}: no set takes a /0`];
    const network = networkOf(cidr);
    const earlier = network && first.get(network.masked);
    if (network && !earlier) first.set(network.masked, { written, key: network.key });
    if (!network || !earlier || earlier.key === network.key) return [];
    return [`the set ${set.name} holds one network twice: ${earlier.written} and ${written}`];
  });
}

/** The network as the kernel masks it, and the address as it was given. */
function networkOf(cidr: string): { readonly masked: string; readonly key: string } | undefined {
  const [address = "", length] = cidr.split("/");
  const ip = parseIp(address);
  if (!ip) return undefined;
  const bits = ip.family === 4 ? 32 : 128;
  const shift = BigInt(bits - Number(length ?? bits));
  return { masked: `${ip.family} ${BigInt(ip.value) >> shift} ${shift}`, key: `${ip.value}` };
}
