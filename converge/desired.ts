import { type Estate, guestOf } from "../policy/estate.ts";
import { lanAddress } from "../policy/place.ts";
import { nodeOf } from "../policy/proxmox/node.ts";
import { authorityFiles } from "./authority.ts";
import { backendResources, LISTENERS_FILE, listeners } from "./backends.ts";
import { dnsFiles } from "./dns.ts";
import { edgeFiles } from "./edge.ts";
import { compileFirewall } from "./firewall.ts";
import { folderOf, KEYS, PUBLIC_DNS_ADDRESS, RECEIPTS_FILE, RUN, TRAEFIK_API_PORT } from "./layout.ts";
import { fabricLinks, guestLinks } from "./links.ts";
import { ACME_EMAIL, meshFiles, RESOLVER, routeLines } from "./mesh.ts";
import { operated } from "./operator/operated.ts";
import { digestOf } from "./plan.ts";
import type { Reload, Resource } from "./resource.ts";

type Service = Extract<Resource, { kind: "service" }>;

/** Everything that a lab of this estate holds, in the order in which it is made: the declaration, rendered. */
export function desired(estate: Estate): Resource[] {
  const fabric = fabricLinks(estate, lanAddress(estate));
  return operated(estate, [
    ...namespaces(estate, digestOf(fabric)),
    { kind: "firewall", key: "firewall host", namespace: "host", ...compileFirewall(nodeOf(estate)) },
    fabric,
    ...estate.guests.map((guest) => guestLinks(estate, guest)),
    NAMED,
    keys(estate),
    edgeCertificate(estate),
    acmeStore(estate),
    ...resolvConfs(estate),
    ...dnsFiles(estate),
    ...authorityFiles(estate),
    ...meshFiles(estate),
    ...edgeFiles(estate),
    ...backendResources(estate),
    ...services(estate),
  ]);
}

const NO_IPV6 = { "net/ipv6/conf/all/disable_ipv6": "1", "net/ipv6/conf/default/disable_ipv6": "1" };
const NOT_FILTERED = {
  "net/bridge/bridge-nf-call-iptables": "0",
  "net/bridge/bridge-nf-call-ip6tables": "0",
  "net/bridge/bridge-nf-call-arptables": "0",
};

/* The files declare no IPv6 address: the family is disabled everywhere. rp_filter: 1 strict (the gateway), 2 loose (what
   pve-firewall sets on the node). */
function namespaces(estate: Estate, fabric: string): Resource[] {
  const namespace = (name: string, sysctls: Record<string, string>): Resource => ({
    kind: "namespace",
    key: `namespace ${name}`,
    name,
    sysctls: { ...NO_IPV6, ...sysctls },
    ...(estate.guests.some(({ id }) => id === name) ? {} : { links: fabric }),
  });
  return [
    namespace("host", {
      "net/bridge/bridge-nf-call-iptables": "1",
      "net/bridge/bridge-nf-call-ip6tables": "1",
      "net/bridge/bridge-nf-call-arptables": "0",
      "net/ipv4/conf/all/rp_filter": "2",
      "net/ipv4/ip_forward": "0",
    }),
    namespace("gateway", {
      ...NOT_FILTERED,
      "net/ipv4/conf/all/rp_filter": "1",
      "net/ipv4/conf/default/rp_filter": "1",
      "net/ipv4/conf/all/send_redirects": "0",
      "net/ipv4/conf/default/send_redirects": "0",
      "net/ipv4/ip_forward": "1",
    }),
    ...["lan", "wan", "internet", ...estate.guests.map((guest) => guest.id)].map((name) =>
      namespace(name, {}),
    ),
  ];
}

function keys(estate: Estate): Resource {
  const caName = estate.ca.dnsName;
  const spec = { folder: KEYS.folder, caName, acmeStore: acmePath(estate), acmeEmail: ACME_EMAIL };
  return { kind: "keys", key: "keys", spec };
}

function acmePath(estate: Estate): string {
  return `${folderOf(guestOf(estate, "mesh").id)}/acme.json`;
}

function edgeCertificate(estate: Estate): Resource {
  const spec = {
    names: estate.publicNames.map(({ external }) => external),
    certPath: KEYS.edgeChain,
    keyPath: KEYS.edgeKey,
    rootPath: KEYS.publicRoot,
    rootKeyPath: KEYS.publicRootKey,
  };
  return { kind: "edge-certificate", key: EDGE_CERTIFICATE, spec };
}

function acmeStore(estate: Estate): Resource {
  const names = estate.routes.map(({ hostname }) => hostname);
  return { kind: "acme-store", key: ACME_STORE, path: acmePath(estate), resolver: RESOLVER, names };
}

const EDGE_CERTIFICATE = "edge certificate";
const ACME_STORE = "acme store";

function resolvConfs(estate: Estate): Resource[] {
  const node = estate.dns.enabled ? [estate.host.address] : [];
  const guests = estate.guests.map(({ id, nameservers }) =>
    resolvConf(id, nameservers.length ? nameservers : node),
  );
  return [
    ...guests,
    resolvConf("host", node),
    resolvConf("lan", node),
    resolvConf("wan", [PUBLIC_DNS_ADDRESS]),
  ];
}

function resolvConf(place: string, servers: readonly string[]): Resource {
  const path = `${folderOf(place)}/resolv.conf`;
  const content = servers.map((server) => `nameserver ${server}\n`).join("");
  return { kind: "file", key: `file ${path}`, path, content };
}

/* A copy: where AppArmor is on, Debian's profile confines /usr/sbin/named to folders that are not a lab's. */
const NAMED = { kind: "copy", key: "copy named", from: "/usr/sbin/named", to: `${RUN}/bin/named` } as const;

function services(estate: Estate): Service[] {
  const node = estate.dns.enabled ? [nodeDns(estate)] : [];
  const dnsKeys = node.map(({ key }) => key);
  return [
    ...node,
    publicDns(estate),
    authority(estate),
    mesh(estate, dnsKeys),
    edge(estate),
    backends(estate),
  ];
}

function nodeDns(estate: Estate): Service {
  const folder = folderOf("host");
  const zones = ["external", "phoenix", "internal", "ca", "reverse"].map(
    (zone) => `file ${folder}/${zone}.zone`,
  );
  return {
    ...service("dns", "host", [NAMED.to, "-g", "-c", `${folder}/named.conf`]),
    reads: [NAMED.key],
    reload: namedReload(folder, "dns", [`file ${folder}/named.conf`, ...zones]),
    ready: { kind: "dns", server: estate.host.address, name: estate.dns.externalZone },
  };
}

function publicDns(estate: Estate): Service {
  const folder = folderOf("internet");
  return {
    ...service("public-dns", "internet", [NAMED.to, "-g", "-c", `${folder}/named.conf`]),
    reads: [NAMED.key],
    reload: namedReload(
      folder,
      "public-dns",
      ["named.conf", "external.zone", "upstream.zone"].map((name) => `file ${folder}/${name}`),
    ),
    ready: { kind: "dns", server: PUBLIC_DNS_ADDRESS, name: estate.dns.externalZone },
  };
}

/** It says `running` at the end of each reading of its configuration and zones. */
function namedReload(folder: string, name: string, reads: readonly string[]): Reload {
  return { reads, signal: "HUP", said: { log: `${folder}/${name}.log`, line: " running$" } };
}

function authority(estate: Estate): Service {
  const { id, address } = guestOf(estate, "ca");
  const path = `${folderOf(id)}/ca.json`;
  return {
    ...service("step-ca", id, ["{step-ca}", path]),
    resolvConf: `${folderOf(id)}/resolv.conf`,
    reads: ["keys", `file ${folderOf(id)}/resolv.conf`],
    reload: {
      reads: [`file ${path}`],
      signal: "HUP",
      said: { log: `${folderOf(id)}/step-ca.log`, line: " Serving HTTPS on " },
    },
    ready: { kind: "ca", address, port: estate.ca.port, name: estate.ca.dnsName, root: KEYS.root },
  };
}

/**
 * Only after the CA and the DNS: Traefik does not repeat an order that failed. It watches its dynamic file; a name that it
 * is to forget needs another process.
 */
function mesh(estate: Estate, dnsKeys: readonly string[]): Service {
  const { id } = guestOf(estate, "mesh");
  const folder = folderOf(id);
  const files = [`${folder}/traefik.yml`, `${folder}/resolv.conf`];
  const names = estate.routes.map((route) => route.hostname);
  return {
    ...service("traefik", id, ["{traefik}", `--configFile=${folder}/traefik.yml`]),
    resolvConf: `${folder}/resolv.conf`,
    reads: ["keys", ACME_STORE, ...files.map((path) => `file ${path}`)],
    reload: { reads: [`file ${folder}/dynamic/estate.yml`] },
    after: ["service step-ca", ...dnsKeys],
    ready: { kind: "certificates", api: TRAEFIK_API_PORT, names, routes: routeLines(estate) },
  };
}

function edge(estate: Estate): Service {
  const { id, address } = guestOf(estate, "gateway");
  const path = `${folderOf(id)}/nginx.conf`;
  const log = `${folderOf(id)}/error.log`;
  return {
    ...service("nginx", id, ["nginx", "-c", path, "-e", log]),
    reload: {
      reads: ["keys", EDGE_CERTIFICATE, `file ${path}`],
      check: ["nginx", "-t", "-q", "-c", path, "-e", log],
      signal: "HUP",
      said: { log, line: "gracefully shutting down" },
    },
    ready: { kind: "tcp", listeners: [`${address}:80`, `${address}:443`] },
  };
}

/* It enters each guest's namespace by itself, so it starts in the node's. */
function backends(estate: Estate): Service {
  const all = listeners(estate).filter(({ proto }) => proto === "tcp");
  const certificates = estate.routes
    .filter((route) => route.tls)
    .map((route) => `certificate ${route.hostname}`);
  return {
    ...service("backends", "host", ["{node}", "{identity-server}", LISTENERS_FILE, RECEIPTS_FILE]),
    reload: {
      reads: [
        `file ${LISTENERS_FILE}`,
        ...certificates,
        ...all.flatMap(({ namespace }) => [`namespace ${namespace}`, `links ${namespace}`]),
      ],
      signal: "HUP",
      said: { log: `${folderOf("host")}/backends.log`, line: "^serving " },
    },
    ready: {
      kind: "tcp",
      listeners: all.map(({ namespace, address, port }) => `${address}:${port}@${namespace}`),
    },
  };
}

function service(name: string, namespace: string, argv: readonly string[]) {
  const log = `${folderOf(namespace)}/${name}.log`;
  return {
    kind: "service" as const,
    key: `service ${name}`,
    name,
    namespace,
    argv,
    reads: [],
    after: [],
    log,
  };
}
