import { type Estate, guestOf, type Route } from "../../policy/estate.ts";
import type { ImpostorIdentity, TrialProbe } from "../../probes/probe.ts";
import { serviceCheck } from "../check.ts";
import type { Control, Observations } from "../control.ts";
import { declaredAt } from "../declared.ts";
import type { Check } from "../finding.ts";
import { plainHops } from "../service-hops.ts";

type ImpostorProbe = Extract<TrialProbe, { trial: "impostor" }>;

/** What a client that verifies chain and name has to refuse. */
const WRONG: Readonly<Record<Exclude<ImpostorIdentity, "right">, string>> = {
  "wrong-ca": "a certificate of another CA",
  expired: "an expired certificate",
  "wrong-name": "a certificate for another name",
  "self-signed": "a self-signed certificate",
  plaintext: "plain text",
};

/** A client that verifies a server: where, and what it answers where it refuses. */
interface Hop {
  readonly hop: ImpostorProbe["hop"];
  readonly route: Route;
  readonly client: string;
  readonly server: string;
  readonly refusals: readonly number[];
}

/** Nginx to Traefik under each public name; Traefik to each backend that is declared as https. */
function hops(estate: Estate): Hop[] {
  const { id, name, address } = guestOf(estate, "mesh");
  const published = new Set(estate.publicNames.map(({ internal }) => internal));
  const edges = estate.routes
    .filter(({ hostname }) => published.has(hostname))
    .map((route): Hop => {
      const server = `Traefik (guest ${id}, ${name}) at ${address}:443`;
      return { hop: "mesh", route, client: "Nginx", server, refusals: [502] };
    });
  const backends = estate.routes
    .filter(({ tls }) => tls)
    .map((route): Hop => {
      const server = `guest ${route.guestId} at ${route.address}:${route.port}`;
      return { hop: "backend", route, client: "Traefik", server, refusals: [500, 502] };
    });
  return [...edges, ...backends];
}

function trial({ hop, route: { hostname } }: Hop, identity: ImpostorIdentity): ImpostorProbe {
  const id = `trial impostor ${hop} ${hostname} ${identity}`;
  return { kind: "trial", id, from: "phx", trial: "impostor", hop, hostname, identity };
}

const IDENTITIES = ["right", ...(Object.keys(WRONG) as (keyof typeof WRONG)[])] as const;

const verified: Control = {
  id: "PKI-006",
  disturbs: true,
  probes: (estate) => hops(estate).flatMap((hop) => IDENTITIES.map((identity) => trial(hop, identity))),
  judge: (estate, seen) => {
    const all = hops(estate);
    return all.length ? all.flatMap((hop) => checksOf(estate, seen, hop)) : [NO_HOP];
  },
  notes: plainHops,
};

const NO_HOP: Check = {
  title: "internal hops that TLS protects",
  result: "notapplicable",
  expected: "each verified by its client",
  observed: "none is declared: no public name is routed, and no backend speaks https",
  reason: "no public name is routed, and no backend is declared as https",
  evidence: [],
};

function checksOf(estate: Estate, seen: Observations, hop: Hop): Check[] {
  return [
    twinCheck(estate, seen, hop),
    ...Object.entries(WRONG).map(([identity, words]) =>
      refusalCheck(estate, seen, hop, trial(hop, identity as ImpostorIdentity), words),
    ),
  ];
}

/** The same way and the right certificate: what is refused otherwise is refused for what it shows. */
function twinCheck(estate: Estate, seen: Observations, hop: Hop): Check {
  const { id, facts, answer, outcome } = seen.service(trial(hop, "right").id);
  const { client, server, route } = hop;
  return serviceCheck(isTold(facts) ? outcome : "unknown", hasArrived(facts), {
    title: `${client} sends a request for ${route.hostname} where ${server} shows the right certificate`,
    expected: "the request arrives",
    observed: answer,
    reason: `${client} did not send a request for ${route.hostname} to one with the right certificate in place of ${server}: ${answer}`,
    declared: declaredAt(estate, route.position),
    evidence: [id],
  });
}

function refusalCheck(
  estate: Estate,
  seen: Observations,
  hop: Hop,
  { id }: ImpostorProbe,
  words: string,
): Check {
  const { facts, answer, outcome } = seen.service(id);
  const twin = seen.service(trial(hop, "right").id);
  const { client, server, route, refusals } = hop;
  const leaked = Number(facts["requestBytes"]);
  const isRefused = leaked === 0 && refusals.includes(Number(facts["status"]));
  // Whatever else is lacking: a byte that arrived is a failure.
  const canTell = leaked > 0 || (isTold(facts) && hasArrived(twin.facts));
  const title = `${client} refuses ${words} in place of ${server}, asked for ${route.hostname}`;
  return serviceCheck(canTell ? outcome : "unknown", canTell && isRefused, {
    title,
    expected: `${refusals.join(" or ")}, and not one byte of the request there`,
    observed: answer,
    reason: canTell
      ? `${client} took ${words} for ${route.hostname} in place of ${server}: ${answer}; it has to verify chain and name`
      : `it could not be told whether ${client} refuses ${words}: ${isTold(facts) ? `no positive twin: ${twin.answer}` : answer}`,
    proofs: {
      stimulus: `${String(facts["connections"])} connections of ${client} to the impostor`,
      silence: `${leaked} bytes of a request`,
      drop: `${client} answered ${String(facts["status"])}`,
      ...(hasArrived(twin.facts) ? { twin: `the right certificate: ${twin.answer}` } : {}),
    },
    declared: declaredAt(estate, route.position),
    evidence: [id, twin.id],
  });
}

type Facts = ReturnType<Observations["service"]>["facts"];

/** The impostor was asked: without that nothing was refused. */
function isTold(facts: Facts): boolean {
  return Number(facts["connections"]) > 0;
}

function hasArrived(facts: Facts): boolean {
  return Number(facts["requestBytes"]) > 0 && facts["guest"] === "impostor";
}

export const VERIFICATION_CONTROLS: readonly Control[] = [verified];
