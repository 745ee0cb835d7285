import { type Estate, type Firewall, type Guest, type Position, tapOf } from "../estate.ts";
import { readRule } from "../rule.ts";
import { ruleLine } from "../rule-line.ts";
import { emptyFile, type FirewallFile, type IgnoredLine, NO_DEFINITIONS, type Option } from "./file.ts";
import { ignoredLine } from "./line.ts";

/** A guest's network interface, from its hardware configuration. */
export interface Nic {
  /** The vantage point: `101` for net0, `101i1` for net1. */
  readonly place: string;
  readonly guestId: string;
  /** N of `netN`. */
  readonly index: number;
  readonly kind: "lxc" | "vm";
  /** The host's device: `veth101i0`, `tap1001i0`. */
  readonly tap: string;
  /** Lower case, colons. */
  readonly mac: string;
  readonly bridge: string;
  /** `firewall=1`: it hangs on a firewall bridge of its own. */
  readonly flagged: boolean;
  /** A container's static addresses (`ip=`, `ip6=`), without prefix. */
  readonly addresses: readonly string[];
  readonly position: Position;
}

export interface NodeHost {
  /** The node's own address on `bridge`. */
  readonly address: string;
  readonly bridge: string;
  /** The network of that address in CIDR form: Proxmox's local_network where no alias of that name says otherwise. */
  readonly localNetwork: string;
  /** The router behind the uplink; without one nobody is at `wan`. */
  readonly gateway?: string;
}

/** What pve-firewall takes from a cluster's corosync.conf. */
export interface Corosync {
  /** The transport is `udp`: the links talk by multicast too. */
  readonly multicast: boolean;
  /** For every other node, each link that both have: this node's address on it, and the other's. */
  readonly links: readonly { readonly own: string; readonly peer: string }[];
}

/** One Proxmox node as pve-firewall sees it: its guests' interfaces and its .fw files. */
export interface Node {
  readonly host: NodeHost;
  readonly nics: readonly Nic[];
  readonly cluster: FirewallFile;
  readonly hostFile: FirewallFile;
  /** By guest's id; a guest without an entry has no .fw file. */
  readonly guests: ReadonlyMap<string, FirewallFile>;
  /** Absent: the node is in no cluster. */
  readonly corosync?: Corosync;
}

/**
 * Which NICs carry Proxmox's hardware flag `firewall=1`: those whose guest's firewall is on (what converge builds), or
 * all (the vectors' world: a flagged NIC of a disabled guest still passes the common inbound filters).
 */
export type NicFlags = "declared" | "all";

const NODES = { declared: new WeakMap<Estate, Node>(), all: new WeakMap<Estate, Node>() };

/** The node that a Phoenix declaration asks for. Its rules that Proxmox refuses are in each file's `ignored`. */
export function nodeOf(estate: Estate, nicFlags: NicFlags = "declared"): Node {
  const known = NODES[nicFlags].get(estate);
  if (known) return known;
  const { address, bridge, subnet, gateway, firewall } = estate.host;
  const made: Node = {
    host: { address, bridge, localNetwork: subnet, gateway },
    nics: estate.guests.map((guest) => nicOf(guest, nicFlags)),
    cluster: fileOf("cluster", firewall),
    hostFile: emptyFile("host", firewall.position),
    guests: new Map(
      estate.guests.flatMap(({ id, firewall: own }) => (own ? [[id, fileOf("guest", own)]] : [])),
    ),
  };
  NODES[nicFlags].set(estate, made);
  return made;
}

/** `local_network` as Proxmox has it: the user's alias, else the network of the node's own address. */
export function localNetworkOf({ cluster, host }: Node): string {
  return cluster.aliases.get("local_network")?.cidr ?? host.localNetwork;
}

function nicOf(guest: Guest, nicFlags: NicFlags): Nic {
  const { id, kind, mac, bridge, address, position } = guest;
  return {
    place: id,
    guestId: id,
    index: 0,
    kind,
    tap: tapOf(guest),
    mac,
    bridge,
    flagged: nicFlags === "all" || guest.firewall?.enabled === true,
    addresses: kind === "lxc" ? [address] : [],
    position,
  };
}

/** The .fw file that a firewall section becomes. */
function fileOf(kind: "cluster" | "guest", firewall: Firewall): FirewallFile {
  const { position } = firewall;
  const option = (value: string, key: keyof NonNullable<Firewall["keys"]>): Option => ({
    value,
    position: firewall.keys?.[key] ?? position,
  });
  const ignored: IgnoredLine[] = [];
  const rules = firewall.rules.filter((rule) => {
    const { errors } = readRule(rule, { place: kind, dc: NO_DEFINITIONS });
    if (errors.length > 0) ignored.push(ignoredLine(ruleLine(rule), errors.join("; "), rule.position));
    return errors.length === 0;
  });
  return {
    ...emptyFile(kind, position),
    options: new Map([
      ["enable", option(firewall.enabled ? "1" : "0", "enabled")],
      ["policy_in", option(firewall.policyIn, "policyIn")],
      ["policy_out", option(firewall.policyOut, "policyOut")],
    ]),
    rules,
    ignored,
  };
}
