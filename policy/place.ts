import { contains, formatIpv4, parseCidr, rangeOf } from "./address.ts";
import { HarnessError } from "../errors.ts";
import type { Estate, Role } from "./estate.ts";
import type { Place } from "./flow.ts";
import { describePosition } from "./position.ts";

/** The internet user's address: RFC 5737 TEST-NET-3. */
export const WAN_ADDRESS = "203.0.113.10";

/** A vantage point, and whether the controls judge it as a destination too. */
export interface Vantage {
  readonly id: Place;
  readonly name: string;
  readonly address: string;
  readonly zone: "outside" | "lan" | "host" | "edge" | "ingress" | "ca" | "backends";
  readonly destination: boolean;
}

const ZONES: Readonly<Record<Role, Vantage["zone"]>> = {
  gateway: "edge",
  mesh: "ingress",
  ca: "ca",
  backend: "backends",
};

const PLACES = new WeakMap<Estate, readonly Vantage[]>();

/** Every place that packets start from; destinations are the host and the declared guests. */
export function places(estate: Estate): readonly Vantage[] {
  const known = PLACES.get(estate) ?? placesOf(estate);
  PLACES.set(estate, known);
  return known;
}

function placesOf(estate: Estate): Vantage[] {
  const guests = estate.guests.map(
    ({ id, name, address, role }): Vantage => ({ id, name, address, zone: ZONES[role], destination: true }),
  );
  return [
    { id: "wan", name: "internet user", address: WAN_ADDRESS, zone: "outside", destination: false },
    {
      id: "lan",
      name: "plain device of the LAN",
      address: lanAddress(estate),
      zone: "lan",
      destination: false,
    },
    { id: "host", name: estate.host.name, address: estate.host.address, zone: "host", destination: true },
    ...guests,
  ];
}

/** A place's own address. Throws a TypeError for a place that the estate does not have: a defect of the caller. */
export function addressOf(estate: Estate, id: Place): string {
  const place = places(estate).find((each) => each.id === id);
  if (!place) throw new TypeError(`no place ${id}`);
  return place.address;
}

/** Where a plain device usually sits; the next free address above it where that one is declared. */
const LAN_FROM = 50;

/**
 * The address of `lan`: inside the subnet, neither host nor guest nor gateway nor any record's, and where one is left none
 * that a rule names.
 * @throws HarnessError (`subnet-full`, exit 2)
 */
export function lanAddress(estate: Estate): string {
  const { subnet, address, gateway, position } = estate.host;
  const { external, internal, externalInside } = estate.dns;
  const used = [
    address,
    gateway,
    ...[...estate.guests, ...external, ...internal, ...externalInside].map((each) => each.address),
  ];
  const named = allRules(estate).flatMap((rule) => `${rule.source ?? ""},${rule.dest ?? ""}`.split(","));
  const free = freeAddress(subnet, [...used, ...named]) ?? freeAddress(subnet, used);
  if (free !== undefined) return free;
  const expected = "an address that is left for a device of the LAN";
  const subject = describePosition(position);
  throw new HarnessError("subnet-full", { subject, expected, actual: `none in ${subnet}` });
}

/** The first address of an IPv4 network from `.50` on, else from its beginning, that is not taken. */
export function freeAddress(network: string, addresses: readonly (string | undefined)[]): string | undefined {
  const subnet = parseCidr(network);
  if (!subnet) return undefined;
  const { first, last } = rangeOf(subnet);
  const taken = new Set(addresses);
  const free = (ip: number) => contains(subnet, ip) && !taken.has(formatIpv4(ip));
  for (let ip = first + LAN_FROM; ip < last; ip++) if (free(ip)) return formatIpv4(ip);
  for (let ip = first + 1; ip < last; ip++) if (free(ip)) return formatIpv4(ip);
  return undefined;
}

function allRules(estate: Estate) {
  return [estate.host.firewall, ...estate.guests.flatMap(({ firewall }) => firewall ?? [])].flatMap(
    ({ rules }) => rules,
  );
}
