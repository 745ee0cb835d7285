import { rangeOf, parseCidr } from "../address.ts";
import { addressSet, parseSetNetwork } from "../address-set.ts";
import type { Family, IpSpan } from "../ip.ts";
import { ICMPV6, packetOf, UDP } from "../packet.ts";
import type { FirewallFile } from "../proxmox/file.ts";
import type { Nic, Node } from "../proxmox/node.ts";
import { guestOptions, hostOptions } from "../proxmox/options.ts";
import { resolvedSet } from "../rule-end.ts";
import type { Direction, Place } from "./ground.ts";
import type { Reach } from "./reach.ts";
import { overlaps, regionOf, regionOfSet } from "./region.ts";

/** What Proxmox decides before it asks a place's rules (`pve-firewall.md` section 6). */
export interface Before {
  readonly lines: readonly { readonly reach: Reach; readonly text: string }[];
  /** Why connection tracking leaves none of these packets to a rule. */
  readonly states: (reach: Reach) => string | undefined;
  /** Why the IP filters of the guest's NICs leave none. */
  readonly filters: (reach: Reach) => string | undefined;
}

type BeforeLine = Before["lines"][number];

export function linesBefore(node: Node, place: Place, direction: Direction): Before {
  const file = place.kind === "guest" ? node.guests.get(place.name) : undefined;
  const inbound = direction === "in" ? inboundFilters(node) : [];
  const allowsInvalid = place.kind === "guest" && hostOptions(node.hostFile).allowInvalid;
  return {
    lines: [...inbound, ...(file ? guestLines(file, direction) : hostLines(node, direction))],
    states: (reach) => (allowsInvalid ? undefined : stateReason(reach)),
    filters: (reach) => (file && direction === "out" ? filterReason(node, place, file, reach) : undefined),
  };
}

const INVALID =
  "a packet of that ICMP type opens no connection: tracked ones pass before, others are dropped";

/** Only what conntrack calls NEW, or does not track, comes to the rules. */
function stateReason({ family, icmpTypes }: Reach): string | undefined {
  const own = family === 4 ? "10.0.0.1" : "fe80::1";
  const isInvalid = (icmpType: number) =>
    packetOf({ from: "", to: "", proto: "icmp", source: own, dest: own, icmpType }).state === "INVALID";
  return icmpTypes?.every(isInvalid) ? INVALID : undefined;
}

/** The blacklist and the smurf filter, as the host and every guest's NIC have them. */
function inboundFilters(node: Node): readonly BeforeLine[] {
  const declared = node.cluster.sets.get("blacklist");
  const blacklist = declared && resolvedSet(declared, { place: "cluster", dc: node.cluster });
  const listed = blacklist
    ? ([4, 6] as const).map((family) => ({
        reach: { family, source: { region: regionOfSet(blacklist, family) } },
        text: "the set blacklist drops its source before",
      }))
    : [];
  const smurfs: BeforeLine = {
    reach: { family: 4, source: { region: smurfSources(node) } },
    text: "the smurf filter drops a broadcast or multicast source before",
  };
  return [...listed, ...(hostOptions(node.hostFile).nosmurfs ? [smurfs] : [])];
}

function smurfSources({ host }: Node) {
  const subnet = parseCidr(host.localNetwork);
  const broadcasts = [
    0x7fffffff,
    0xffffffff,
    ...(subnet && subnet.prefixLength < 31 ? [rangeOf(subnet).last] : []),
  ];
  const single = broadcasts.map((ip): IpSpan => ({ family: 4, first: ip, last: ip }));
  return regionOf([...single, { family: 4, first: 0xe0000000, last: 0xefffffff }], 4);
}

function guestLines(file: FirewallFile, direction: Direction): readonly BeforeLine[] {
  const { dhcp, ndp, radv } = guestOptions(file);
  const isIn = direction === "in";
  return [
    ...(dhcp ? [dhcpLine(4, isIn ? [67, 68] : [68, 67]), dhcpLine(6, isIn ? [547, 546] : [546, 547])] : []),
    ...(isIn || radv ? [] : [icmp6([134], "router advertisements are dropped before (radv is not 1)")]),
    ...(ndp ? [icmp6([133, 134, 135, 136], DISCOVERY)] : []),
  ];
}

const DISCOVERY = "IPv6 neighbour discovery is accepted before any rule (ndp is not 0)";

function hostLines({ hostFile }: Node, direction: Direction): readonly BeforeLine[] {
  const types = direction === "in" ? [133, 134, 135, 136] : [133, 135, 136];
  const igmp = ([4, 6] as const).map((family) => ({
    reach: { family, proto: 2 },
    text: "IGMP is accepted before any rule",
  }));
  return [...igmp, ...(hostOptions(hostFile).ndp ? [icmp6(types, DISCOVERY)] : [])];
}

function dhcpLine(family: Family, [from, to]: readonly [number, number]): BeforeLine {
  const port = (number: number) => [{ first: number, last: number }];
  return {
    reach: { family, proto: UDP, sports: port(from), dports: port(to) },
    text: "DHCP is accepted before any rule (dhcp is not 0)",
  };
}

function icmp6(icmpTypes: readonly number[], text: string): BeforeLine {
  return { reach: { family: 6, proto: ICMPV6, icmpTypes }, text };
}

/** Of IPv4 alone: an IPv6 filter also holds what Proxmox derives. */
function filterReason(node: Node, place: Place, file: FirewallFile, reach: Reach): string | undefined {
  const nics = place.nics.filter(
    ({ index, flagged }) => flagged && (reach.iface === undefined || reach.iface === `net${index}`),
  );
  if (reach.family !== 4 || nics.length === 0) return undefined;
  return nics.every((nic) => isFilteredOut(node, file, nic, reach))
    ? "the IP filter drops its source before"
    : undefined;
}

function isFilteredOut(node: Node, file: FirewallFile, nic: Nic, { source }: Reach): boolean {
  const allowed = filterOf(node, file, nic);
  if (!allowed) return false;
  if (allowed.length === 0) return true;
  return source !== undefined && "region" in source && !overlaps(source.region, allowed);
}

/** The IPv4 addresses from which the NIC's IP filter lets it send; undefined where it has none. */
export function filterOf(node: Node, file: FirewallFile, { index, addresses }: Nic) {
  const declared = file.sets.get(`ipfilter-net${index}`);
  if (!declared && !guestOptions(file).ipfilter) return undefined;
  const own = declared
    ? resolvedSet(declared, { place: "guest", dc: node.cluster, guest: file }).networks
    : [];
  const standing = addresses.flatMap((address) => parseSetNetwork(address) ?? []);
  return regionOfSet(addressSet("ipfilter", [...own, ...standing]), 4);
}
