/** Paths of a lab's run folder, and the addresses beyond the gateway. The lab's own, never the declaration's. */
export const RUN = "/run/phx";

/** The gateway's outer side. */
export const GATEWAY_OUTER_ADDRESS = "203.0.113.1";
/** The public DNS server, beyond the gateway. */
export const PUBLIC_DNS_ADDRESS = "203.0.113.53";
/** NS and SOA MNAME of the external zone: a name outside of it (RFC 1034 section 4.2.1 asks for no glue then). */
export const PUBLIC_NS_NAME = "ns1.public-dns.test";
/** The only port of Traefik's API, on its loopback. */
export const TRAEFIK_API_PORT = 8080;
/** What the lab's upstream resolver knows besides the public zone. */
export const UPSTREAM_KNOWN_NAME = "known.upstream.test";
export const UPSTREAM_KNOWN_ADDRESS = "192.0.2.1";

/** Folder of one place (a guest's id, `host`, `internet`) in the lab's run folder. */
export function folderOf(place: string): string {
  return `${RUN}/${place}`;
}

/** What the backends received, a line of JSON for each request with a canary. */
export const RECEIPTS_FILE = `${RUN}/backends/receipts.log`;

/** The run's keys and certificates. */
export const KEYS = {
  folder: `${RUN}/keys`,
  root: `${RUN}/keys/root_ca.crt`,
  intermediate: `${RUN}/keys/intermediate_ca.crt`,
  intermediateKey: `${RUN}/keys/intermediate_ca.key`,
  provisionerPublic: `${RUN}/keys/provisioner.pub.json`,
  provisionerKey: `${RUN}/keys/provisioner.key`,
  publicRoot: `${RUN}/keys/public_root.crt`,
  publicRootKey: `${RUN}/keys/public_root.key`,
  edgeChain: `${RUN}/keys/edge.crt`,
  edgeKey: `${RUN}/keys/edge.key`,
} as const;
