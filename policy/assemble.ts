import { addressFaults } from "./addressing.ts";
import type { CertificateAuthority, Estate, Guest, Host, Role } from "./estate.ts";
import { errorOf } from "./fault.ts";
import { type Declaration, declarationsOf, type PhoenixFiles, whyLeftOut } from "./files.ts";
import { hostFirewallOf } from "./firewall.ts";
import { guestOfDeclaration, networkOf } from "./guest.ts";
import { deriveDns } from "./horizon.ts";
import type { HostFile } from "./phoenix/host.ts";
import { isRefused } from "./phoenix/validate.ts";
import { comparePositions } from "./position.ts";
import { recordNotes } from "./record.ts";
import { networkNotes, referenceNotes } from "./reference.ts";
import { assignRoles } from "./role.ts";
import { derivePublicNames, deriveRoutes } from "./route.ts";
import { placeNameNotes } from "./place-name.ts";
import { positionOf } from "./source.ts";
import { unknownKeys } from "./unknown-keys.ts";
import { type ZoneNames, zoneNamesOf } from "./zone.ts";

type Assembled = Omit<Estate, "folder" | "files" | "secrets">;

/**
 * One estate from files that are each valid.
 * @throws HarnessError or HarnessErrors where they give no unambiguous one: roles, ids, addresses, zones.
 */
export function assembleEstate(files: PhoenixFiles): Assembled {
  const declarations = declarationsOf(files);
  const inside = declarations.filter((guest) => whyLeftOut(guest) === undefined);
  const host = hostOf(files);
  const roles = assignRoles(inside, positionOf(files.lxc.source, ["lxc_configs"]));
  const zones = zoneNamesOf(files.host);
  const faults = addressFaults(host, declarations, inside);
  if (isRefused(roles)) faults.push(...roles);
  if (isRefused(zones)) faults.push(...zones);
  if (faults.length > 0 || isRefused(roles) || isRefused(zones)) throw errorOf(faults);
  return derive(files, declarations, inside, host, roles, zones);
}

function derive(
  files: PhoenixFiles,
  declarations: readonly Declaration[],
  inside: readonly Declaration[],
  host: Host,
  roles: ReadonlyMap<string, Role>,
  zones: ZoneNames,
): Assembled {
  const generation = generationOf(files, declarations);
  const bridges = { lxc: host.bridge, vm: files.vm.value.vm_defaults?.network_bridge || host.bridge };
  const guests = inside.map((guest) =>
    guestOfDeclaration(guest, roles.get(guest.id) ?? "backend", bridges[guest.kind]),
  );
  const { routes, notes: routeNotes } = deriveRoutes({ files, generation, zones, roles, guests: inside });
  const { dns, notes: dnsNotes } = deriveDns(files.host, inside, zones, generation);
  const { publicNames, notes: nameNotes } = derivePublicNames(dns, zones, routes);
  const parts = { host, guests, routes, dns, ca: authorityOf(files.host.value, guests, zones) };
  const notes = [
    ...unknownKeys(files, declarations),
    ...referenceNotes(files, declarations),
    ...networkNotes(host, guests),
    ...placeNameNotes(guests),
    ...recordNotes(parts),
    ...routeNotes,
    ...dnsNotes,
    ...nameNotes,
  ].sort((a, b) => comparePositions(a.position, b.position));
  return { generation, ...parts, publicNames, notes, leftOut: leftOutOf(declarations) };
}

/** Newer: the CA is described, or a guest names its service for Traefik. */
function generationOf({ host }: PhoenixFiles, declarations: readonly Declaration[]): Estate["generation"] {
  const named = declarations.some((guest) => guest.value.traefik_service !== undefined);
  return named || host.value.step_ca !== undefined ? "newer" : "older";
}

function hostOf({ host: { source, value } }: PhoenixFiles): Host {
  const { interfaces, default_subnet } = value.network;
  const [address = "", prefix] = interfaces.address.split("/");
  const declared = value.firewall ?? value.shared_volumes?.firewall;
  const path = value.firewall || !declared ? ["firewall"] : ["shared_volumes", "firewall"];
  return {
    name: value.hostname ?? "pve",
    address,
    prefixLength: Number(prefix),
    subnet: networkOf(default_subnet ?? interfaces.address),
    gateway: interfaces.gateway,
    bridge: interfaces.name ?? "vmbr0",
    firewall: hostFirewallOf(source, declared, path),
    position: positionOf(source, ["network", "interfaces"]),
  };
}

function authorityOf(
  host: HostFile,
  guests: readonly Guest[],
  { internal }: ZoneNames,
): CertificateAuthority {
  return {
    guestId: guests.find((guest) => guest.role === "ca")?.id ?? "",
    dnsName: host.step_ca?.dns_name ?? `ca.${internal}`,
    port: host.step_ca?.port ?? 9000,
    provisioner: host.step_ca?.provisioner_name ?? "acme",
  };
}

function leftOutOf(declarations: readonly Declaration[]): Estate["leftOut"] {
  return declarations.flatMap((guest) => {
    const reason = whyLeftOut(guest);
    return reason === undefined ? [] : [{ id: guest.id, name: guest.value.name, reason }];
  });
}
