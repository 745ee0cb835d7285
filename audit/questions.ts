import type { DnsRecord, Estate } from "../policy/estate.ts";
import type { DnsProbe } from "../probes/probe.ts";

/** The public server beyond the gateway: RFC 5737 TEST-NET-3. */
const PUBLIC_SERVER = "203.0.113.53";
export const TRANSPORTS = ["udp", "tcp"] as const;

/** One question as a probe. */
export function ask(
  from: string,
  server: string,
  transport: "udp" | "tcp",
  type: string,
  name: string,
): DnsProbe {
  return {
    kind: "dns",
    id: `dns ${from} > ${server} ${type} ${name} ${transport}`,
    from,
    server,
    transport,
    name,
    type,
  };
}

/** Who is outside, and which server tells them. */
export function outsiders(estate: Estate): { readonly from: string; readonly server: string }[] {
  return [
    { from: "wan", server: PUBLIC_SERVER },
    { from: "lan", server: estate.host.address },
  ];
}

/** Records by their name. */
export function byName(records: readonly DnsRecord[]): [string, DnsRecord[]][] {
  return [...Map.groupBy(records, ({ name }) => name)];
}

/** The name that an address has in the reverse zone, RFC 1035 section 3.5. */
export function reverseName(address: string): string {
  return `${address.split(".").reverse().join(".")}.in-addr.arpa`;
}
