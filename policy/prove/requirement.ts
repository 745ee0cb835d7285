import { type Estate, guestOf } from "../estate.ts";
import type { Decider, Place } from "../flow.ts";
import { parseIp } from "../ip.ts";
import { FLAG, TCP, UDP } from "../packet.ts";
import { places } from "../place.ts";
import { PacketSet } from "../space/packet-set.ts";
import type { PacketSpace } from "../space/packet-space.ts";
import { single } from "../space/spans.ts";
import type { Reach, Sources } from "./reach.ts";

/** One ordered pair that a requirement speaks of. */
export interface Pair {
  readonly from: Place;
  readonly to: Place;
}

/** A control that says who may reach what, whatever the packet. */
export interface Requirement {
  readonly control: string;
  readonly statement: string;
  readonly pairs: (estate: Estate) => readonly Pair[];
  readonly sources?: Sources;
  /** Of what one line lets through on one pair, the packets that may. */
  readonly permits: (estate: Estate, reach: Reach) => PacketSet;
}

const WEB_PORTS = [80, 443];
const HTTPS_PORT = 443;

/** The controls that judge packets, as `audit/controls/` judges those that were sent. */
export const REQUIREMENTS: readonly Requirement[] = [
  {
    control: "FW-001",
    statement: "Nothing reaches the host but by a declared ACCEPT or one of Proxmox's standing accepts.",
    pairs: (estate) => pairsTo(estate, "host"),
    permits: declared,
  },
  {
    control: "FW-002",
    statement: "Nothing reaches a guest but by a declared ACCEPT or one of Proxmox's standing accepts.",
    pairs: (estate) => estate.guests.flatMap(({ id }) => pairsTo(estate, id)),
    permits: declared,
  },
  {
    control: "FW-005",
    statement:
      "IPv6, and UDP and ICMP of either family, reach nothing but by a declared ACCEPT or a standing accept.",
    pairs: everyPair,
    permits: (estate, reach) => declared(estate, reach).union(tcpOf4(reach)),
  },
  {
    control: "EDGE-001",
    statement: "Of TCP and UDP only TCP 80 and 443 reach the gateway from outside, by a declared ACCEPT.",
    pairs: (estate) => [{ from: "wan", to: guestOf(estate, "gateway").id }],
    permits: (_, reach) =>
      isRule(reach.decider)
        ? where(reach, [TCP], WEB_PORTS).union(withoutPorts(reach))
        : withoutPorts(reach).union(standing(reach)),
  },
  {
    control: "EDGE-002",
    statement: "From outside nothing reaches the host or any other guest, whatever source a packet bears.",
    pairs: (estate) => pairsFrom(estate, "wan").filter(({ to }) => to !== guestOf(estate, "gateway").id),
    sources: "any",
    permits: (_, reach) => standing(reach),
  },
  {
    control: "RTE-001",
    statement: "Of all places only the gateway and Step-CA reach Traefik, on TCP 443 alone.",
    pairs: (estate) => pairsTo(estate, guestOf(estate, "mesh").id),
    permits: (estate, reach) =>
      [guestOf(estate, "gateway").id, guestOf(estate, "ca").id].includes(reach.from) && isRule(reach.decider)
        ? where(reach, [TCP], [HTTPS_PORT])
        : standing(reach),
  },
  {
    control: "SEG-001",
    statement: "Between any two places nothing gets through but by a declared ACCEPT or a standing accept.",
    pairs: everyPair,
    permits: declared,
  },
  {
    control: "SEG-003",
    statement:
      "Neither the gateway nor the internet reaches a backend past Traefik; others by declared ACCEPTs alone.",
    pairs: (estate) =>
      estate.guests
        .filter(({ id }) => estate.routes.some(({ guestId }) => guestId === id))
        .flatMap(({ id }) => pairsTo(estate, id)),
    permits: (estate, reach) =>
      reach.from === "wan" || reach.from === guestOf(estate, "gateway").id
        ? standing(reach)
        : declared(estate, reach),
  },
  {
    control: "PKI-004",
    statement:
      "Step-CA is reached by declared hosts and guests alone, never by the internet or a plain device of the LAN.",
    pairs: (estate) => pairsTo(estate, guestOf(estate, "ca").id),
    permits: (estate, reach) =>
      reach.from === "wan" || reach.from === "lan" ? standing(reach) : declared(estate, reach),
  },
];

/** The two ports at the gateway's address that are to answer. */
export function webOf(space: PacketSpace, address: string): PacketSet {
  const ip = parseIp(address);
  const dests = ip ? [{ family: ip.family, first: ip.value, last: ip.value }] : [];
  const flags = [single(FLAG.SYN)];
  return PacketSet.where(space, {
    protos: [single(TCP)],
    ports: WEB_PORTS.map(single),
    flags,
    dests,
    foreignMac: false,
  });
}

function everyPair(estate: Estate): readonly Pair[] {
  return places(estate).flatMap(({ id, destination }) => (destination ? pairsTo(estate, id) : []));
}

function pairsTo(estate: Estate, to: Place): readonly Pair[] {
  return places(estate).flatMap(({ id: from }) => (from === to ? [] : [{ from, to }]));
}

function pairsFrom(estate: Estate, from: Place): readonly Pair[] {
  return places(estate).flatMap(({ id: to, destination }) =>
    destination && to !== from ? [{ from, to }] : [],
  );
}

function isRule({ kind }: Decider): boolean {
  return kind === "rule";
}

function declared(_: Estate, reach: Reach): PacketSet {
  return isRule(reach.decider) ? PacketSet.all(reach.set.space) : standing(reach);
}

/** Proxmox's standing accepts, which no file can stop: they fail where the internet gets TCP or UDP of the host by one. */
function standing({ set, from, to, decider }: Reach): PacketSet {
  if (decider.kind !== "standing") return PacketSet.none(set.space);
  const all = PacketSet.all(set.space);
  return from === "wan" && to === "host" ? all.subtract(portsOf(set)) : all;
}

function tcpOf4({ set }: Reach): PacketSet {
  const { space } = set;
  return space.family === 4 ? PacketSet.where(space, { protos: [single(TCP)] }) : PacketSet.none(space);
}

function withoutPorts({ set }: Reach): PacketSet {
  return PacketSet.all(set.space).subtract(portsOf(set));
}

function portsOf({ space }: PacketSet): PacketSet {
  return PacketSet.where(space, { protos: [single(TCP), single(UDP)] });
}

function where({ set }: Reach, protos: readonly number[], ports: readonly number[]): PacketSet {
  return PacketSet.where(set.space, { protos: protos.map(single), ports: ports.map(single) });
}
