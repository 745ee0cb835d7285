import { type Estate, guestOf, type PublicName } from "../policy/estate.ts";
import type { ServiceObservation } from "../probes/observation.ts";
import type { RawProbe } from "../probes/probe.ts";

/** Line ends of HTTP/1, RFC 9112 section 2.2. */
export const CRLF = "\r\n";
/** Of a request that is its connection's last. */
export const LAST = `X-Phx-Canary: {canary}${CRLF}Connection: close${CRLF}${CRLF}`;

/** A request line with the headers that every request of ours has. */
export function get(host: string, target = "/", method = "GET"): string {
  return `${method} ${target} HTTP/1.1${CRLF}Host: ${host}${CRLF}${LAST}`;
}

/** Bytes from `wan` to Nginx: over TLS for a name, without a name where that is `undefined`, or in plain on port 80. */
export function toEdge(
  estate: Estate,
  title: string,
  bytes: string,
  over: { readonly servername: string | undefined } | "plain",
): RawProbe {
  const { address } = guestOf(estate, "gateway");
  const port = over === "plain" ? 80 : 443;
  const { servername } = over === "plain" ? { servername: undefined } : over;
  const where = over === "plain" ? "plain" : `SNI ${servername ?? "none"}`;
  return {
    kind: "raw",
    id: `raw wan > ${address}:${port} ${where}: ${title}`,
    from: "wan",
    address,
    port,
    ...(over === "plain" ? {} : { tls: servername === undefined ? {} : { servername } }),
    title,
    bytes,
  };
}

/** Of an observation a fact that is a list. */
export function listOf({ facts }: ServiceObservation, name: string): readonly string[] {
  const fact = facts[name];
  return Array.isArray(fact) ? fact : [];
}

/** The plain request for a public name that arrives where it is declared to: the twin of what is to be refused. */
export function declaredRequest(estate: Estate, { external }: PublicName): RawProbe {
  return toEdge(estate, `GET https://${external}/`, get(external), { servername: external });
}
