import type { JSONPath, Node } from "jsonc-parser";
import type { Note } from "./estate.ts";
import type { Declaration, PhoenixFiles } from "./files.ts";
import { inconsistent } from "./note.ts";
import { GuestRecord, LxcGuest, NetworkConfig, TraefikService, Vm } from "./phoenix/guest.ts";
import { DnsServer, HostFile, Interface, Network, StepCa, Zone, ZoneRecord } from "./phoenix/host.ts";
import { GuestFirewall, HostFirewall, PhoenixRule } from "./phoenix/rule.ts";
import { keyPositionOf, nodeAt, type Source } from "./source.ts";

/** A section whose keys are all known; or, where the files carry much else, only near misses of its keys count. */
interface Section {
  readonly title: string;
  readonly schema: { readonly shape: Readonly<Record<string, unknown>> };
  readonly path: JSONPath;
  readonly open?: boolean;
}

/** Keys of network sections that nothing reads, with the nearest known name. */
export function unknownKeys(files: PhoenixFiles, guests: readonly Declaration[]): Note[] {
  const host = hostSections(files.host.source).flatMap((section) => unknownIn(files.host.source, section));
  const rest = guests.flatMap((guest) => guestSections(guest).flatMap((s) => unknownIn(guest.source, s)));
  return [...host, ...rest];
}

function hostSections(source: Source): Section[] {
  const firewalls = [["firewall"], ["shared_volumes", "firewall"]];
  const zones = ["dns_server", "authoritative_zones"];
  return [
    { title: "the host file", schema: HostFile, path: [], open: true },
    { title: "network", schema: Network, path: ["network"], open: true },
    { title: "interfaces", schema: Interface, path: ["network", "interfaces"] },
    ...firewalls.map((path) => ({ title: "the host's firewall", schema: HostFirewall, path })),
    ...firewalls.flatMap((path) =>
      eachItem(source, [...path, "global_firewall_rules"], "a rule", PhoenixRule),
    ),
    { title: "dns_server", schema: DnsServer, path: ["dns_server"] },
    { title: "step_ca", schema: StepCa, path: ["step_ca"], open: true },
    ...eachItem(source, zones, "a zone", Zone),
    ...childrenOf(source, zones).flatMap((_, zone) =>
      eachItem(source, [...zones, zone, "records"], "a record", ZoneRecord),
    ),
  ];
}

function guestSections({ source, path, kind }: Declaration): Section[] {
  return [
    { title: "a guest", schema: kind === "lxc" ? LxcGuest : Vm, path, open: true },
    { title: "network_config", schema: NetworkConfig, path: [...path, "network_config"] },
    { title: "traefik_service", schema: TraefikService, path: [...path, "traefik_service"] },
    { title: "a guest's firewall", schema: GuestFirewall, path: [...path, "firewall"] },
    ...eachItem(source, [...path, "firewall", "rules"], "a rule", PhoenixRule),
    ...eachItem(source, [...path, "dns_records"], "a record", GuestRecord),
  ];
}

function eachItem(source: Source, path: JSONPath, title: string, schema: Section["schema"]): Section[] {
  return childrenOf(source, path).map((_, index) => ({ title, schema, path: [...path, index] }));
}

function childrenOf(source: Source, path: JSONPath): readonly Node[] {
  return nodeAt(source, path)?.children ?? [];
}

function unknownIn(source: Source, { title, schema, path, open }: Section): Note[] {
  const known = Object.keys(schema.shape);
  return childrenOf(source, path).flatMap(({ children: [node] = [] }) => {
    const key = String(node?.value);
    if (known.includes(key)) return [];
    const near = nearest(key, known);
    if (near === undefined && open) return [];
    const message = `"${key}" is no key of ${title}${near === undefined ? "" : `; the nearest is "${near}"`}`;
    const remedy =
      near === undefined ? "Delete the key: nothing reads it." : `Write "${near}", or delete the key.`;
    return [inconsistent(keyPositionOf(source, [...path, key]), message, remedy)];
  });
}

/** The known name within two edits (a third of the key where it is short). */
export function nearest(key: string, known: readonly string[]): string | undefined {
  const limit = Math.min(2, Math.floor(key.length / 3));
  const near = known
    .map((name) => ({ name, distance: editDistance(key.slice(0, 64).toLowerCase(), name) }))
    .filter(({ distance }) => distance <= limit);
  return near.sort((a, b) => a.distance - b.distance)[0]?.name;
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of Array.from(a).entries()) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const change = (row[j] ?? 0) + (letter === b[j] ? 0 : 1);
      next.push(Math.min(change, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
