import { ownClients } from "../acme-client.ts";
import { type Estate, guestOf, type Position } from "../estate.ts";
import type { DiffSide } from "./side.ts";

/** One thing that a side declares beside its packets, by its key: a name, a route, a guest. */
interface Entry {
  readonly key: string;
  /** In the order in which they are told; what a side does not know is absent. */
  readonly fields: Readonly<Record<string, string | undefined>>;
  readonly position?: Position;
}

type Topic = "host" | "guest" | "DNS" | "route" | "public name" | "certificate" | "certificate authority";

/** What of it one side declares otherwise than the other. */
export interface DeclaredChange {
  readonly topic: Topic;
  readonly what: "added" | "removed" | "changed";
  /** A guest's id and name, a name and where it is asked for. */
  readonly subject: string;
  /** All fields of what came or went, else those that differ: `10.0.0.5`, `10.0.0.5 -> 10.0.0.6`. */
  readonly detail: string;
  readonly before?: Position;
  readonly after?: Position;
}

/** What the sides declare beside firewalls; of Proxmox's own files the host and guests alone. */
export function declaredChanges(base: DiffSide, head: DiffSide): readonly DeclaredChange[] {
  const machines = [
    ...changesOf("host", hostOf(base), hostOf(head)),
    ...changesOf("guest", guestsOf(base), guestsOf(head)),
  ];
  if (!base.estate || !head.estate) return machines;
  const [was, is] = [base.estate, head.estate];
  return [
    ...machines,
    ...changesOf("DNS", answersOf(was), answersOf(is)),
    ...changesOf("route", routesOf(was), routesOf(is)),
    ...changesOf("public name", publicNamesOf(was), publicNamesOf(is)),
    ...changesOf("certificate authority", authorityOf(was), authorityOf(is)),
    ...changesOf("certificate", certificatesOf(was), certificatesOf(is)),
  ];
}

/** By key, in the order of head, what is gone last. */
function changesOf(topic: Topic, base: readonly Entry[], head: readonly Entry[]): readonly DeclaredChange[] {
  const before = new Map(base.map((entry) => [entry.key, entry]));
  const after = new Map(head.map((entry) => [entry.key, entry]));
  return [...new Set([...after.keys(), ...before.keys()])].flatMap((key) => {
    const [was, is] = [before.get(key), after.get(key)];
    const detail = was && is ? differing(was, is) : fieldsOf(was ?? is);
    if (was && is && detail === "") return [];
    return [
      {
        topic,
        what: was ? (is ? "changed" : "removed") : "added",
        subject: key,
        detail,
        ...(was?.position && { before: was.position }),
        ...(is?.position && { after: is.position }),
      } as const,
    ];
  });
}

function fieldsOf(entry: Entry | undefined): string {
  const known = Object.entries(entry?.fields ?? {}).filter(([, value]) => value !== undefined);
  return known.map(([name, value]) => (known.length === 1 ? value : `${name} ${value}`)).join(", ");
}

/** Fields that both know, and not as the same. */
function differing({ fields: was }: Entry, { fields: is }: Entry): string {
  return Object.entries(is)
    .filter(([name, value]) => value !== undefined && was[name] !== undefined && was[name] !== value)
    .map(([name, value]) => `${name} ${was[name]} -> ${value}`)
    .join(", ");
}

/** Where the node stands in the network: its rules and all that asks it for names go by its address. */
function hostOf({ node: { host } }: DiffSide): readonly Entry[] {
  const { address, bridge, localNetwork: network, gateway = "none" } = host;
  return [{ key: "the host", fields: { address, network, bridge, gateway } }];
}

function guestsOf({ node, estate, names, addresses }: DiffSide): readonly Entry[] {
  const known = new Map(estate?.guests.map((guest) => [guest.id, guest]));
  return node.nics.map((nic) => {
    const guest = known.get(nic.guestId);
    const file = node.guests.get(nic.guestId);
    return {
      key: nic.place,
      fields: {
        name: names.get(nic.guestId),
        kind: nic.kind,
        address: addresses.get(nic.place)?.join(", "),
        gateway: guest && (guest.gateway ?? "none"),
        "name servers": guest && (guest.nameservers.join(", ") || "none named"),
        role: guest?.role,
        bridge: nic.bridge,
        MAC: nic.mac,
        firewall: file ? (file.options.get("enable")?.value === "1" && nic.flagged ? "on" : "off") : "none",
      },
      position: nic.position,
    };
  });
}

const HORIZONS = { external: "outside", internal: "inside", ca: "Step-CA" } as const;

/** What each horizon answers, by name and address; the CA's view is told only where it is not the internal one. */
function answersOf(estate: Estate): readonly Entry[] {
  const { dns, routes } = estate;
  const mesh = guestOf(estate, "mesh").address;
  const inside = new Map(
    [...dns.external, ...dns.externalInside, ...dns.internal].map((record) => [record.name, record]),
  );
  const entry = (
    horizon: keyof typeof HORIZONS,
    name: string,
    address: string,
    position: Position,
  ): Entry => ({
    key: `${name} ${HORIZONS[horizon]}`,
    fields: { address },
    position,
  });
  const server = {
    key: "the server",
    fields: {
      enabled: dns.enabled ? "yes" : "no",
      upstream: dns.upstreamServers.join(", ") || "none",
      external: dns.externalZone,
      internal: dns.internalZone,
    },
  };
  return [
    server,
    ...dns.external.map(({ name, address, position }) => entry("external", name, address, position)),
    ...[...inside.values()].map(({ name, address, position }) => entry("internal", name, address, position)),
    ...routes
      .filter(({ hostname }) => inside.get(hostname)?.address !== mesh)
      .map(({ hostname, position }) => entry("ca", hostname, mesh, position)),
  ];
}

function routesOf({ routes }: Estate): readonly Entry[] {
  return routes.map(({ hostname, guestId, address, port, tls, position }) => ({
    key: hostname,
    fields: { to: `${tls ? "https" : "http"}://${address}:${port} (guest ${guestId})` },
    position,
  }));
}

function publicNamesOf({ publicNames }: Estate): readonly Entry[] {
  return publicNames.map(({ external, internal, position }) => ({
    key: external,
    fields: { to: internal },
    position,
  }));
}

function authorityOf({ ca }: Estate): readonly Entry[] {
  const { guestId: guest, dnsName: name, port, provisioner } = ca;
  return [{ key: "Step-CA", fields: { guest, name, port: String(port), provisioner } }];
}

/** Each name that is certified: by ACME for Traefik and for guests that order themselves, and for a backend that speaks TLS its own. */
function certificatesOf(estate: Estate): readonly Entry[] {
  const { routes, publicNames, ca } = estate;
  const entry = (name: string, holder: string, resolver: string, position: Position): Entry => ({
    key: `${name} of ${holder}`,
    fields: { resolver },
    position,
  });
  return [
    ...routes.map(({ hostname, position }) =>
      entry(hostname, "Traefik", `acme, provisioner ${ca.provisioner}`, position),
    ),
    ...ownClients(estate).flatMap(({ guest, names }) =>
      names.map(({ name, position }) =>
        entry(name, `guest ${guest.id}`, `acme, provisioner ${ca.provisioner}`, position),
      ),
    ),
    ...routes
      .filter(({ tls }) => tls)
      .map(({ hostname, guestId, position }) => entry(hostname, `guest ${guestId}`, "Step-CA", position)),
    ...publicNames.map(({ external, position }) => entry(external, "Nginx", "a public CA", position)),
  ];
}
