import type { Estate, Note, PublicName, Role, Route } from "./estate.ts";
import { at, type Declaration, type PhoenixFiles } from "./files.ts";
import { inconsistent, remark } from "./note.ts";
import { positionOf } from "./source.ts";
import { type RouteDraft, stackRoutes } from "./stack.ts";
import { absolute, isDirectlyIn, isHostname, isIn, type ZoneNames } from "./zone.ts";

/** Where everything that a route may come from is known. */
export interface RouteContext {
  readonly files: PhoenixFiles;
  readonly generation: Estate["generation"];
  readonly zones: ZoneNames;
  readonly roles: ReadonlyMap<string, Role>;
  /** Guests with an address, by id. */
  readonly guests: readonly Declaration[];
}

/** What Traefik routes: internal names only, each to one backend. Guests with a role have none. */
export function deriveRoutes(context: RouteContext): {
  readonly routes: readonly Route[];
  readonly notes: readonly Note[];
} {
  const notes: Note[] = [];
  const routes = new Map<string, Route>();
  for (const guest of context.guests) {
    if (context.roles.has(guest.id)) continue;
    const { drafts, notes: stackNotes } = stackRoutes(guest, context.files.stacks);
    notes.push(...stackNotes);
    for (const draft of [...portainerRoute(context, guest), ...serviceRoute(context, guest), ...drafts]) {
      const route = internalRoute(draft, context.zones, notes);
      if (!route) continue;
      const earlier = routes.get(route.hostname);
      if (earlier && !sameTarget(earlier, route)) notes.push(routedTwice(earlier, route));
      if (!earlier) routes.set(route.hostname, route);
    }
  }
  return { routes: [...routes.values()], notes };
}

/** Each external record's internal counterpart: the routed name with the same first label (services.md 4.1). */
export function derivePublicNames(
  { external }: Estate["dns"],
  { internal }: ZoneNames,
  routes: readonly Route[],
): { readonly publicNames: readonly PublicName[]; readonly notes: readonly Note[] } {
  const routed = new Set(routes.map((route) => route.hostname));
  const named = external.map(({ name, position }) => {
    return { external: name, internal: absolute(name.split(".")[0] ?? "", internal), position };
  });
  const notes = named
    .filter((name) => !routed.has(name.internal))
    .map((name) =>
      remark(
        name.position,
        `${name.external} is public, but ${name.internal} has no route`,
        "Route the name, or take its ip_external away.",
      ),
    );
  return { publicNames: named.filter((name) => routed.has(name.internal)), notes };
}

function portainerRoute({ files: { host } }: RouteContext, guest: Declaration): RouteDraft[] {
  const hostname = host.value.portainer_api?.portainer_hostname;
  if (guest.kind !== "vm" || guest.value.portainer_role !== "primary" || hostname === undefined) return [];
  const position = positionOf(host.source, ["portainer_api", "portainer_hostname"]);
  return [{ hostname, guest, port: portainerPort(host.value), tls: true, position }];
}

/** Newer: `traefik_service`. Older: the guest's own name, at the first of its `ports`. */
function serviceRoute(
  { files: { host }, generation, zones }: RouteContext,
  guest: Declaration,
): RouteDraft[] {
  const { traefik_service: service, ports: [first] = [], portainer_role: role, name } = guest.value;
  const port = generation === "newer" ? service?.port : first;
  if (port === undefined) return [];
  const tls = guest.kind === "vm" && role === "primary" && port === portainerPort(host.value);
  const label = generation === "newer" ? (service?.name ?? "") : name.toLowerCase();
  const hostname = isIn(label, zones.internal) ? label : absolute(label, zones.internal);
  const position = at(guest, ...(generation === "newer" ? ["traefik_service"] : ["ports"]));
  return [{ hostname, guest, port, tls, position }];
}

function portainerPort(host: PhoenixFiles["host"]["value"]): number {
  return host.network.portainer_server_port ?? 9443;
}

function internalRoute(
  draft: RouteDraft,
  { external, internal }: ZoneNames,
  notes: Note[],
): Route | undefined {
  const { guest, port, tls, position } = draft;
  const declared = isIn(draft.hostname, internal);
  const hostname = declared ? draft.hostname : absolute(draft.hostname.split(".")[0] ?? "", internal);
  if (!isHostname(hostname)) {
    const message = `${hostname} is no host name, so nothing is routed there`;
    notes.push(inconsistent(position, message, "Use letters, digits and hyphens."));
    return undefined;
  }
  if (!declared) {
    const kind = isIn(draft.hostname, external) ? "an external name" : "no internal name";
    const message = `a route under ${draft.hostname}, ${kind}: Step-CA certifies internal names only`;
    notes.push(inconsistent(position, message, `Write ${hostname}.`));
  }
  if (!isDirectlyIn(hostname, internal)) {
    const message = `${hostname} has a dot before ${internal}: Step-CA's policy *.${internal} allows one label`;
    notes.push(inconsistent(position, message, "Choose a name without a dot."));
  }
  const address = guest.value.network_config?.ip.split("/")[0] ?? "";
  return { hostname, guestId: guest.id, address, port, tls, position };
}

function sameTarget(a: Route, b: Route): boolean {
  return a.guestId === b.guestId && a.port === b.port;
}

function routedTwice(kept: Route, other: Route): Note {
  const message =
    `${other.hostname} is routed twice: to guest ${kept.guestId} port ${kept.port} (kept) ` +
    `and to guest ${other.guestId} port ${other.port}`;
  return inconsistent(other.position, message, "Leave the name with one backend.");
}
