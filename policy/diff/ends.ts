import { parseCidr, rangeOf } from "../address.ts";
import type { Place } from "../flow.ts";
import { type Family, type Ip, type IpSpan, parseIp } from "../ip.ts";
import { type Region, regionOf } from "../lint/region.ts";
import { WAN_ADDRESS } from "../place.ts";
import type { DiffSide } from "./side.ts";

/** A place with the addresses from which it sends and to which it is sent, of both families. */
export interface End {
  readonly id: Place;
  /** `102 (traefik)`. */
  readonly title: string;
  /** Of the NIC that sends, lower case. */
  readonly mac?: string;
  /** The host, or a guest's NIC: no part of the world around. */
  readonly isOwn: boolean;
  /** What a packet from here to there bears; of a family of which none is known any that is nobody's. */
  readonly addresses: Readonly<Record<Family, Region>>;
  /** The addresses by which the files know it, in their order; of `wan` and `lan` one that is ordinary. */
  readonly known: Readonly<Record<Family, readonly Ip[]>>;
}

/** The places of a side by id. */
export function endsOf({
  node,
  names,
  addresses,
}: Pick<DiffSide, "node" | "names" | "addresses">): ReadonlyMap<Place, End> {
  const { host, nics } = node;
  const owned = [
    { id: "host", title: "host", texts: [host.address] },
    ...nics.map(({ place, guestId, mac }) => ({
      id: place,
      title: titleOf(place, names.get(guestId)),
      texts: addresses.get(place) ?? [],
      mac,
    })),
  ].map(({ texts, ...rest }) => ({
    ...rest,
    isOwn: true,
    known: { 4: ipsOf(texts, 4), 6: ipsOf(texts, 6) },
  }));
  const free = { 4: freeOf(owned, 4, host.localNetwork), 6: freeOf(owned, 6, host.localNetwork) };
  const ends = owned.map((end): End => {
    return {
      ...end,
      addresses: { 4: addressesOf(end.known[4], 4, free), 6: addressesOf(end.known[6], 6, free) },
    };
  });
  const subnet = spanOf(host.localNetwork);
  const far = subnet ? without(free[4], [subnet]) : free[4];
  const near = subnet ? without(free[4], without(EVERY[4], [subnet])) : free[4];
  const beyond = host.gateway === undefined ? "outside" : "wan";
  const world: readonly End[] = [
    {
      id: beyond,
      title: beyond,
      isOwn: false,
      addresses: { 4: far, 6: free[6] },
      known: { 4: ipsOf([WAN_ADDRESS], 4), 6: [] },
    },
    {
      id: "lan",
      title: "lan",
      isOwn: false,
      addresses: { 4: near, 6: free[6] },
      known: { 4: lanIps(near), 6: [] },
    },
  ];
  return new Map([...world, ...ends].map((end) => [end.id, end]));
}

function titleOf(place: Place, name: string | undefined): string {
  return name === undefined ? place : `${place} (${name})`;
}

const EVERY: Readonly<Record<Family, Region>> = {
  4: [{ family: 4, first: 0, last: 0xffffffff }],
  6: [{ family: 6, first: 0n, last: (1n << 128n) - 1n }],
};

/** What is nobody's own: the unspecified, loopback, multicast and reserved addresses (RFC 6890, RFC 4291 section 2.4). */
const NOBODYS: Readonly<Record<Family, Region>> = {
  4: [
    { family: 4, first: 0, last: 0x00ffffff },
    { family: 4, first: 0x7f000000, last: 0x7fffffff },
    { family: 4, first: 0xe0000000, last: 0xffffffff },
  ],
  6: [
    { family: 6, first: 0n, last: 1n },
    { family: 6, first: 0xff00n << 112n, last: (1n << 128n) - 1n },
  ],
};

/** All that are left for places of which no address is known; the network's first and last are nobody's. */
function freeOf(owned: readonly Pick<End, "known">[], family: Family, localNetwork: string): Region {
  const subnet = family === 4 ? spanOf(localNetwork) : undefined;
  const isWide = subnet !== undefined && Number(subnet.last) - Number(subnet.first) > 1;
  const edges = isWide ? [single(subnet.first, 4), single(subnet.last, 4)] : [];
  const taken = owned.flatMap(({ known }) => known[family].map((ip) => single(ip, family)));
  return without(EVERY[family], [...NOBODYS[family], ...taken, ...edges]);
}

function addressesOf(known: readonly Ip[], family: Family, free: Readonly<Record<Family, Region>>): Region {
  return known.length === 0
    ? free[family]
    : regionOf(
        known.map((ip) => single(ip, family)),
        family,
      );
}

function ipsOf(texts: readonly string[], family: Family): readonly Ip[] {
  return texts.flatMap((text) => {
    const ip = parseIp(text);
    return ip?.family === family ? [ip.value] : [];
  });
}

function spanOf(network: string): IpSpan | undefined {
  const cidr = parseCidr(network);
  return cidr && { family: 4, ...rangeOf(cidr) };
}

function single(ip: Ip, family: Family): IpSpan {
  return { family, first: ip, last: ip };
}

/** Where a plain device usually sits: from `.50` on, else the first that is free. */
function lanIps(near: Region): readonly Ip[] {
  const usual = Number(near[0]?.first ?? 0) + LAN_FROM;
  const span = near.find(({ last }) => Number(last) >= usual) ?? near[0];
  return span ? [Math.min(Math.max(Number(span.first), usual), Number(span.last))] : [];
}

const LAN_FROM = 49;

/** What is left of a region without some spans. */
export function without(region: Region, spans: readonly IpSpan[]): Region {
  const [first] = region;
  if (!first) return [];
  const taken = regionOf(spans, first.family);
  const left: IpSpan[] = [];
  let at = 0;
  for (const { family, first: from, last } of region) {
    let next = from;
    while (at < taken.length && (taken[at]?.last ?? 0) < from) at++;
    for (let index = at; index < taken.length; index++) {
      const hole = taken[index];
      if (!hole || hole.first > last) break;
      if (hole.first > next) left.push({ family, first: next, last: step(hole.first, -1) });
      if (hole.last >= next) next = step(hole.last, 1);
    }
    if (next <= last) left.push({ family, first: next, last });
  }
  return left;
}

function step(ip: Ip, by: 1 | -1): Ip {
  return typeof ip === "number" ? ip + by : ip + BigInt(by);
}
