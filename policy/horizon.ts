import type { Dns, DnsRecord, Estate, Note } from "./estate.ts";
import { at, type Declaration, type Declared } from "./files.ts";
import { inconsistent } from "./note.ts";
import type { HostFile } from "./phoenix/host.ts";
import { describePosition } from "./position.ts";
import { positionOf } from "./source.ts";
import { absolute, horizonOf, isHostname, isIn, type ZoneNames } from "./zone.ts";

/** What outsiders and insiders are answered, by declaration; where two records differ the first is kept. */
export function deriveDns(
  host: Declared<HostFile>,
  guests: readonly Declaration[],
  zones: ZoneNames,
  generation: Estate["generation"],
): { readonly dns: Dns; readonly notes: readonly Note[] } {
  const notes: Note[] = [];
  const inside = [...zoneRecords(host, "ip_internal"), ...guests.flatMap(guestRecords)];
  if (generation === "newer") inside.push(...guests.flatMap((guest) => derivedRecords(guest, zones)));
  const external = unique(zoneRecords(host, "ip_external"), notes);
  const all = unique(inside, notes);
  notes.push(...misplaced(external, all, zones));
  if (external.length === 0) notes.push(nothingExternal(host));
  const dns = {
    enabled: host.value.dns_server?.enabled ?? false,
    upstreamServers: host.value.dns_server?.upstream_servers ?? [],
    externalZone: zones.external,
    internalZone: zones.internal,
    external,
    internal: all.filter((record) => horizonOf(record.name, zones) === "internal"),
    externalInside: all.filter((record) => horizonOf(record.name, zones) === "external"),
  };
  return { dns, notes: distinct(notes) };
}

function zoneRecords({ source, value }: Declared<HostFile>, key: "ip_external" | "ip_internal"): DnsRecord[] {
  const zones = value.dns_server?.authoritative_zones ?? [];
  return zones.flatMap(({ zone_name, records = [] }, zone) =>
    records.flatMap(({ hostname, [key]: address }, index) => {
      if (address === undefined) return [];
      const path = ["dns_server", "authoritative_zones", zone, "records", index];
      return [{ name: absolute(hostname, zone_name), address, position: positionOf(source, path) }];
    }),
  );
}

function guestRecords(guest: Declaration): DnsRecord[] {
  return (guest.value.dns_records ?? []).map(({ hostname, ip }, index) => {
    return { name: hostname, address: ip, position: at(guest, "dns_records", index) };
  });
}

/** Newer generation: the service's name and the guest's own, both at the guest's address. */
function derivedRecords(guest: Declaration, { internal }: ZoneNames): DnsRecord[] {
  const { traefik_service: service, name, network_config: network } = guest.value;
  const address = network?.ip.split("/")[0] ?? "";
  const own = absolute(name.toLowerCase(), internal);
  const records = [];
  if (service) {
    const full = isIn(service.name, internal) ? service.name : absolute(service.name, internal);
    records.push({ name: full, address, position: at(guest, "traefik_service") });
  }
  records.push({ name: own, address, position: at(guest, "name") });
  return records;
}

function unique(records: readonly DnsRecord[], notes: Note[]): DnsRecord[] {
  const byName = new Map<string, DnsRecord>();
  for (const record of records) {
    const earlier = byName.get(record.name);
    if (record.name.startsWith("*")) notes.push(wildcard(record));
    else if (!isHostname(record.name)) notes.push(noHostName(record));
    else if (!earlier) byName.set(record.name, record);
    else if (earlier.address !== record.address) {
      const message = `${record.name} is ${earlier.address} (kept) and also ${record.address}`;
      notes.push(inconsistent(record.position, message, "Give the name one address."));
    }
  }
  return [...byName.values()];
}

function wildcard({ name, position }: DnsRecord): Note {
  return inconsistent(position, `${name} is a wildcard, so it declares no name`, "Write each name.");
}

function noHostName({ name, position }: DnsRecord): Note {
  const message = `${name} is no host name, so no zone has it`;
  return inconsistent(position, message, "Use letters, digits and hyphens.");
}

/** A record of both horizons is told once. */
function distinct(notes: readonly Note[]): Note[] {
  return [
    ...new Map(notes.map((note) => [`${describePosition(note.position)} ${note.message}`, note])).values(),
  ];
}

function misplaced(external: readonly DnsRecord[], inside: readonly DnsRecord[], zones: ZoneNames): Note[] {
  const public_ = external.filter((record) => horizonOf(record.name, zones) !== "external");
  const private_ = inside.filter((record) => horizonOf(record.name, zones) === undefined);
  return [
    ...public_.map(({ name, position }) =>
      inconsistent(
        position,
        `${name} has ip_external, but is not in ${zones.external}`,
        "Move it to that zone.",
      ),
    ),
    ...private_.map(({ name, position }) =>
      inconsistent(
        position,
        `${name} is in neither ${zones.internal} nor ${zones.external}`,
        "Move it to one of them.",
      ),
    ),
  ];
}

function nothingExternal({ source }: Declared<HostFile>): Note {
  return inconsistent(
    positionOf(source, ["dns_server", "authoritative_zones"]),
    "no record has ip_external, so outsiders can find nothing",
    "Give each public name an ip_external, the gateway's address.",
  );
}
