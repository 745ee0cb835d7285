import { type AddressSet, addressSet, parseSetNetwork } from "./address-set.ts";
import type { Chain, Line, MatchLine } from "./chain.ts";
import { chainOf, declaredLines, GenerationFailure, type GroupChains, policyOf } from "./generate.ts";
import type { Family } from "./ip.ts";
import type { Match } from "./match.ts";
import { ICMPV6 } from "./packet.ts";
import type { FirewallFile } from "./proxmox/file.ts";
import { linkLocalOf } from "./proxmox/link-local.ts";
import type { Nic, Node } from "./proxmox/node.ts";
import { type GuestOptions, guestOptions } from "./proxmox/options.ts";
import type { RuleScope } from "./proxmox/scope.ts";
import { resolvedSet } from "./rule-end.ts";
import { type Direction, dhcpLines, discoveryLines } from "./standing.ts";

/** A NIC's chains, `TAP-IN` and `TAP-OUT`. One that is absent could not be written: nothing filters that direction. */
export interface GuestChains {
  readonly in?: Chain;
  readonly out?: Chain;
  /** Why one is absent. */
  readonly failure?: string;
}

/** One guest's NIC, for one family. */
interface Site {
  readonly node: Node;
  readonly nic: Nic;
  readonly file: FirewallFile;
  readonly options: GuestOptions;
  readonly groups: GroupChains;
  readonly family: Family;
}

/**
 * The chains of every enabled NIC by place, in the order in which Proxmox writes them: VMs before containers, each by id as
 * text, NICs as text. What fails takes the guest's further NICs with it.
 */
export function guestChains(
  node: Node,
  groups: GroupChains,
  family: Family,
): ReadonlyMap<string, GuestChains> {
  const found = new Map<string, GuestChains>();
  const failed = new Map<string, string>();
  for (const nic of [...node.nics].sort(asWritten)) {
    const file = node.guests.get(nic.guestId);
    if (!file || !nic.flagged || !guestOptions(file).enable) continue;
    const before = failed.get(nic.guestId);
    const site: Site = { node, nic, file, options: guestOptions(file), groups, family };
    const chains = before === undefined ? write(site) : { failure: before };
    if (chains.failure !== undefined) failed.set(nic.guestId, chains.failure);
    found.set(nic.place, chains);
  }
  return found;
}

function asWritten(a: Nic, b: Nic): number {
  if (a.kind !== b.kind) return a.kind === "vm" ? -1 : 1;
  return byText(a.guestId, b.guestId) || byText(`net${a.index}`, `net${b.index}`);
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function write(site: Site): GuestChains {
  let written: GuestChains = {};
  try {
    written = { in: chainInto(site) };
    return { ...written, out: chainOutOf(site) };
  } catch (error) {
    if (!(error instanceof GenerationFailure)) throw error;
    return { ...written, failure: error.message };
  }
}

function chainInto(site: Site): Chain {
  const { nic, options } = site;
  const name = `${nic.tap}-IN`;
  return guestChain(site, "in", name, [
    ...(options.dhcp ? dhcpLines(name, "in") : []),
    ...(options.ndp ? discoveryLines(name, "in") : []),
    ...rulesOf(site, "in", name),
  ]);
}

/** All chains share it: it is told by its identity. */
const ADVERTISEMENT: Match = { family: 6, proto: ICMPV6, icmpTypes: [134] };

function chainOutOf(site: Site): Chain {
  const { nic, options } = site;
  const name = `${nic.tap}-OUT`;
  const filter = ipFilter(site);
  const drop = (match: Match, text: string): MatchLine => ({
    kind: "match",
    match,
    action: "DROP",
    decider: { kind: "builtin", chain: name, text },
  });
  return guestChain(site, "out", name, [
    ...(options.dhcp ? dhcpLines(name, "out") : []),
    ...(options.macfilter
      ? [drop({ notMac: nic.mac }, `MAC filter: the sender's MAC is not ${nic.mac}`)]
      : []),
    ...(options.radv ? [] : [drop(ADVERTISEMENT, "IPv6 router advertisements are off (radv: 0)")]),
    ...(filter ? [drop({ notSourceSet: filter }, `IP filter: the source is not in ${filter.name}`)] : []),
    { kind: "clear-mark" },
    ...(options.ndp ? discoveryLines(name, "out", options.radv) : []),
    ...rulesOf(site, "out", name),
  ]);
}

function rulesOf(
  { node, nic, file, groups, family }: Site,
  direction: Direction,
  chain: string,
): readonly Line[] {
  const scope = { place: "guest", dc: node.cluster, guest: file } as const;
  return declaredLines(file.rules, groups, { chain, direction, scope, family, nic: `net${nic.index}` });
}

function guestChain(
  { file, options, family }: Site,
  direction: Direction,
  name: string,
  lines: readonly Line[],
): Chain {
  const declared = direction === "in" ? options.policyIn : options.policyOut;
  const policy = policyOf(file, direction, declared, name);
  return chainOf(family, { name, lines, policy, marks: direction === "out" });
}

/** The set that a NIC's sources must be in, where `ipfilter: 1` or a set of that name asks for one. */
function ipFilter({ node, nic, file, options }: Site): AddressSet | undefined {
  const name = `ipfilter-net${nic.index}`;
  const declared = file.sets.get(name);
  if (!declared && !options.ipfilter) return undefined;
  const scope: RuleScope = { place: "guest", dc: node.cluster, guest: file };
  const own = declared ? resolvedSet(declared, scope).networks : [];
  const standing = [linkLocalOf(nic.mac), ...nic.addresses].flatMap((text) => parseSetNetwork(text) ?? []);
  const noOther = parseSetNetwork("fe80::/10", true);
  return addressSet(name, [...own, ...standing, ...(noOther ? [noOther] : [])]);
}
