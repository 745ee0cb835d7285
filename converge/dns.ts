import { createHash } from "node:crypto";
import { casView } from "../policy/ca-view.ts";
import { type Estate, guestOf } from "../policy/estate.ts";
import {
  folderOf,
  PUBLIC_DNS_ADDRESS,
  PUBLIC_NS_NAME,
  UPSTREAM_KNOWN_ADDRESS,
  UPSTREAM_KNOWN_NAME,
} from "./layout.ts";
import type { Resource } from "./resource.ts";

interface Entry {
  readonly name: string;
  readonly type: "A" | "PTR";
  readonly value: string;
}

const TTL_SECONDS = 300;

/** The node's `named` with its three views, and the public one beyond the gateway, from one declaration. */
export function dnsFiles(estate: Estate): Resource[] {
  const { dns, host } = estate;
  const inside = addresses(dns.externalInside);
  const phoenixInside = dns.external.map(({ name, address }) => ({
    name,
    address: inside.get(name) ?? address,
  }));
  const onlyInside = dns.externalInside.filter(
    ({ name }) => !dns.external.some((record) => record.name === name),
  );
  const internalNs = dns.internal.find((record) => record.address === host.address)?.name ?? PUBLIC_NS_NAME;
  const zones = {
    external: zone(dns.externalZone, PUBLIC_NS_NAME, dns.external.map(toA)),
    phoenix: zone(dns.externalZone, PUBLIC_NS_NAME, [...phoenixInside, ...onlyInside].map(toA)),
    internal: zone(dns.internalZone, internalNs, dns.internal.map(toA)),
    ca: zone(dns.internalZone, internalNs, casView(estate).map(toA)),
    reverse: zone(reverseZone(host.subnet), internalNs, dns.internal.map(toPtr)),
  };
  const node = folderOf("host");
  const internet = folderOf("internet");
  return [
    ...Object.entries(zones).map(([name, content]) => file(`${node}/${name}.zone`, content)),
    file(`${node}/named.conf`, nodeConfig(estate, node)),
    file(`${internet}/external.zone`, zones.external),
    file(
      `${internet}/upstream.zone`,
      zone("upstream.test", PUBLIC_NS_NAME, [
        { name: UPSTREAM_KNOWN_NAME, type: "A", value: UPSTREAM_KNOWN_ADDRESS },
      ]),
    ),
    file(`${internet}/named.conf`, publicConfig(estate, internet)),
  ];
}

function nodeConfig(estate: Estate, folder: string): string {
  const { dns, host, guests } = estate;
  const ca = guestOf(estate, "ca").address;
  const clients = [
    host.address,
    "127.0.0.1",
    ...guests.map((guest) => guest.address).filter((each) => each !== ca),
  ];
  const forward = dns.upstreamServers.length
    ? `recursion yes; allow-recursion { any; }; forward only; forwarders { ${dns.upstreamServers.map((each) => `${each};`).join(" ")} };`
    : "recursion no;";
  const zones = (internal: string) =>
    [
      `  zone "${dns.internalZone}" { type primary; file "${internal}.zone"; };`,
      `  zone "${dns.externalZone}" { type primary; file "phoenix.zone"; };`,
      `  zone "${reverseZone(host.subnet)}" { type primary; file "reverse.zone"; };`,
    ].join("\n");
  return `${namedOptions(folder, [host.address])}
view "ca" {
  match-clients { ${ca}; };
  recursion no;
${zones("ca")}
};
view "internal" {
  match-clients { ${clients.map((each) => `${each};`).join(" ")} };
  ${forward}
${zones("internal")}
};
view "external" {
  match-clients { any; };
  recursion no;
  allow-query-cache { none; };
  zone "${dns.externalZone}" { type primary; file "external.zone"; };
};
`;
}

function publicConfig(estate: Estate, folder: string): string {
  const { dns } = estate;
  const upstreams = dns.upstreamServers.map((each) => `${each};`).join(" ");
  const upstreamView = `view "upstream" {
  match-destinations { ${upstreams} };
  recursion no;
  zone "upstream.test" { type primary; file "upstream.zone"; };
  zone "${dns.externalZone}" { type primary; file "external.zone"; };
};
`;
  return `${namedOptions(folder, [PUBLIC_DNS_ADDRESS, ...dns.upstreamServers], "querylog yes;")}
${upstreams ? upstreamView : ""}view "public" {
  match-clients { any; };
  recursion no;
  allow-query-cache { none; };
  zone "${dns.externalZone}" { type primary; file "external.zone"; };
};
`;
}

/** What every BIND of a lab is told. DNSSEC validation is off: the zones are unsigned and the lab has no root to start from. */
export function namedOptions(folder: string, listen: readonly string[], more = ""): string {
  return `options {
  directory "${folder}";
  pid-file "${folder}/named.pid";
  session-keyfile "${folder}/session.key";
  managed-keys-directory "${folder}";
  listen-on { ${listen.map((each) => `${each};`).join(" ")} };
  listen-on-v6 { none; };
  version none; hostname none; server-id none;
  allow-transfer { none; };
  allow-query { any; };
  minimal-any yes; minimal-responses yes;
  dnssec-validation no; notify no; empty-zones-enable no;${more === "" ? "" : ` ${more}`}
};
controls { };`;
}

/** A zone file; its serial is a digest of its content, so that it changes exactly when the zone does. */
function zone(origin: string, nameserver: string, entries: readonly Entry[]): string {
  const lines = entries.map(({ name, type, value }) => `${name}. IN ${type} ${value}`).sort();
  const body = [`@ IN NS ${nameserver}.`, ...new Set(lines)].join("\n");
  const serial = createHash("sha256").update(origin).update(body).digest().readUInt32BE(0);
  return `$ORIGIN ${origin}.
$TTL ${TTL_SECONDS}
@ IN SOA ${nameserver}. hostmaster.${origin}. ${serial} 3600 600 604800 300
${body}
`;
}

/** `10.0.0.0/24` -> `0.0.10.in-addr.arpa` (RFC 1035 section 3.5); a wider subnet gives the zone of its whole octets. */
function reverseZone(subnet: string): string {
  const [base = "", prefix = "24"] = subnet.split("/");
  const octets = base.split(".").slice(0, Math.max(1, Math.floor(Number(prefix) / 8)));
  return `${octets.slice(0, 3).reverse().join(".")}.in-addr.arpa`;
}

function toA({ name, address }: { name: string; address: string }): Entry {
  return { name, type: "A", value: address };
}

function toPtr({ name, address }: { name: string; address: string }): Entry {
  return { name: `${address.split(".").reverse().join(".")}.in-addr.arpa`, type: "PTR", value: `${name}.` };
}

function addresses(records: readonly { name: string; address: string }[]): Map<string, string> {
  return new Map(records.map(({ name, address }) => [name, address]));
}

function file(path: string, content: string): Resource {
  return { kind: "file", key: `file ${path}`, path, content };
}
