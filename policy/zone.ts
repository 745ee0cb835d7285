import type { Fault } from "./fault.ts";
import type { Declared } from "./files.ts";
import type { HostFile, Zone } from "./phoenix/host.ts";
import { positionOf } from "./source.ts";

/** The two horizons' zones. */
export interface ZoneNames {
  readonly external: string;
  readonly internal: string;
}

/**
 * Which zone is which: the internal one begins with `internal.`, else it has only `ip_internal` records. `domain_name`
 * is the external zone in the older generation and the internal one in the newer.
 */
export function zoneNamesOf({ source, value }: Declared<HostFile>): ZoneNames | readonly Fault[] {
  const zones = value.dns_server?.authoritative_zones ?? [];
  const names = [...zones.map((zone) => zone.zone_name), ...[value.domain_name ?? []].flat()];
  const internal = names.find(isInternalName) ?? zones.find(hasOnlyInternal)?.zone_name;
  const others = names.filter((name) => name !== internal);
  const external =
    zones.find((zone) => zone.zone_name !== internal && hasExternal(zone))?.zone_name ?? others.at(-1);
  if (external) return { external, internal: internal ?? `internal.${parentOf(external)}` };
  if (internal) return { external: `phoenix.${parentOf(internal)}`, internal };
  const position = positionOf(source, ["domain_name"]);
  return [
    { code: "json-type", position, expected: "a DNS name, since no zone gives one", actual: "nothing" },
  ];
}

/** Whether a name is the zone's apex or below it. */
export function isIn(name: string, zone: string): boolean {
  return name === zone || name.endsWith(`.${zone}`);
}

/** The horizon whose zone holds the name; the longer zone where one lies in the other. */
export function horizonOf(
  name: string,
  { external, internal }: ZoneNames,
): "external" | "internal" | undefined {
  const inExternal = isIn(name, external);
  const inInternal = isIn(name, internal);
  if (inExternal && inInternal) return internal.length > external.length ? "internal" : "external";
  return inInternal ? "internal" : inExternal ? "external" : undefined;
}

/** A name relative to a zone, made absolute; `@` is the zone itself. */
export function absolute(name: string, zone: string): string {
  return name === "@" ? zone : `${name}.${zone}`;
}

/** Whether exactly one label stands before the zone: all that Step-CA's policy `*.zone` certifies. */
export function isDirectlyIn(name: string, zone: string): boolean {
  return isIn(name, zone) && name !== zone && !name.slice(0, -zone.length - 1).includes(".");
}

/** Letters, digits and hyphens (RFC 1123 2.1): what nginx, Traefik and a certificate can carry. */
export function isHostname(name: string): boolean {
  const labels = name.split(".");
  return name.length <= 253 && labels.every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label));
}

function isInternalName(name: string): boolean {
  return name.startsWith("internal.");
}

function hasExternal(zone: Zone): boolean {
  return (zone.records ?? []).some((record) => record.ip_external !== undefined);
}

function hasOnlyInternal(zone: Zone): boolean {
  return !hasExternal(zone) && (zone.records ?? []).some((record) => record.ip_internal !== undefined);
}

/** `phoenix.thinkheads.ai` gives `thinkheads.ai`; a name of one or two labels is its own parent. */
function parentOf(name: string): string {
  const labels = name.split(".");
  return labels.length > 2 ? labels.slice(1).join(".") : name;
}
