import { isResponder } from "../policy/acme-client.ts";
import { type Estate, type Guest, guestOf } from "../policy/estate.ts";
import { BACKEND_PROVISIONER } from "./authority.ts";
import { folderOf, KEYS } from "./layout.ts";
import type { Resource } from "./resource.ts";

/** One identity server: where it listens, and who it says it is. */
export interface Listener {
  readonly namespace: string;
  readonly guest: string;
  readonly name: string;
  readonly address: string;
  readonly proto: "tcp" | "udp";
  readonly port: number;
  /** Paths of the lab: present where the declaration says https. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

export const LISTENERS_FILE = `${folderOf("backends")}/listeners.json`;

/** The certificates that TLS backends need, and the list that the identity server reads. */
export function backendResources(estate: Estate): Resource[] {
  const tls = estate.routes.filter((route) => route.tls);
  const certificates = tls.map((route): Resource => {
    const ca = guestOf(estate, "ca");
    const folder = folderOf(route.guestId);
    return {
      kind: "certificate",
      key: `certificate ${route.hostname}`,
      spec: {
        name: route.hostname,
        certPath: `${folder}/${route.hostname}.crt`,
        keyPath: `${folder}/${route.hostname}.key`,
        caNamespace: ca.id,
        caAddress: ca.address,
        caPort: estate.ca.port,
        caName: estate.ca.dnsName,
        rootPath: KEYS.root,
        provisioner: BACKEND_PROVISIONER,
        provisionerKeyPath: KEYS.provisionerKey,
      },
    };
  });
  const content = `${JSON.stringify(listeners(estate), null, 2)}\n`;
  return [...certificates, { kind: "file", key: `file ${LISTENERS_FILE}`, path: LISTENERS_FILE, content }];
}

/** An identity server on each port of a backend that a declared rule opens or a route names, but for an ACME client's responder. */
export function listeners(estate: Estate): Listener[] {
  return estate.guests
    .filter((guest) => guest.role === "backend")
    .flatMap((guest) => listenersOf(estate, guest));
}

function listenersOf(estate: Estate, guest: Guest): Listener[] {
  const routes = estate.routes.filter((route) => route.guestId === guest.id);
  const opened = (guest.firewall?.rules ?? [])
    .filter((rule) => rule.type === "in" && rule.action === "ACCEPT" && rule.enabled)
    .filter((rule) => rule.proto === "tcp" || rule.proto === "udp")
    .flatMap((rule) => portsOf(rule.port).map((port) => ({ proto: rule.proto as "tcp" | "udp", port })))
    .filter(({ proto, port }) => proto === "udp" || !isResponder(estate, guest.id, port));
  const routed = routes.map((route) => ({ proto: "tcp" as const, port: route.port }));
  const all = new Map([...opened, ...routed].map((each) => [`${each.proto}/${each.port}`, each]));
  return [...all.values()].map(({ proto, port }) => {
    const https = routes.find((route) => route.tls && route.port === port && proto === "tcp");
    const folder = folderOf(guest.id);
    const tls = https && { cert: `${folder}/${https.hostname}.crt`, key: `${folder}/${https.hostname}.key` };
    const { id, name, address } = guest;
    return { namespace: id, guest: id, name, address, proto, port, ...(tls ? { tls } : {}) };
  });
}

/** A wide range gets listeners at its first ports and its last: the rest is shown by packets. */
const RANGE_LISTENERS = 16;

function portsOf(port: string | undefined): number[] {
  return (port ?? "").split(",").flatMap((part) => {
    const [first = Number.NaN, last = first] = part.split(":").map(Number);
    if (!Number.isInteger(first) || !Number.isInteger(last)) return [];
    const count = Math.min(last - first + 1, RANGE_LISTENERS);
    return [...new Set([...Array.from({ length: count }, (_, index) => first + index), last])];
  });
}
