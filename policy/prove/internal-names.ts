import { type DnsRecord, type Estate, guestOf, type Position } from "../estate.ts";
import { FILE_NAMES } from "../files.ts";
import { absolute } from "../zone.ts";
import { hasValue, lengthOf, positionIn, scalarAt } from "./declaration.ts";
import { unreachableServer } from "./name-server.ts";
import { ownerOf } from "./owners.ts";
import { renamingOf } from "./renaming.ts";
import type { Found, PatchOperation, Proof } from "./proof.ts";

/** DNS-002: inside, each name that is used has a record, which is its guest's address; and who is told to ask can. */
export function proveInternalNames(estate: Estate): Proof<Found> {
  const { dns, routes } = estate;
  const records = [...dns.internal, ...dns.externalInside];
  return {
    control: "DNS-002",
    statement:
      "Inside, each routed name, each guest's and Step-CA's is its guest's address, no record leads to nobody, and every guest that is told to can ask over UDP and TCP.",
    space: `${routes.length} routed names, ${records.length} internal records, ${estate.guests.length} guests`,
    violations: [...missing(estate), ...records.flatMap((each) => wrong(estate, each) ?? [])].concat(
      unreachableServer(estate),
    ),
    notes: [],
  };
}

/** A name that the files give to a guest, wherever they do. */
interface Owner {
  readonly title: string;
  readonly address: string;
  readonly position: Position;
}

/** Names that have to be answered: the routed ones, and Step-CA's. */
function needed(estate: Estate): ReadonlyMap<string, Owner> {
  const { routes, ca } = estate;
  const { id, address, position } = guestOf(estate, "ca");
  return new Map([
    ...routes.map((route): [string, Owner] => [
      route.hostname,
      { title: `guest ${route.guestId}`, address: route.address, position: route.position },
    ]),
    [ca.dnsName, { title: `Step-CA (guest ${id})`, address, position }],
  ]);
}

/** Each guest's own name, and those that are needed, which come first. */
const OWNERS = new WeakMap<Estate, ReadonlyMap<string, Owner>>();

function ownersOf(estate: Estate): ReadonlyMap<string, Owner> {
  const known = OWNERS.get(estate);
  if (known) return known;
  const own = estate.guests.map(({ id, name, address, position }): [string, Owner] => [
    absolute(name.toLowerCase(), estate.dns.internalZone),
    { title: `guest ${id}`, address, position },
  ]);
  const owners = new Map([...own, ...needed(estate)]);
  OWNERS.set(estate, owners);
  return owners;
}

function missing(estate: Estate): readonly Found[] {
  const names = new Set(estate.dns.internal.map(({ name }) => name));
  return [...needed(estate)]
    .filter(([name]) => !names.has(name))
    .map(([name, { title, address, position }]) => {
      const message = `${name} has no internal record: nobody inside finds ${title}, ${address}`;
      const renaming = renamingOf(estate, name);
      if (renaming) return { message, position, ...renaming };
      const patch = addedRecord(estate, name, address);
      const remedy = `Add a record of ${name} with the address ${address}.`;
      return { message, position, remedy, ...(patch && { patch: [patch] }) };
    });
}

/** Into the internal zone, where the host's file has one. */
function addedRecord(estate: Estate, name: string, address: string): PatchOperation | undefined {
  const file = FILE_NAMES.host;
  const zones = "/dns_server/authoritative_zones";
  const count = lengthOf(estate, file, zones);
  const { internalZone } = estate.dns;
  const index = Array.from({ length: count }, (_, each) => each).find(
    (each) => scalarAt(estate, file, `${zones}/${each}/zone_name`) === internalZone,
  );
  const hostname = name.slice(0, -internalZone.length - 1);
  if (!name.endsWith(`.${internalZone}`)) return undefined;
  const record = { hostname, ip_internal: address };
  if (index !== undefined) {
    const path = `${zones}/${index}/records`;
    return hasValue(estate, file, path)
      ? { file, op: "add", path: `${path}/-`, value: record }
      : { file, op: "add", path, value: [record] };
  }
  if (!hasValue(estate, file, zones)) return undefined;
  return { file, op: "add", path: `${zones}/-`, value: { zone_name: internalZone, records: [record] } };
}

function wrong(estate: Estate, record: DnsRecord): Found | undefined {
  const { name, address, position } = record;
  const owner = ownersOf(estate).get(name);
  const { file, pointer } = position;
  const path = ["ip_internal", "ip"]
    .map((key) => `${pointer}/${key}`)
    .find((each) => hasValue(estate, file, each));
  if (owner && owner.address !== address) {
    return {
      message: `inside ${name} is ${address}, but it is ${owner.title}'s, ${owner.address}`,
      position: path === undefined ? position : positionIn(estate, file, path),
      remedy: `Make it ${owner.address}.`,
      ...(path !== undefined && { patch: [{ file, op: "replace", path, value: owner.address }] }),
    };
  }
  if (address === estate.host.gateway || ownerOf(estate, address) !== undefined) return undefined;
  const isShared = hasValue(estate, file, `${pointer}/ip_external`);
  return {
    message: `inside ${name} is ${address}, which nobody has`,
    position: path === undefined ? position : positionIn(estate, file, path),
    remedy: isShared ? "Take its ip_internal away." : "Delete the record.",
    patch: [{ file, op: "remove", path: isShared ? `${pointer}/ip_internal` : pointer }],
  };
}
