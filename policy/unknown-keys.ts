import type { JSONPath, Node } from "jsonc-parser";
import type { Note } from "./estate.ts";
import type { Declaration, PhoenixFiles } from "./files.ts";
import { inconsistent } from "./note.ts";
import { GuestRecord, LxcGuest, NetworkConfig, TraefikService, Vm, VmDefaults } from "./phoenix/guest.ts";
import {
  DnsServer,
  HostFile,
  Interface,
  Network,
  PortainerApi,
  SharedVolumes,
  StepCa,
  Zone,
  ZoneRecord,
} from "./phoenix/host.ts";
import { GuestFirewall, HostFirewall, PhoenixRule } from "./phoenix/rule.ts";
import { StackService } from "./phoenix/stacks.ts";
import { keyPositionOf, nodeAt, positionOf, type Source } from "./source.ts";

/** A section whose keys are all known; or, where the files carry much else, only near misses of its keys count. */
interface Section {
  readonly title: string;
  readonly schema: { readonly shape: Readonly<Record<string, unknown>> };
  readonly path: JSONPath;
  readonly open?: boolean;
}

/** The nearest known name of each key looked for: 100,000 rules may share one mistake. */
type Names = Map<Section["schema"], Map<string, string | undefined>>;

/** Keys of network sections that nothing reads, with the nearest known name. */
export function unknownKeys(files: PhoenixFiles, guests: readonly Declaration[]): Note[] {
  const names: Names = new Map();
  const { source } = files.host;
  const host = hostSections(source).flatMap((section) => unknownIn(source, section, names));
  const vms = unknownIn(files.vm.source, VM_DEFAULTS, names);
  const rest = guests.flatMap((guest) =>
    guestSections(guest).flatMap((section) => unknownIn(guest.source, section, names)),
  );
  return [...host, ...vms, ...rest, ...(files.stacks ? unknownOfStacks(files.stacks.source, names) : [])];
}

const VM_DEFAULTS: Section = {
  title: "vm_defaults",
  schema: VmDefaults,
  path: ["vm_defaults"],
  open: true,
};

function unknownOfStacks(source: Source, names: Names): Note[] {
  const stacks = ["docker_stacks"];
  const environments = pathsBelow(source, stacks).flatMap((stack) =>
    pathsBelow(source, [...stack, "environments"]),
  );
  const services = environments.flatMap((environment) => pathsBelow(source, [...environment, "services"]));
  return services.flatMap((path) => [
    ...unknownIn(source, { title: "a stack's service", schema: StackService, path, open: true }, names),
    ...unknownLabels(source, [...path, "traefik_labels"], names),
  ]);
}

/** What of Traefik's labels is read, each name of a router or service as `*`; real stacks have many more. */
const LABELS: Section["schema"] = {
  shape: {
    "traefik.enable": true,
    "traefik.http.routers.*.rule": true,
    "traefik.http.routers.*.service": true,
    "traefik.http.services.*.loadbalancer.server.port": true,
    "traefik.http.services.*.loadbalancer.server.scheme": true,
  },
};

function unknownLabels(source: Source, path: JSONPath, names: Names): Note[] {
  return childrenOf(source, path).flatMap(({ value }, index) => {
    const label = String(value).split("=", 1)[0]?.trim().toLowerCase() ?? "";
    const key = label.replace(/^(traefik\.http\.\w+\.)[^.]+/, "$1*");
    if (Object.hasOwn(LABELS.shape, key)) return [];
    const near = nearestIn(LABELS, key, names);
    if (near === undefined) return [];
    const message = `"${label.slice(0, 100)}" is no label that is read; the nearest is "${near}"`;
    return [
      inconsistent(positionOf(source, [...path, index]), message, `Write "${near}", or delete the label.`),
    ];
  });
}

function pathsBelow(source: Source, path: JSONPath): JSONPath[] {
  return childrenOf(source, path).map(({ children: [key] = [] }) => [...path, String(key?.value)]);
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
    { title: "shared_volumes", schema: SharedVolumes, path: ["shared_volumes"], open: true },
    { title: "portainer_api", schema: PortainerApi, path: ["portainer_api"], open: true },
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

function unknownIn(source: Source, { title, schema, path, open }: Section, names: Names): Note[] {
  const keys = childrenOf(source, path).map(({ children }) => String(children?.[0]?.value));
  const unknown = keys.filter((key) => !Object.hasOwn(schema.shape, key));
  return unknown.flatMap((key) => {
    const near = nearestIn(schema, key, names);
    if (near === undefined && open) return [];
    const message = `"${key}" is no key of ${title}${near === undefined ? "" : `; the nearest is "${near}"`}`;
    const position = keyPositionOf(source, [...path, key]);
    if (near === undefined || nodeAt(source, [...path, near]))
      return [inconsistent(position, message, "Delete the key: nothing reads it.", { kind: "remove" })];
    const remedy = `Write "${near}", or delete the key.`;
    return [inconsistent(position, message, remedy, { kind: "rename", key: near })];
  });
}

function nearestIn(schema: Section["schema"], key: string, names: Names): string | undefined {
  const seen = names.get(schema) ?? new Map<string, string | undefined>();
  names.set(schema, seen);
  if (!seen.has(key)) seen.set(key, nearest(key, Object.keys(schema.shape)));
  return seen.get(key);
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
