import { addressSet, type AddressSet, parseSetNetwork, type SetNetwork } from "../address-set.ts";
import { cidrsOfSet } from "../cidr-list.ts";
import type { Position, Rule } from "../estate.ts";
import { resolvedSet } from "../rule-end.ts";
import { ruleLine } from "../rule-line.ts";
import type { FirewallFile } from "./file.ts";
import { localNetworkOf, type Node } from "./node.ts";
import type { Omission } from "./omission.ts";
import { clusterOptions, guestOptions, hostOptions } from "./options.ts";
import { type PhoenixRule, type PhoenixRules, phoenixRules } from "./phoenix-rules.ts";
import { excessOf, lists, type RuleBudget, tooMany } from "./written-out.ts";

/** The host's rules as Phoenix JSON has them; `isOff`: the host's own firewall is off while the cluster's is on. */
export interface HostRules extends PhoenixRules {
  readonly isOff: boolean;
}

/**
 * host.fw's rules, then cluster.fw's, then what Proxmox accepts by itself and a node of Phoenix in `localNetwork` would not.
 * The node's set `management` holds its local network.
 */
export function hostRules(node: Node, localNetwork: string, budget: RuleBudget): HostRules {
  const { cluster, hostFile } = node;
  const isOn = clusterOptions(cluster).enable;
  const isOff = !hostOptions(hostFile).enable;
  const isActive = isOn && !isOff;
  const declared = phoenixRules([...hostFile.rules, ...cluster.rules], {
    name: "the host",
    scope: { place: "host", dc: cluster },
    groups: cluster.groups,
    isActive,
    budget,
  });
  const omissions = [...declared.omissions, ...blacklist(cluster, isOn), ...markedGuests(node, isActive)];
  if (isOff) {
    const rules = declared.rules.map((rule) => disabled(rule));
    return { isOff, rules, omissions: [...omissions, switchedOff(hostFile, isOn)] };
  }
  const standing = [
    ...management(node, localNetwork, isActive),
    ...outbound(node, localNetwork, isActive),
    corosync(node),
  ];
  return {
    isOff,
    rules: [declared, ...standing].flatMap(({ rules }) => rules),
    omissions: [...omissions, ...standing.flatMap((part) => part.omissions)],
  };
}

function disabled({ type, action, ...rest }: PhoenixRule): PhoenixRule {
  return { type, action, ...rest, enable: false };
}

function switchedOff(hostFile: FirewallFile, decides: boolean): Omission {
  const reason =
    "Phoenix JSON can't switch off the host's firewall alone: the JSON accepts by policy, its rules are disabled, " +
    "and INVALID packets and smurfs are still dropped";
  return { text: "enable: 0", reason, position: positionOfOption(hostFile, "enable"), decides };
}

function positionOfOption(file: FirewallFile, key: string): Position {
  return file.options.get(key)?.position ?? file.position;
}

function blacklist({ sets }: FirewallFile, isOn: boolean): readonly Omission[] {
  const declared = sets.get("blacklist");
  if (!declared) return [];
  const reason =
    "Phoenix JSON has no blacklist: packets of these sources are dropped before all rules, towards guests too";
  const decides = isOn && declared.entries.length > 0;
  return [{ text: "[IPSET blacklist]", reason, position: declared.position, decides }];
}

/**
 * Packets of guests carry the mark of their own OUT chain, and `GROUP name -i BRIDGE` of the host accepts all that it does
 * not enter and that carries it (trap 2). The first use that takes a bridge's packets in clears their mark.
 */
function markedGuests({ cluster, hostFile, guests, nics }: Node, isActive: boolean): readonly Omission[] {
  const [use] = [...hostFile.rules, ...cluster.rules].filter(
    ({ type, enabled }) => type === "group" && enabled,
  );
  if (use?.type !== "group" || use.iface === undefined) return [];
  const enabled = [...guests].filter(([, file]) => guestOptions(file).enable).map(([id]) => id);
  const marked = enabled.filter((id) =>
    nics.some(({ guestId, flagged, bridge }) => guestId === id && flagged && bridge !== use.iface),
  );
  if (marked.length === 0) return [];
  const reason = `on the node this line accepts whatever comes from guest ${marked.join(", ")} by another bridge`;
  return [{ text: ruleLine(use), reason, position: use.position, decides: isActive }];
}

/** tcp: the API, consoles, SPICE, SSH, migration. */
const MANAGEMENT_PORTS = "8006,5900:5999,3128,22,60000:60050";
/** Outbound the same without migration. */
const OUTBOUND_PORTS = "8006,22,5900:5999,3128";

/** Whom the set `management` lets in, beside the local network. */
function management(node: Node, localNetwork: string, isActive: boolean): readonly PhoenixRules[] {
  const { cluster } = node;
  const declared = cluster.sets.get("management");
  if (!declared || clusterOptions(cluster).policyIn === "ACCEPT") return [];
  const set = resolvedSet(declared, { place: "cluster", dc: cluster });
  const isDeclared = declared.position !== cluster.position;
  const position = isDeclared ? declared.position : positionOfLocalNetwork(cluster);
  return [
    beyond(set, localNetwork, position, isActive, (source) => ({
      type: "in",
      action: "ACCEPT",
      proto: "tcp",
      source,
      port: MANAGEMENT_PORTS,
      comment: "Proxmox's management set",
    })),
  ];
}

/** Where the host may go in `local_network`. */
function outbound(node: Node, localNetwork: string, isActive: boolean): readonly PhoenixRules[] {
  const { cluster } = node;
  const network = parseSetNetwork(localNetworkOf(node));
  if (!network || clusterOptions(cluster).policyOut === "ACCEPT") return [];
  const position = positionOfLocalNetwork(cluster);
  return [
    beyond(addressSet("local_network", [network]), localNetwork, position, isActive, (dest) => ({
      type: "out",
      action: "ACCEPT",
      proto: "tcp",
      dest,
      port: OUTBOUND_PORTS,
      comment: "Proxmox's local_network",
    })),
  ];
}

function positionOfLocalNetwork(cluster: FirewallFile): Position {
  return (cluster.aliases.get("local_network") ?? cluster).position;
}

/** Rules for what a set holds beyond the network that Phoenix's node accepts anyway; that one can't be taken back. */
function beyond(
  set: AddressSet,
  localNetwork: string,
  position: Position,
  isActive: boolean,
  rule: (list: string) => PhoenixRule,
): PhoenixRules {
  const given = parseSetNetwork(localNetwork, true);
  if (!given) throw new TypeError(`a local network ${localNetwork}`);
  const lost = (reason: string): readonly Omission[] => [
    { text: set.name, reason, position, decides: isActive },
  ];
  const excess = excessOf(set);
  if (excess !== undefined) return { rules: [], omissions: lost(tooMany(`[IPSET ${set.name}]`, excess)) };
  const held = ([4, 6] as const).flatMap((family) =>
    cidrsOfSet(set, family).flatMap((text) => parseSetNetwork(text) ?? []),
  );
  const rest = addressSet(set.name, [...held.filter((network) => !isWithin(network, given)), given]);
  const rules = ([4, 6] as const).flatMap((family) => lists(cidrsOfSet(rest, family)).map(rule));
  if (held.some((network) => isWithin(given, network))) return { rules, omissions: [] };
  const reason = `it leaves out some of ${localNetwork}, for which Phoenix's node accepts Proxmox's own ports anyway`;
  return { rules, omissions: lost(reason) };
}

function isWithin(inner: SetNetwork, outer: SetNetwork): boolean {
  return inner.family === outer.family && inner.first >= outer.first && inner.last <= outer.last;
}

/** Nothing in Phoenix's files tells of a cluster's other nodes. */
function corosync({ corosync: known }: Node): PhoenixRules {
  const ports = { action: "ACCEPT", proto: "udp", port: "5404:5405", comment: "corosync" } as const;
  const both: readonly Rule["type"][] = ["in", "out"];
  const groups = known?.multicast === true ? ["224.0.0.0/4", "ff00::/8"] : [];
  const rules = both.flatMap((type): readonly PhoenixRule[] => {
    const ends = (known?.links ?? []).map(({ own, peer }) =>
      type === "in" ? { source: peer, dest: own } : { source: own, dest: peer },
    );
    const all = [...groups.map((dest) => ({ dest })), ...ends];
    return all.map(({ dest, ...source }) => {
      const { action, proto, port, comment } = ports;
      return { type, action, proto, ...source, dest, port, comment };
    });
  });
  return { rules, omissions: [] };
}
