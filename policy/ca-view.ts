import { type DnsRecord, type Estate, guestOf } from "./estate.ts";
import { horizonOf } from "./zone.ts";

/**
 * The internal zone as Step-CA is answered: each name is the address of the ACME client that is to certify it, since the
 * validator of TLS-ALPN-01 (RFC 8737 section 3) connects to what the name resolves to. Traefik's are its own address there;
 * a guest that orders for itself has it already.
 */
export function casView(estate: Estate): readonly Pick<DnsRecord, "name" | "address">[] {
  const mesh = guestOf(estate, "mesh").address;
  const certified = new Set(estate.routes.map((route) => route.hostname));
  const kept = estate.dns.internal.filter(({ name }) => !certified.has(name));
  return [...kept, ...[...certified].map((name) => ({ name, address: mesh }))];
}

/** What the node's name server answers Step-CA for each name of both zones; of zones that lie in each other the longer has it. */
export function casAnswers(estate: Estate): ReadonlyMap<string, string> {
  const { external, externalInside, externalZone, internalZone } = estate.dns;
  const zones = { external: externalZone, internal: internalZone };
  const answers = new Map([...external, ...externalInside].map(({ name, address }) => [name, address]));
  for (const { name, address } of casView(estate))
    if (horizonOf(name, zones) === "internal") answers.set(name, address);
  return answers;
}
