import { type Estate, type Guest, guestOf, type Position } from "./estate.ts";
import type { Place } from "./flow.ts";

/** Port of a TLS-ALPN-01 validation, and of nothing else on a guest that is a client: RFC 8737 section 3. */
export const RESPONDER_PORT = 443;

/** A name that is to be certified, and where it is declared. */
export interface CertifiedName {
  readonly name: string;
  readonly position: Position;
}

/** Who orders certificates of Step-CA by ACME, where its responder listens, and for which names it orders. */
export interface AcmeClient {
  readonly guest: Guest;
  /** Not empty, unless it is Traefik. */
  readonly names: readonly CertifiedName[];
}

/** Traefik for the names that it routes, then every guest that orders for itself, in the estate's order. */
export function acmeClients(estate: Estate): readonly AcmeClient[] {
  const routed = estate.routes.map(({ hostname: name, position }) => ({ name, position }));
  return [{ guest: guestOf(estate, "mesh"), names: routed }, ...ownClients(estate)];
}

const OWN = new WeakMap<Estate, readonly AcmeClient[]>();

/**
 * Guests without a route whose rules take TLS-ALPN-01's validation, tcp 443 from Step-CA, while Step-CA takes their
 * orders: both ends name each other. Their names are their own of the internal zone; such a guest has at least one.
 */
export function ownClients(estate: Estate): readonly AcmeClient[] {
  const known = OWN.get(estate) ?? findOwn(estate);
  OWN.set(estate, known);
  return known;
}

function findOwn(estate: Estate): AcmeClient[] {
  const ca = guestOf(estate, "ca");
  const routed = new Set(estate.routes.flatMap(({ guestId, hostname }) => [guestId, hostname]));
  const named = Map.groupBy(estate.dns.internal, ({ address }) => address);
  return estate.guests
    .filter(({ id, role }) => role === "backend" && !routed.has(id))
    .filter((guest) => accepts(guest, ca, RESPONDER_PORT) && accepts(ca, guest, estate.ca.port))
    .map((guest) => ({
      guest,
      names: (named.get(guest.address) ?? []).filter(
        ({ name }) => !routed.has(name) && name !== estate.ca.dnsName,
      ),
    }))
    .filter(({ names }) => names.length > 0);
}

/** A rule in force at `to` that names the sender's very address and the port. */
function accepts(to: Guest, from: Guest, port: number): boolean {
  return (to.firewall?.rules ?? []).some(
    (rule) =>
      rule.enabled &&
      rule.type === "in" &&
      rule.action === "ACCEPT" &&
      rule.proto === "tcp" &&
      (rule.source ?? "").split(",").includes(from.address) &&
      (rule.port ?? "").split(",").includes(String(port)),
  );
}

/** Whether a client's responder has this port: it listens only while an order of its own is validated. */
export function isResponder(estate: Estate, place: Place, port: number): boolean {
  return port === RESPONDER_PORT && ownClients(estate).some(({ guest }) => guest.id === place);
}

/** All that Step-CA is to certify, each once, sorted. */
export function certifiedNames(estate: Estate): readonly string[] {
  return [...new Set(acmeClients(estate).flatMap(({ names }) => names.map(({ name }) => name)))].sort();
}
