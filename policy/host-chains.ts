import { addressSet, parseSetNetwork } from "./address-set.ts";
import type { Chain, Line } from "./chain.ts";
import { chainOf, declaredLines, type GroupChains, policyOf } from "./generate.ts";
import type { Family } from "./ip.ts";
import { localNetworkOf, type Node } from "./proxmox/node.ts";
import { clusterOptions, hostOptions } from "./proxmox/options.ts";
import { resolvedSet } from "./rule-end.ts";
import {
  corosyncLines,
  type Direction,
  discoveryLines,
  igmpLines,
  managementInLines,
  managementOutLines,
} from "./standing.ts";

export interface HostChains {
  readonly in: Chain;
  readonly out: Chain;
}

/** PVEFW-HOST-IN and PVEFW-HOST-OUT after their lines for loopback and state. */
export function hostChains(node: Node, groups: GroupChains, family: Family): HostChains {
  return { in: hostIn(node, groups, family), out: hostOut(node, groups, family) };
}

function hostIn(node: Node, groups: GroupChains, family: Family): Chain {
  const name = "PVEFW-HOST-IN";
  const { ndp } = hostOptions(node.hostFile);
  return hostChain(node, "in", name, family, [
    ...(ndp ? discoveryLines(name, "in") : []),
    ...inboundFilters(node),
    ...igmpLines(name),
    ...hostRules(node, groups, family, "in", name),
    ...managementInLines(name, managementSet(node)),
    ...corosyncLines(name, "in", node.corosync),
  ]);
}

function hostOut(node: Node, groups: GroupChains, family: Family): Chain {
  const name = "PVEFW-HOST-OUT";
  const { ndp } = hostOptions(node.hostFile);
  const localNetwork = parseSetNetwork(localNetworkOf(node));
  return hostChain(node, "out", name, family, [
    ...(ndp ? discoveryLines(name, "out") : []),
    ...igmpLines(name),
    ...hostRules(node, groups, family, "out", name),
    ...(localNetwork ? managementOutLines(name, localNetwork) : []),
    ...corosyncLines(name, "out", node.corosync),
  ]);
}

function hostChain(
  { cluster }: Node,
  direction: Direction,
  name: string,
  family: Family,
  lines: readonly Line[],
): Chain {
  const { policyIn, policyOut } = clusterOptions(cluster);
  const policy = policyOf(cluster, direction, direction === "in" ? policyIn : policyOut, name);
  return chainOf(family, { name, lines, policy, marks: false });
}

/** host.fw's rules before cluster.fw's; both see the cluster's names alone. */
function hostRules(
  { cluster, hostFile }: Node,
  groups: GroupChains,
  family: Family,
  direction: Direction,
  chain: string,
): readonly Line[] {
  const scope = { place: "host", dc: cluster } as const;
  return declaredLines([...hostFile.rules, ...cluster.rules], groups, { chain, direction, scope, family });
}

/** Blacklist, smurfs and illegal TCP flags, as the host and every flagged NIC have them inbound. */
export function inboundFilters({ cluster, hostFile }: Node): readonly Line[] {
  const { nosmurfs, tcpflags } = hostOptions(hostFile);
  const declared = cluster.sets.get("blacklist");
  return [
    ...(declared ? [blacklistLine(resolvedSet(declared, { place: "cluster", dc: cluster }))] : []),
    ...(nosmurfs ? [{ kind: "smurfs" } as const] : []),
    ...(tcpflags ? [{ kind: "tcpflags" } as const] : []),
  ];
}

function blacklistLine(sourceSet: ReturnType<typeof resolvedSet>): Line {
  const decider = {
    kind: "builtin",
    chain: "PVEFW-blacklist",
    text: "the source is in the set blacklist",
  } as const;
  return { kind: "match", match: { sourceSet }, action: "DROP", decider };
}

function managementSet({ cluster }: Node) {
  const declared = cluster.sets.get("management");
  return declared ? resolvedSet(declared, { place: "cluster", dc: cluster }) : addressSet("management", []);
}
