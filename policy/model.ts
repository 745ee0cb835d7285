import { type Cidr, parseCidr, rangeOf } from "./address.ts";
import type { Line } from "./chain.ts";
import type { Position } from "./estate.ts";
import { GroupChains, WrittenRules } from "./generate.ts";
import { type GuestChains, guestChains } from "./guest-chains.ts";
import { type HostChains, hostChains, inboundFilters } from "./host-chains.ts";
import type { Family } from "./ip.ts";
import type { FirewallFile } from "./proxmox/file.ts";
import { localNetworkOf, type Nic, type Node } from "./proxmox/node.ts";
import { clusterOptions, hostOptions } from "./proxmox/options.ts";
import type { Broadcasts } from "./shared-chains.ts";

/** A guest's NIC with what filters it. */
export interface NicModel {
  readonly nic: Nic;
  /** Where the absence of a filter is declared. */
  readonly position: Position;
}

/** The rules of one family. */
interface FamilyModel {
  /** Absent: the host's own firewall is off. */
  readonly host?: HostChains;
  /** PVEFW-FWBR-IN's filters before a guest's own chain: towards every flagged NIC. */
  readonly common: readonly Line[];
  /** By place; of a NIC that is enabled a chain is absent where it could not be written. */
  readonly guests: ReadonlyMap<string, GuestChains>;
}

/** A node's firewall, read once: what `decide` asks for each packet. */
export interface Model {
  readonly node: Node;
  readonly enabled: boolean;
  readonly allowInvalid: boolean;
  readonly subnet: Cidr;
  readonly broadcasts: Broadcasts;
  readonly nics: ReadonlyMap<string, NicModel>;
  readonly families: Readonly<Record<Family, FamilyModel>>;
}

const MODELS = new WeakMap<Node, Model>();

/** The node's model; made at the first question and kept as long as the node. */
export function modelOf(node: Node): Model {
  const known = MODELS.get(node) ?? buildModel(node);
  MODELS.set(node, known);
  return known;
}

function buildModel(node: Node): Model {
  const { enable } = clusterOptions(node.cluster);
  const subnet = parseCidr(node.host.localNetwork);
  if (!subnet) throw new TypeError(`a node with the local network ${node.host.localNetwork}`);
  return {
    node,
    enabled: enable,
    allowInvalid: hostOptions(node.hostFile).allowInvalid,
    subnet,
    broadcasts: broadcastsOf(subnet),
    nics: new Map(node.nics.map((nic) => [nic.place, nicModel(node, nic, enable)])),
    families: familiesOf(node),
  };
}

/** Each made when first asked for: most nodes are asked for one. */
function familiesOf(node: Node): Model["families"] {
  const made: Partial<Record<Family, FamilyModel>> = {};
  const written = new WrittenRules();
  return {
    get 4() {
      return (made[4] ??= familyModel(node, 4, written));
    },
    get 6() {
      return (made[6] ??= familyModel(node, 6, written));
    },
  };
}

function nicModel({ cluster, guests }: Node, nic: Nic, clusterOn: boolean): NicModel {
  const file = clusterOn ? guests.get(nic.guestId) : cluster;
  return { nic, position: file ? enableOf(file) : nic.position };
}

/** Where a file turns its firewall on or off. */
export function enableOf(file: FirewallFile): Position {
  return file.options.get("enable")?.position ?? file.position;
}

/** Chains are written in Proxmox's order, since a group that fails leaves a trace for those after (trap 1). */
function familyModel(given: Node, family: Family, written: WrittenRules): FamilyModel {
  const node = withManagement(given);
  const groups = new GroupChains(node.cluster, family, written);
  const host = hostOptions(node.hostFile).enable ? hostChains(node, groups, family) : undefined;
  return {
    ...(host ? { host } : {}),
    common: inboundFilters(node),
    guests: guestChains(node, groups, family),
  };
}

/** The set `management` always holds the local network too; added after reading, so that no rule can name it by that. */
export function withManagement(node: Node): Node {
  const { cluster } = node;
  const declared = cluster.sets.get("management");
  const { position } = declared ?? cluster;
  const local = { address: localNetworkOf(node), nomatch: false, position };
  const management = { name: "management", entries: [...(declared?.entries ?? []), local], position };
  return { ...node, cluster: { ...cluster, sets: new Map([...cluster.sets, ["management", management]]) } };
}

/** What the host's routing table calls broadcast: the subnet's last address, loopback's, all ones, and 0.0.0.0. */
function broadcastsOf(subnet: Cidr): Broadcasts {
  return new Set([0, 0x7fffffff, 0xffffffff, ...(subnet.prefixLength < 31 ? [rangeOf(subnet).last] : [])]);
}
