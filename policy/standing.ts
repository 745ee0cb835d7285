import type { Cidr } from "./address.ts";
import { rangeOf } from "./address.ts";
import type { Match } from "./match.ts";
import { ICMPV6, TCP, UDP } from "./packet.ts";

/** A flow that Proxmox accepts by itself and no key of the JSON files can stop (`pve-firewall.md` section 6). */
export interface StandingAccept {
  readonly at: "host" | "guest";
  readonly direction: "in" | "out";
  /** Before the declared rules, or after them (so that a declared DROP comes first), or before the MAC filter. */
  readonly tried: "first" | "before-rules" | "after-rules";
  readonly match: Match;
  /** The other end's addresses: a source inbound, a destination outbound. */
  readonly peer: "anyone" | "local-network";
  readonly text: string;
}

const IGMP = 2;
const MANAGEMENT: readonly (readonly [string, number, number])[] = [
  ["tcp 8006, the Proxmox API", 8006, 8006],
  ["tcp 5900:5999, VNC consoles", 5900, 5999],
  ["tcp 3128, the SPICE proxy", 3128, 3128],
  ["tcp 22, SSH", 22, 22],
];
const MIGRATION = ["tcp 60000:60050, migration", 60000, 60050] as const;

/** The closed list. Loopback of the host stands outside it: it is a device, not a flow of the network. */
const STANDING_ACCEPTS: readonly StandingAccept[] = [
  discovery("host", "in", [133, 134, 135, 136]),
  discovery("host", "out", [133, 135, 136]),
  discovery("guest", "in", [133, 134, 135, 136]),
  discovery("guest", "out", [133, 135, 136]),
  igmp("in"),
  igmp("out"),
  ...[...MANAGEMENT, MIGRATION].map((line) => management("in", line)),
  ...MANAGEMENT.map((line) => management("out", line)),
  dhcp(4, "in", 67, 68),
  dhcp(4, "out", 68, 67),
  dhcp(6, "in", 547, 546),
  dhcp(6, "out", 546, 547),
];

/** The list as matches for one chain, in the order in which the chain tries them. */
export function standingAccepts(
  at: StandingAccept["at"],
  direction: StandingAccept["direction"],
  localNetwork: Cidr,
): readonly StandingAccept[] {
  return STANDING_ACCEPTS.filter((accept) => accept.at === at && accept.direction === direction).map(
    (accept) => ({ ...accept, match: withPeer(accept, localNetwork) }),
  );
}

function withPeer({ match, peer, direction }: StandingAccept, localNetwork: Cidr): Match {
  if (peer === "anyone") return match;
  const spans = [{ family: 4 as const, ...rangeOf(localNetwork) }];
  return { ...match, family: 4, ...(direction === "in" ? { sources: spans } : { dests: spans }) };
}

function discovery(
  at: StandingAccept["at"],
  direction: StandingAccept["direction"],
  icmpTypes: readonly number[],
): StandingAccept {
  const match = { family: 6, proto: ICMPV6, icmpTypes } as const;
  return { at, direction, tried: "before-rules", match, peer: "anyone", text: "IPv6 neighbour discovery" };
}

function igmp(direction: StandingAccept["direction"]): StandingAccept {
  return {
    at: "host",
    direction,
    tried: "before-rules",
    match: { proto: IGMP },
    peer: "anyone",
    text: "IGMP",
  };
}

function management(
  direction: StandingAccept["direction"],
  [words, first, last]: readonly [string, number, number],
): StandingAccept {
  const match = { proto: TCP, dports: [{ first, last }] };
  const text = `${words}, ${direction === "in" ? "from" : "to"} the local network`;
  return { at: "host", direction, tried: "after-rules", match, peer: "local-network", text };
}

function dhcp(
  family: 4 | 6,
  direction: StandingAccept["direction"],
  from: number,
  to: number,
): StandingAccept {
  const match = {
    family,
    proto: UDP,
    sports: [{ first: from, last: from }],
    dports: [{ first: to, last: to }],
  };
  const text = `DHCP, udp ${from} to ${to}`;
  return { at: "guest", direction, tried: "first", match, peer: "anyone", text };
}
