import type { DnsRecord, Estate } from "../policy/estate.ts";
import { guestOf } from "../policy/estate.ts";
import type { DnsQuestion, QuestionsProbe } from "../probes/probe.ts";

/** The public server beyond the gateway: RFC 5737 TEST-NET-3. */
const PUBLIC_SERVER = "203.0.113.53";
/** What the lab's upstream alone answers for. */
export const FOREIGN_ZONE = "upstream.test";
export const FOREIGN_NAME = `known.${FOREIGN_ZONE}`;
export const TRANSPORTS = ["udp", "tcp"] as const;
/** A label that no estate declares: its absence shows that no wildcard answers. */
export const UNDECLARED_LABEL = "undeclared-7f3a";

/** One question; `label` names what is special about it, since equal ids would be one question. */
export function question(
  transport: "udp" | "tcp",
  type: string,
  name: string,
  label = "",
  more: Partial<DnsQuestion> = {},
): DnsQuestion {
  const id = `${type} ${name} ${transport}${label && ` ${label}`}`;
  return { id, transport, type, name, ...more };
}

/** Questions as one probe, each once. */
export function batch(
  purpose: string,
  { from, server }: Asker,
  questions: readonly DnsQuestion[],
): QuestionsProbe {
  const each = new Map(questions.map((asked) => [asked.id, asked]));
  return {
    kind: "questions",
    id: `dns ${from} > ${server} ${purpose}`,
    from,
    server,
    questions: [...each.values()],
  };
}

/** Who asks whom. */
export interface Asker {
  readonly from: string;
  readonly server: string;
}

/** Who is outside, and which server tells them. */
export function outsiders(estate: Estate): Asker[] {
  return [
    { from: "wan", server: PUBLIC_SERVER },
    { from: "lan", server: estate.host.address },
  ];
}

/** Inside: the node, and each guest but the CA, which has a view of its own. */
export function insiders(estate: Estate): Asker[] {
  const ca = guestOf(estate, "ca").id;
  const guests = estate.guests.map(({ id }) => id).filter((id) => id !== ca);
  return ["host", ...guests].map((from) => ({ from, server: estate.host.address }));
}

export function casAsker(estate: Estate): Asker {
  return { from: guestOf(estate, "ca").id, server: estate.host.address };
}

/** Records by their name. */
export function byName(records: readonly DnsRecord[]): [string, DnsRecord[]][] {
  return [...Map.groupBy(records, ({ name }) => name)];
}

/** A name that every server answers, outside too: who answers it is not dead. */
export function publicName({ dns }: Estate): string | undefined {
  return dns.external[0]?.name;
}

/** The name that an address has in the reverse zone, RFC 1035 section 3.5. */
export function reverseName(address: string): string {
  return `${address.split(".").reverse().join(".")}.in-addr.arpa`;
}

/** Letters of a name in changing case (draft-vixie-dnsext-dns0x20): the question comes back bit for bit. */
export function mixedCase(name: string): string {
  return name.replace(/(.)(.?)/g, (_, odd: string, even: string) => odd.toUpperCase() + even);
}

/** So many addresses of a subnet are asked for at most, a /20. */
const MOST_ADDRESSES = 4_096;

/** Every address of the declared subnet, network and broadcast address too; of a wider one than a /20 the first ones. */
export function subnetAddresses({ host }: Estate): string[] {
  const [base = "", prefix = "24"] = host.subnet.split("/");
  const first = base.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const count = Math.min(2 ** (32 - Number(prefix)), MOST_ADDRESSES);
  return Array.from({ length: count }, (_, index) =>
    [24, 16, 8, 0].map((shift) => Math.floor((first + index) / 2 ** shift) % 256).join("."),
  );
}
