import { type Estate, guestOf } from "../estate.ts";
import type { Decider, Flow, Place } from "../flow.ts";
import { parseIp } from "../ip.ts";
import { FLAG, TCP, UDP } from "../packet.ts";
import { places } from "../place.ts";
import { nodeOf } from "../proxmox/node.ts";
import { spaceOf } from "../space/node-space.ts";
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
  /** In the order of places. */
  readonly destinations: (estate: Estate) => readonly Place[];
  /** Whose packets: default `all`, every place but the destination. */
  readonly senders?: "all" | "wan";
  readonly sources?: Sources;
  /** Whether whatever a declared ACCEPT lets in is permitted to this sender. Default: to each. */
  readonly trusts?: (estate: Estate, from: Place) => boolean;
  /** Guests that are judged by who they are; all other guests are judged alike. */
  readonly apart?: (estate: Estate) => readonly Place[];
  /** Beside standing accepts, and the ACCEPTs of those that are trusted: of what one line lets through the packets that may. */
  readonly besides?: (estate: Estate, reach: Reach) => PacketSet;
}

const WEB_PORTS = [80, 443];
const HTTPS_PORT = 443;

/** The controls that judge packets, as `audit/controls/` judges those that were sent. */
export const REQUIREMENTS: readonly Requirement[] = [
  {
    control: "FW-001",
    statement: "Nothing reaches the host but by a declared ACCEPT or one of Proxmox's standing accepts.",
    destinations: () => ["host"],
  },
  {
    control: "FW-002",
    statement: "Nothing reaches a guest but by a declared ACCEPT or one of Proxmox's standing accepts.",
    destinations: ({ guests }) => guests.map(({ id }) => id),
  },
  {
    control: "FW-005",
    statement:
      "IPv6, and UDP and ICMP of either family, reach nothing but by a declared ACCEPT or a standing accept.",
    destinations: everyDestination,
    besides: (_, reach) => tcpOf4(reach),
  },
  {
    control: "EDGE-001",
    statement: "Of TCP and UDP only TCP 80 and 443 reach the gateway from outside, by a declared ACCEPT.",
    destinations: (estate) => [guestOf(estate, "gateway").id],
    senders: "wan",
    trusts: () => false,
    besides: (_, reach) =>
      isRule(reach.decider) ? where(reach, [TCP], WEB_PORTS).union(withoutPorts(reach)) : withoutPorts(reach),
  },
  {
    control: "EDGE-002",
    statement: "From outside nothing reaches the host or any other guest, whatever source a packet bears.",
    destinations: (estate) => everyDestination(estate).filter((to) => to !== guestOf(estate, "gateway").id),
    senders: "wan",
    sources: "any",
    trusts: () => false,
  },
  {
    control: "RTE-001",
    statement: "Of all places only the gateway and Step-CA reach Traefik, on TCP 443 alone.",
    destinations: (estate) => [guestOf(estate, "mesh").id],
    trusts: () => false,
    apart: clientsOfMesh,
    besides: (estate, reach) =>
      clientsOfMesh(estate).includes(reach.from) && isRule(reach.decider)
        ? where(reach, [TCP], [HTTPS_PORT])
        : PacketSet.none(reach.set.space),
  },
  {
    control: "SEG-001",
    statement: "Between any two places nothing gets through but by a declared ACCEPT or a standing accept.",
    destinations: everyDestination,
  },
  {
    control: "SEG-003",
    statement:
      "Neither the gateway nor the internet reaches a backend past Traefik; others by declared ACCEPTs alone.",
    destinations: routedGuests,
    trusts: (estate, from) => from !== "wan" && from !== guestOf(estate, "gateway").id,
    apart: (estate) => [guestOf(estate, "gateway").id],
  },
  {
    control: "PKI-004",
    statement:
      "Step-CA is reached by declared hosts and guests alone, never by the internet or a plain device of the LAN.",
    destinations: (estate) => [guestOf(estate, "ca").id],
    trusts: (_, from) => from !== "wan" && from !== "lan",
  },
];

/** Of what one line lets through on one pair, the packets that may. */
export function permitted(estate: Estate, requirement: Requirement, reach: Reach): PacketSet {
  const { trusts = () => true, besides } = requirement;
  const own =
    trusts(estate, reach.from) && isRule(reach.decider) ? PacketSet.all(reach.set.space) : standing(reach);
  return besides ? own.union(besides(estate, reach)) : own;
}

/** Every pair that a requirement speaks of, by destination, and each in the order of places. */
export function* pairsOf(estate: Estate, { destinations, senders = "all" }: Requirement): Generator<Pair> {
  const all = senders === "wan" ? ["wan"] : places(estate).map(({ id }) => id);
  for (const to of destinations(estate)) for (const from of all) if (from !== to) yield { from, to };
}

/** How many those are: each destination is a place too. */
export function countPairs(estate: Estate, { destinations, senders = "all" }: Requirement): number {
  return destinations(estate).length * (senders === "wan" ? 1 : places(estate).length - 1);
}

/**
 * The first control that a rule breaks which lets this flow of IPv4 through; undefined where each permits it. Of other
 * packets that the rule would let through it says nothing.
 */
export function forbidding(estate: Estate, { from, to, proto, dport }: Flow): string | undefined {
  const space = spaceOf(nodeOf(estate)).spaces[4];
  const ports = dport === undefined ? {} : { ports: [single(dport)] };
  const set = PacketSet.where(space, { protos: [single(proto === "udp" ? UDP : TCP)], ...ports });
  const { position } = estate.host;
  const reach: Reach = { from, to, family: 4, decider: { kind: "rule", chain: "", position, text: "" }, set };
  const broken = REQUIREMENTS.find(
    (requirement) =>
      (requirement.senders !== "wan" || from === "wan") &&
      !set.subtract(permitted(estate, requirement, reach)).isEmpty &&
      requirement.destinations(estate).includes(to),
  );
  return broken?.control;
}

/** The ports at the gateway's address that are to answer. */
export function webOf(space: PacketSpace, address: string, ports: readonly number[]): PacketSet {
  const ip = parseIp(address);
  const dests = ip ? [{ family: ip.family, first: ip.value, last: ip.value }] : [];
  const flags = [single(FLAG.SYN)];
  return PacketSet.where(space, {
    protos: [single(TCP)],
    ports: ports.map(single),
    flags,
    dests,
    foreignMac: false,
  });
}

function everyDestination(estate: Estate): readonly Place[] {
  return places(estate).flatMap(({ id, destination }) => (destination ? [id] : []));
}

function routedGuests({ guests, routes }: Estate): readonly Place[] {
  const routed = new Set(routes.map(({ guestId }) => guestId));
  return guests.flatMap(({ id }) => (routed.has(id) ? [id] : []));
}

function clientsOfMesh(estate: Estate): readonly Place[] {
  return [guestOf(estate, "gateway").id, guestOf(estate, "ca").id];
}

function isRule({ kind }: Decider): boolean {
  return kind === "rule";
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
