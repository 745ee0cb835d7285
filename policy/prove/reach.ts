import type { Estate } from "../estate.ts";
import type { Decider, Place } from "../flow.ts";
import { type Family, type IpSpan, parseIp, parseSpan } from "../ip.ts";
import { type Region, regionOf } from "../lint/region.ts";
import { places } from "../place.ts";
import { nodeOf } from "../proxmox/node.ts";
import { spaceOf } from "../space/node-space.ts";
import { openingsOf } from "../space/openings.ts";
import { PacketSet } from "../space/packet-set.ts";
import type { PacketSpace } from "../space/packet-space.ts";
import { addressAt } from "./owners.ts";

/** Packets that a sender can choose to send and one line lets through to a destination's end. */
export interface Reach {
  readonly from: Place;
  readonly to: Place;
  readonly family: Family;
  readonly decider: Decider;
  readonly set: PacketSet;
}

/** Under which addresses a sender sends: its own, or any that it can write into a packet. */
export type Sources = "own" | "any";

export const FAMILIES = [4, 6] as const;

const KNOWN = new WeakMap<Estate, Map<string, readonly Reach[]>>();

/** Everything that comes through from one place to another as the first packet of a flow, by the line that lets it in. */
export function reachesOf(
  estate: Estate,
  from: Place,
  to: Place,
  sources: Sources = "own",
): readonly Reach[] {
  return FAMILIES.flatMap((family) => reachesIn(family, estate, from, to, sources));
}

/** The same of one family. */
export function reachesIn(
  family: Family,
  estate: Estate,
  from: Place,
  to: Place,
  sources: Sources,
): readonly Reach[] {
  const known = KNOWN.get(estate) ?? new Map<string, readonly Reach[]>();
  KNOWN.set(estate, known);
  const key = `${from} ${to} ${sources} ${family}`;
  const found = known.get(key) ?? findReaches(family, estate, from, to, sources);
  known.set(key, found);
  return found;
}

function findReaches(
  family: Family,
  estate: Estate,
  from: Place,
  to: Place,
  sources: Sources,
): readonly Reach[] {
  const space = spaceOf(nodeOf(estate));
  const sent = sentBy(space.spaces[family], estate, from, sources);
  return space
    .byDecider(from, to, family)
    .filter(({ verdict }) => verdict === "accept")
    .map(({ decider, set }) => ({ from, to, family, decider, set: set.intersect(sent) }))
    .filter(({ set }) => !set.isEmpty);
}

const FIRST = new WeakMap<PacketSpace, PacketSet>();

/** What opens a flow. What is its own reply does not: its answer goes where it came from. */
export function firstPackets(space: PacketSpace): PacketSet {
  const known =
    FIRST.get(space) ??
    new PacketSet(space, openingsOf(space)).intersect(PacketSet.where(space, { ownReply: false }));
  FIRST.set(space, known);
  return known;
}

/** What a place can send as the first packet of a flow. */
export function sentBy(space: PacketSpace, estate: Estate, from: Place, sources: Sources): PacketSet {
  const openings = firstPackets(space);
  return sources === "any" || space.family === 6
    ? openings
    : openings.intersect(ownSources(space, estate, from));
}

/**
 * A guest and the host send from one address; `lan` from any of the subnet that is nobody's; `wan` from any outside the
 * subnet. The files name no IPv6 address: there a sender may have any.
 */
function ownSources(space: PacketSpace, estate: Estate, from: Place): PacketSet {
  const under = (...texts: readonly string[]) => PacketSet.where(space, { sources: spansOf(texts) });
  const { subnet, gateway } = estate.host;
  if (from === "wan") return PacketSet.all(space).subtract(under(subnet, ...NOBODY));
  if (from !== "lan") return under(addressAt(estate, from));
  const owned = places(estate).flatMap(({ address, destination }) => (destination ? [address] : []));
  return under(subnet).subtract(under(gateway, ...owned));
}

/** What no host of the internet has as its address, RFC 6890 and RFC 1112: any router drops it. */
const NOBODY = ["0.0.0.0", "127.0.0.0/8", "224.0.0.0/4", "255.255.255.255"];

function spansOf(texts: readonly string[]): Region {
  const spans = texts.flatMap((text): IpSpan[] => {
    const span = parseSpan(text);
    return span ? [span] : [];
  });
  return regionOf(spans, 4);
}

/** Addresses that a witness takes first: the two places' own. */
export function tasteOf(estate: Estate, from: Place, to: Place) {
  const [sources, dests] = [from, to].map((place) => {
    const ip = parseIp(addressAt(estate, place));
    return ip ? [ip.value] : [];
  });
  return { sources: sources ?? [], dests: dests ?? [] };
}
