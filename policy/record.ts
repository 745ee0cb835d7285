import type { DnsRecord, Estate, Note } from "./estate.ts";
import { inconsistent, remark } from "./note.ts";

type Parts = Pick<Estate, "host" | "guests" | "routes" | "dns" | "ca">;

/** Where DNS records disagree with guests, routes and the CA. */
export function recordNotes(parts: Parts): Note[] {
  return [...nobodys(parts), ...wrongAddress(parts), ...unresolved(parts)];
}

/** Records that point to neither host nor guest. */
function nobodys({ host, guests, dns }: Parts): Note[] {
  const known = new Set([host.address, host.gateway, ...guests.map((guest) => guest.address)]);
  return recordsOf(dns)
    .filter((record) => !known.has(record.address))
    .map(({ name, address, position }) =>
      inconsistent(
        position,
        `${name} points to ${address}, which no guest has`,
        "Point it to a declared guest.",
      ),
    );
}

/** Names that the files give to one guest and another's address: a guest's own, a route's, the CA's. */
function wrongAddress({ guests, routes, dns, ca }: Parts): Note[] {
  const owners = new Map<string, { readonly title: string; readonly address: string }>();
  for (const { id, name, address } of guests) {
    owners.set(`${name.toLowerCase()}.${dns.internalZone}`, { title: `guest ${id}`, address });
  }
  for (const { hostname, guestId, address } of routes)
    owners.set(hostname, { title: `guest ${guestId}`, address });
  const authority = guests.find((guest) => guest.id === ca.guestId);
  if (authority) owners.set(ca.dnsName, { title: "the CA", address: authority.address });
  return dns.internal.flatMap(({ name, address, position }) => {
    const owner = owners.get(name);
    if (!owner || owner.address === address) return [];
    const message = `${name} is ${address} here, but it names ${owner.title}, ${owner.address}`;
    return [inconsistent(position, message, "Give the name that guest's address.")];
  });
}

/** Names that insiders use and the internal zone does not have. */
function unresolved({ routes, dns, ca, guests }: Parts): Note[] {
  const names = new Set(dns.internal.map((record) => record.name));
  const missing = routes
    .filter((route) => !names.has(route.hostname))
    .map(({ hostname, position }) =>
      remark(position, `${hostname} is routed, but insiders can't resolve it`, "Add an ip_internal record."),
    );
  const authority = guests.find((guest) => guest.id === ca.guestId);
  if (!authority || names.has(ca.dnsName)) return missing;
  const message = `the CA's name ${ca.dnsName} has no internal record: Traefik can't find it`;
  return [
    ...missing,
    inconsistent(authority.position, message, "Add a record for it with the CA's address."),
  ];
}

function recordsOf({ external, internal, externalInside }: Estate["dns"]): DnsRecord[] {
  return [...external, ...internal, ...externalInside];
}
