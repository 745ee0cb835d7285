import { type AddressSet, parseSetNetwork, type SetNetwork } from "./address-set.ts";
import type { MatchLine } from "./chain.ts";
import type { Match } from "./match.ts";
import { ICMPV6, TCP, UDP } from "./packet.ts";
import type { Corosync } from "./proxmox/node.ts";

/* What Proxmox accepts by itself (`pve-firewall.md` section 6): the closed list. Loopback of the host stands outside it: it
   is a device, not a flow of the network. */

export type Direction = "in" | "out";

const IGMP = 2;
const MANAGEMENT: readonly (readonly [string, number, number])[] = [
  ["tcp 8006, the Proxmox API", 8006, 8006],
  ["tcp 5900:5999, VNC consoles", 5900, 5999],
  ["tcp 3128, the SPICE proxy", 3128, 3128],
  ["tcp 22, SSH", 22, 22],
];
const MIGRATION = ["tcp 60000:60050, migration", 60000, 60050] as const;

/** All chains share them: each is told by its identity. */
const DHCP: Readonly<Record<Direction, readonly (readonly [Match, string])[]>> = {
  in: [dhcp(4, 67, 68), dhcp(6, 547, 546)],
  out: [dhcp(4, 68, 67), dhcp(6, 546, 547)],
};

/** DHCP as a client, which not even the MAC filter stops. */
export function dhcpLines(chain: string, direction: Direction): readonly MatchLine[] {
  return DHCP[direction].map(([match, text]) => standing(chain, match, text));
}

function dhcp(family: 4 | 6, from: number, to: number): readonly [Match, string] {
  const [sports, dports] = [from, to].map((port) => [{ first: port, last: port }]);
  return [
    { family, proto: UDP, ...(sports && { sports }), ...(dports && { dports }) },
    `DHCP, udp ${from} to ${to}`,
  ];
}

const DISCOVERY: Readonly<Record<"withRouters" | "withoutRouters", Match>> = {
  withRouters: { family: 6, proto: ICMPV6, icmpTypes: [133, 134, 135, 136] },
  withoutRouters: { family: 6, proto: ICMPV6, icmpTypes: [133, 135, 136] },
};

/** Router advertisements (134) come in; they go out only from whom `radv` allows it. */
export function discoveryLines(chain: string, direction: Direction, radv = false): readonly MatchLine[] {
  const match = direction === "in" || radv ? DISCOVERY.withRouters : DISCOVERY.withoutRouters;
  return [standing(chain, match, "IPv6 neighbour discovery")];
}

export function igmpLines(chain: string): readonly MatchLine[] {
  return [standing(chain, { proto: IGMP }, "IGMP")];
}

/** Inbound from the `management` set; after the declared rules, so that a declared DROP comes first. */
export function managementInLines(chain: string, management: AddressSet): readonly MatchLine[] {
  return [...MANAGEMENT, MIGRATION].map(([words, first, last]) => {
    const match = { sourceSet: management, proto: TCP, dports: [{ first, last }] };
    return standing(chain, match, `${words}, from the management set`);
  });
}

/** Outbound to the local network, not to the set, and without migration. */
export function managementOutLines(chain: string, localNetwork: SetNetwork): readonly MatchLine[] {
  const { family } = localNetwork;
  return MANAGEMENT.map(([words, first, last]) => {
    const match = { family, dests: [localNetwork], proto: TCP, dports: [{ first, last }] };
    return standing(chain, match, `${words}, to the local network`);
  });
}

/** Between the addresses of one link only, and to the links' multicast groups where the transport has them (trap 35). */
export function corosyncLines(
  chain: string,
  direction: Direction,
  corosync: Corosync | undefined,
): readonly MatchLine[] {
  const known = corosync ?? { multicast: false, links: [] };
  const ports = { proto: UDP, dports: [{ first: 5404, last: 5405 }] };
  const accept = (match: Match) => standing(chain, { ...ports, ...match }, "udp 5404:5405, corosync");
  const groups = ["224.0.0.0/4", "ff00::/8"].flatMap((text) => parseSetNetwork(text) ?? []);
  return [
    ...(known.multicast ? groups.map((group) => accept({ family: group.family, dests: [group] })) : []),
    ...known.links.flatMap(({ own, peer }) => {
      const [source, dest] = (direction === "in" ? [peer, own] : [own, peer]).map((text) =>
        parseSetNetwork(text),
      );
      const isLink = source !== undefined && dest !== undefined && source.family === dest.family;
      return isLink ? [accept({ family: source.family, sources: [source], dests: [dest] })] : [];
    }),
  ];
}

function standing(chain: string, match: Match, text: string): MatchLine {
  return { kind: "match", match, action: "ACCEPT", decider: { kind: "standing", chain, text } };
}
