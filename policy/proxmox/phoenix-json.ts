import type { Policy } from "../estate.ts";
import { withManagement } from "../model.ts";
import type { FirewallFile } from "./file.ts";
import { hostRules } from "./host-rules.ts";
import type { Nic, Node } from "./node.ts";
import { type Omission, unheldNames, unheldOptions } from "./omission.ts";
import { clusterOptions, guestOptions } from "./options.ts";
import { type PhoenixRule, phoenixRules, takeRules } from "./phoenix-rules.ts";
import { RuleBudget } from "./written-out.ts";

interface Policies {
  readonly enabled: boolean;
  readonly default_input_policy: Policy;
  readonly default_output_policy: Policy;
}

/** `firewall` of Phoenix's host file. */
interface HostSection extends Policies {
  readonly global_firewall_rules: readonly PhoenixRule[];
}

/** `firewall` of a guest in Phoenix's files. */
export interface GuestSection extends Policies {
  readonly rules: readonly PhoenixRule[];
}

/** A node's firewall in Phoenix's words. */
export interface PhoenixFirewalls {
  readonly host: HostSection;
  /** By id, numerically; of guests with a .fw file. */
  readonly guests: ReadonlyMap<string, GuestSection>;
  readonly omissions: readonly Omission[];
}

/**
 * The firewall sections that make Phoenix decide as this node does, and what they can't say. Rules of host.fw come before
 * those of cluster.fw, as Proxmox tries them. `localNetwork` is the subnet of the estate that takes the sections. The lines
 * that Proxmox ignores are in each file's `ignored`, and not told again. Throws `estate-unreadable` for more than MOST_RULES.
 */
export function phoenixFirewalls(node: Node, localNetwork = node.host.localNetwork): PhoenixFirewalls {
  const whole = withManagement(node);
  const budget = new RuleBudget();
  const { groups } = node.cluster;
  for (const { rules } of [node.hostFile, node.cluster, ...node.guests.values()])
    takeRules(rules, groups, budget);
  const host = hostSection(whole, localNetwork, budget);
  const ids = [...node.guests.keys()].sort((a, b) => Number(a) - Number(b));
  const guests = ids.map((id) => ({ id, ...guestSection(whole, id, budget) }));
  return {
    host: host.section,
    guests: new Map(guests.map(({ id, section }) => [id, section])),
    omissions: [
      ...fileOmissions(node.cluster, clusterOptions(node.cluster).enable),
      ...fileOmissions(node.hostFile, clusterOptions(node.cluster).enable),
      ...host.omissions,
      ...guests.flatMap(({ omissions }) => omissions),
    ],
  };
}

/** What one file says outside its rules. */
function fileOmissions(file: FirewallFile, isActive: boolean): readonly Omission[] {
  return [...unheldOptions(file, isActive), ...unheldNames(file)];
}

function hostSection(node: Node, localNetwork: string, budget: RuleBudget) {
  const { enable, policyIn, policyOut } = clusterOptions(node.cluster);
  const { rules, omissions, isOff } = hostRules(node, localNetwork, budget);
  const section: HostSection = {
    enabled: enable,
    default_input_policy: isOff ? "ACCEPT" : policyIn,
    default_output_policy: isOff ? "ACCEPT" : policyOut,
    global_firewall_rules: rules,
  };
  return { section, omissions };
}

function guestSection(node: Node, id: string, budget: RuleBudget) {
  const file = node.guests.get(id);
  if (!file) throw new TypeError(`a node without ${id}.fw`);
  const { enable, policyIn, policyOut } = guestOptions(file);
  const nics = node.nics.filter(({ guestId }) => guestId === id);
  const enabled = enable && nics.some(({ flagged }) => flagged);
  const isActive = enabled && clusterOptions(node.cluster).enable;
  const { rules, omissions } = phoenixRules(file.rules, {
    name: `guest ${id}`,
    scope: { place: "guest", dc: node.cluster, guest: file },
    groups: node.cluster.groups,
    isActive,
    nics: new Set(nics.map(({ index }) => `net${index}`)),
    budget,
  });
  const section: GuestSection = {
    enabled,
    default_input_policy: policyIn,
    default_output_policy: policyOut,
    rules,
  };
  const about = [
    ...fileOmissions(file, isActive),
    ...filterSets(file, nics, isActive),
    ...nicOmissions(file, nics, enable, clusterOptions(node.cluster).enable),
  ];
  return { section, omissions: [...about, ...omissions] };
}

/** `[IPSET ipfilter-netN]` filters by its mere presence (trap 6). */
function filterSets(file: FirewallFile, nics: readonly Nic[], isActive: boolean): readonly Omission[] {
  const filters = [...file.sets.values()].filter(({ name }) => /^ipfilter-net\d+$/.test(name));
  return filters.map(({ name, position }) => {
    const reason = "Phoenix JSON has no IP filter: the guest may send from the addresses of this set alone";
    const hasNic = nics.some(({ index }) => name === `ipfilter-net${index}`);
    return { text: `[IPSET ${name}]`, reason, position, decides: isActive && hasNic };
  });
}

/** What the guest's hardware has that Phoenix JSON does not: a guest has one NIC there, flagged where its firewall is on. */
function nicOmissions(
  { position }: FirewallFile,
  nics: readonly Nic[],
  isEnabled: boolean,
  clusterOn: boolean,
): readonly Omission[] {
  if (nics.length === 0) {
    const reason =
      "the guest has no NIC on a bridge, so that nothing filters it and the JSON has enabled: false";
    return isEnabled ? [{ text: "enable: 1", reason, position, decides: false }] : [];
  }
  return nics.flatMap((nic): readonly Omission[] => {
    const told = (reason: string, decides: boolean): Omission[] => [
      { text: `net${nic.index}`, reason, position: nic.position, decides },
    ];
    if (nic.index > 0) return told("a guest of Phoenix JSON has one NIC, net0", clusterOn);
    if (isEnabled && !nic.flagged)
      return told("without firewall=1 nothing filters it, so the JSON has enabled: false", false);
    if (!isEnabled && nic.flagged)
      return told("firewall=1 though the guest's firewall is off: Phoenix clears the flag", false);
    return [];
  });
}
