import { type AcmeClient, acmeClients, certifiedNames, ownClients } from "../../policy/acme-client.ts";
import { type Estate, guestOf } from "../../policy/estate.ts";
import type { AcmeProbe, Identifier, OrdersProbe } from "../../probes/acme/probe.ts";
import type { ServiceObservation } from "../../probes/observation.ts";
import { serviceCheck } from "../check.ts";
import type { Control, Observations } from "../control.ts";
import { declaredAt } from "../declared.ts";
import type { Check } from "../finding.ts";

/** What Step-CA's own policy allows a leaf, and what it takes off its begin (`backdate`). */
const LONGEST_SECONDS = 24 * 3_600 + 60;
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const YEAR_DAYS = 365;

function asking(estate: Estate, from: string) {
  const { dnsName: servername, port, provisioner } = estate.ca;
  return { from, address: guestOf(estate, "ca").address, port, servername, provisioner };
}

function obtaining(estate: Estate, { guest }: AcmeClient, name: string, lifetimeDays?: number): AcmeProbe {
  const year = lifetimeDays === undefined ? {} : { lifetimeDays };
  const id = `acme ${guest.id} ${name}${lifetimeDays === undefined ? "" : ` for ${lifetimeDays} days`}`;
  return { kind: "acme", id, ...asking(estate, guest.id), name, responder: guest.address, ...year };
}

/** Each guest that orders for itself, and each of its names: a certificate from scratch. */
function obtained(estate: Estate) {
  return ownClients(estate).flatMap((client) =>
    client.names.map((asked) => ({ client, asked, probe: obtaining(estate, client, asked.name) })),
  );
}

export function obtainProbes(estate: Estate): AcmeProbe[] {
  return obtained(estate).map(({ probe }) => probe);
}

/** That it came, that both ends saw the same validation, and what the certificate is. */
export function obtainChecks(estate: Estate, seen: Observations): Check[] {
  return obtained(estate).flatMap(({ client, asked, probe }) => {
    const observation = seen.service(probe.id);
    const declared = declaredAt(estate, asked.position);
    const about = { observation, name: asked.name, declared };
    const ended = endCheck(estate, client, about);
    return ended.result === "pass" ? [ended, handshakeCheck(estate, about), leafCheck(about)] : [ended];
  });
}

interface About {
  readonly observation: ServiceObservation;
  readonly name: string;
  readonly declared: Check["declared"];
}

function endCheck(estate: Estate, { guest }: AcmeClient, about: About): Check {
  const { id, facts, outcome, answer } = about.observation;
  const { observation: _, name, declared } = about;
  const record = `${String(facts.serial)} ${name} ${estate.ca.provisioner} tls-alpn-01`;
  const good = facts.step === "obtained" && facts.record === record;
  const lost =
    facts.step === "obtained" ? `the CA's record has ${String(facts.record) || "no such serial"}` : answer;
  return serviceCheck(outcome, good, {
    title: `${guest.name} obtains a certificate for ${name} over TLS-ALPN-01, from a new account`,
    expected: `an account, an order, a valid challenge, a certificate; in the CA's record as tls-alpn-01`,
    observed: answer,
    reason: `${lost}; ${layerOf(facts)}`,
    ...(declared ? { declared } : {}),
    evidence: [id],
  });
}

/** Which end of a validation to look at. */
function layerOf(facts: ServiceObservation["facts"]): string {
  const handshakes = listOf(facts.handshakes);
  if (facts.step === "responder") return "the client's port 443 is taken: nothing was ordered";
  if (facts.step !== "challenge") return `${handshakes.length} handshakes reached the responder`;
  return handshakes.length > 0
    ? `the responder saw: ${handshakes.join("; ")}`
    : "no handshake reached the responder: look at what the name is in the CA's view, and at the rules from Step-CA to it";
}

function handshakeCheck(estate: Estate, { observation, name, declared }: About): Check {
  const { id, facts, outcome } = observation;
  const { address } = guestOf(estate, "ca");
  const over = (version: string) =>
    `${address} SNI ${name} offers acme-tls/1, gets acme-tls/1 over ${version}, 0 bytes`;
  const allowed = [over("TLSv1.2"), over("TLSv1.3")];
  const handshakes = listOf(facts.handshakes);
  const right = handshakes.length > 0 && handshakes.every((line) => allowed.includes(line));
  return serviceCheck(outcome, right && facts.challenge === "valid", {
    title: `the challenge of ${name} was validated by Step-CA, as its responder saw it`,
    expected: `from the responder's end: ${over("TLSv1.2 or 1.3")}; from the CA's: valid`,
    observed: `${handshakes.join("; ") || "no handshake"}; challenge ${String(facts.challenge)}`,
    reason: `the two ends differ, or somebody else asked: ${handshakes.join("; ") || "no handshake"}`,
    ...(declared ? { declared } : {}),
    evidence: [id],
  });
}

function leafCheck({ observation, name, declared }: About): Check {
  const { id, facts, outcome } = observation;
  const names = listOf(facts.names);
  const lifetime = Number(facts.lifetimeSeconds);
  const faults = [
    ...(facts.chained === true ? [] : ["it does not chain to the pinned root"]),
    ...(facts.chainLength === 2 ? [] : [`its chain has ${String(facts.chainLength)} certificates`]),
    ...(names.join() === `DNS:${name}` ? [] : [`it names ${names.join(", ") || "nothing"}`]),
    ...(facts.current === true ? [] : ["it is not valid now"]),
    ...(lifetime > 0 && lifetime <= LONGEST_SECONDS ? [] : [`it lasts ${lifetime} s`]),
    ...(listOf(facts.usages).includes(SERVER_AUTH) ? [] : ["it is not for servers"]),
    ...(facts.signs === true ? [] : ["its key usage has no critical digitalSignature"]),
    ...(facts.isCa === false ? [] : ["it is a CA's"]),
    ...(facts.challengeKey === false ? [] : ["the challenge was shown with its key"]),
    // RFC 5280 section 4.1.2.2 asks for uniqueness; 64 bits of it are 16 digits, of which some may be zero.
    ...(String(facts.serial).length >= 14 ? [] : ["its serial is shorter than 64 bits"]),
  ];
  return serviceCheck(outcome, faults.length === 0, {
    title: `the certificate for ${name} is what a server may have`,
    expected: `leaf and intermediate up to the pinned root, ${name} alone, for servers, at most ${LONGEST_SECONDS} s`,
    observed: faults.join("; ") || `${names.join(", ")}, ${lifetime} s, issued by ${String(facts.issuer)}`,
    reason: faults.join("; "),
    ...(declared ? { declared } : {}),
    evidence: [id],
  });
}

function listOf(value: ServiceObservation["facts"][string] | undefined): readonly string[] {
  return Array.isArray(value) ? value : [];
}

/* PKI-003: what the CA refuses, asked by the client that may order. */

/** A guest of its own where there is one, else Traefik: with a name that it may order. */
function orderer(estate: Estate): { readonly client: AcmeClient; readonly name: string } | undefined {
  const [own, ...others] = [...ownClients(estate), ...acmeClients(estate)].filter(
    ({ names }) => names.length > 0,
  );
  const client = own ?? others[0];
  const [first] = client?.names ?? [];
  return client && first && { client, name: first.name };
}

/** Identifiers that nobody declared to the CA, with why each must be refused. */
function refusedIdentifiers(estate: Estate, name: string): (Identifier & { readonly why: string })[] {
  const { internalZone: zone, externalZone } = estate.dns;
  const certified = new Set(certifiedNames(estate));
  const others = estate.dns.internal.filter(
    (record) => !certified.has(record.name) && record.name !== estate.ca.dnsName,
  );
  const dns = (value: string, why: string) => ({ type: "dns" as const, value, why });
  const all = [
    dns(`phx-nobody.${zone}`, "it is not declared"),
    dns(`PHX-NOBODY.${zone.toUpperCase()}`, "it is not declared, in upper case either"),
    dns(`phx-nobody.${zone}.`, "it is not declared, with a trailing dot either"),
    dns(`phx-nobody.${name}`, "it lies below a declared name"),
    dns(`a.b.${zone}`, "it is two labels deep"),
    dns(`*.${zone}`, "it is a wildcard"),
    dns(zone, "it is the zone itself"),
    dns(estate.ca.dnsName, "it is the CA's own"),
    dns(`phx-nobody.${externalZone}`, "it is of the external zone"),
    dns("portal.example.org", "it is of somebody else's zone"),
    ...estate.publicNames.map(({ external }) => dns(external, "it is a public name")),
    ...others.map((record) => dns(record.name, "it is a name in DNS that nobody certifies")),
    { type: "ip" as const, value: guestOf(estate, "mesh").address, why: "it is an address" },
  ];
  return [...new Map(all.map((each) => [each.value, each])).values()].filter(
    ({ value }) => !certified.has(value),
  );
}

function ordersProbe(estate: Estate): OrdersProbe | undefined {
  const found = orderer(estate);
  if (!found) return undefined;
  const { client, name } = found;
  const identifiers = refusedIdentifiers(estate, name).map(({ type, value }) => ({ type, value }));
  const id = `orders ${client.guest.id} > ${estate.ca.dnsName}`;
  const otherProvisioner = `${estate.ca.provisioner}-phx-nobody`;
  return {
    kind: "orders",
    id,
    ...asking(estate, client.guest.id),
    identifiers,
    declared: name,
    otherProvisioner,
  };
}

/** A year: only a client with a responder gets far enough to be refused it. */
function yearProbe(estate: Estate): AcmeProbe | undefined {
  const [client] = ownClients(estate);
  const [first] = client?.names ?? [];
  return client && first && obtaining(estate, client, first.name, YEAR_DAYS);
}

const refuses: Control = {
  id: "PKI-003",
  probes: (estate) => [ordersProbe(estate), yearProbe(estate)].filter((probe) => probe !== undefined),
  judge: (estate, seen) => {
    const orders = ordersProbe(estate);
    const year = yearProbe(estate);
    if (!orders) return [];
    const observation = seen.service(orders.id);
    return [
      twinCheck(estate, observation, orders),
      ...refusedIdentifiers(estate, orders.declared).map((each) => refusalCheck(observation, orders, each)),
      challengeCheck(observation, orders),
      provisionerCheck(estate, observation, orders),
      ...(year ? [yearCheck(seen.service(year.id), year)] : []),
    ];
  },
};

function twinCheck(
  estate: Estate,
  { id, outcome, facts, answer }: ServiceObservation,
  probe: OrdersProbe,
): Check {
  const position = orderer(estate)?.client.names[0]?.position;
  return serviceCheck(outcome, facts.declared === "201", {
    title: `the declared client may order ${probe.declared}`,
    expected: "201 at newOrder",
    observed: String(facts.declared ?? answer),
    reason: `${probe.declared} is declared, and the CA answers ${String(facts.declared)}: no refusal says anything then`,
    ...(position ? { declared: declaredAt(estate, position) } : {}),
    evidence: [id],
  });
}

/** Refused for the name and not for something else, while the twin was taken. */
function refusalCheck(
  { id, outcome, facts }: ServiceObservation,
  { declared }: OrdersProbe,
  { type, value, why }: Identifier & { readonly why: string },
): Check {
  const line = listOf(facts.answers).find((each) => each.startsWith(`${type} ${value} `));
  const answer = line?.slice(`${type} ${value} `.length) ?? "no answer";
  const told = facts.declared === "201" ? outcome : "unknown";
  return serviceCheck(told, told === "answered" && answer === "400 rejectedIdentifier", {
    title: `${value} can't be ordered: ${why}`,
    expected: "400 rejectedIdentifier at newOrder",
    observed: answer,
    reason: answer.startsWith("201") ? `the CA takes an order for ${value}` : `the CA answers ${answer}`,
    proofs: {
      stimulus: `newOrder for ${value}`,
      drop: `refused by the server: ${answer}`,
      twin: `${declared}: ${String(facts.declared)}`,
    },
    evidence: [id],
  });
}

function challengeCheck({ id, outcome, facts }: ServiceObservation, { declared }: OrdersProbe): Check {
  const offered = listOf(facts.challenges).join(", ") || "none";
  const guessed = String(facts.guessed);
  const good = offered === "tls-alpn-01" && /^4\d\d .*authorization pending$/.test(guessed);
  return serviceCheck(outcome, good, {
    title: `${declared} is proved by tls-alpn-01 alone`,
    expected: "tls-alpn-01 offered, an http-01 that was not offered refused",
    observed: `offered ${offered}; a guessed http-01: ${guessed}`,
    reason:
      offered === "tls-alpn-01"
        ? `a guessed http-01 came to ${guessed}`
        : `the CA offers ${offered} for ${declared}`,
    evidence: [id],
  });
}

function provisionerCheck(
  estate: Estate,
  { id, outcome, facts }: ServiceObservation,
  probe: OrdersProbe,
): Check {
  const listed = listOf(facts.provisioners);
  const expected = `${estate.ca.provisioner} tls-alpn-01 24h0m0s`;
  // Where it names no maximum, Step-CA's own is the same.
  const allowed = [expected, `${estate.ca.provisioner} tls-alpn-01 no-maximum`];
  const other = String(facts.otherProvisioner);
  return serviceCheck(outcome, allowed.includes(listed.join("; ")) && other.startsWith("404"), {
    title: "one provisioner issues over ACME, by tls-alpn-01 and for 24 hours at most",
    expected: `${expected}; another one: 404`,
    observed: `${listed.join("; ") || "none"}; ${probe.otherProvisioner}: ${other}`,
    reason: `the CA has ${listed.join("; ") || "no ACME provisioner"}, and answers ${other} to ${probe.otherProvisioner}`,
    evidence: [id],
  });
}

function yearCheck({ id, outcome, facts, answer }: ServiceObservation, { name }: AcmeProbe): Check {
  const shortened = facts.step === "obtained" && Number(facts.lifetimeSeconds) <= LONGEST_SECONDS;
  const refused = facts.step === "order" || facts.step === "finalize";
  // Ended elsewhere it says nothing of lifetimes; PKI-001 judges that.
  const told = refused || facts.step === "obtained" ? outcome : "unknown";
  return serviceCheck(told, shortened || refused, {
    title: `no certificate for ${name} lasts ${YEAR_DAYS} days`,
    expected: `a refusal, or a certificate of at most ${LONGEST_SECONDS} s`,
    observed: answer,
    reason:
      facts.step === "obtained"
        ? `the CA issued one of ${String(facts.lifetimeSeconds)} s`
        : `it could not be asked to the end: ${answer}`,
    evidence: [id],
  });
}

export const ACME_CONTROLS: readonly Control[] = [refuses];
