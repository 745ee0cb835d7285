import { type Estate, guestOf, type Route } from "../../policy/estate.ts";
import type { HttpProbe, PacketProbe, TcpProbe } from "../../probes/probe.ts";
import type { Control, Observations } from "../control.ts";
import { at, declaredAt } from "../declared.ts";
import type { Check } from "../finding.ts";
import { denialCheck, isByRule } from "../packets.ts";
import { connection, sampleWords, sweepsTo } from "../sweep.ts";
import { places } from "../../policy/place.ts";
import { serviceCheck } from "../check.ts";

const HTTPS = 443;

/** Nginx's own way: from the gateway's guest to Traefik, SNI and Host the same. */
function viaEdge(estate: Estate, hostname: string, sni = hostname): HttpProbe {
  const { address } = guestOf(estate, "mesh");
  const from = guestOf(estate, "gateway").id;
  const id = `https ${from} > ${address} host ${hostname} sni ${sni}`;
  return {
    kind: "http",
    id,
    from,
    address,
    port: HTTPS,
    tls: { servername: sni, roots: "internal" },
    host: hostname,
    path: "/",
  };
}

/** Traefik answers Nginx: a request for a declared name, or a connection where none is declared. */
function meshTwin(estate: Estate): HttpProbe | TcpProbe {
  const [route] = estate.routes;
  if (route) return viaEdge(estate, route.hostname);
  return connection(estate, guestOf(estate, "gateway").id, guestOf(estate, "mesh").id, HTTPS);
}

function meshName(estate: Estate): string {
  const { id, name } = guestOf(estate, "mesh");
  return `Traefik (guest ${id}, ${name})`;
}

function sweepsToMesh(estate: Estate): PacketProbe[] {
  return sweepsTo(estate, guestOf(estate, "mesh").id);
}

const onlyNginx: Control = {
  id: "RTE-001",
  sampled: (estate) => sampleWords(estate, places(estate).length - 1),
  probes: (estate) => [...sweepsToMesh(estate), meshTwin(estate)],
  judge: (estate, seen) => {
    const clients = [guestOf(estate, "gateway").id, guestOf(estate, "ca").id];
    return sweepsToMesh(estate).map(({ id, from }) =>
      denialCheck(estate, seen, {
        title: clients.includes(from)
          ? `${from} reaches Traefik on tcp/${HTTPS} alone`
          : `${from} does not reach Traefik`,
        seen: [seen.packets(id)],
        twins: [meshTwin(estate)],
        permits: ({ key, decision }) =>
          clients.includes(from) && key === `tcp/${HTTPS}` && isByRule(decision),
        expected: "Traefik answers Nginx and the ACME validator, and no other source",
        destination: meshName(estate),
      }),
    );
  },
};

const reachesBackend: Control = {
  id: "RTE-002",
  probes: (estate) => estate.routes.map(({ hostname }) => viaEdge(estate, hostname)),
  judge: (estate, seen) => estate.routes.map((route) => routeCheck(estate, seen, route)),
};

function routeCheck(estate: Estate, seen: Observations, route: Route): Check {
  const { id, facts, answer, outcome } = seen.service(viaEdge(estate, route.hostname).id);
  const good =
    facts.canaryReturned === true &&
    facts.guest === route.guestId &&
    facts.address === route.address &&
    facts.port === route.port;
  return serviceCheck(outcome, good, {
    title: `${route.hostname} reaches guest ${route.guestId}`,
    expected: `the canary from ${route.address}:${route.port}`,
    observed: facts.guest ? `${answer} at ${String(facts.address)}:${String(facts.port)}` : answer,
    reason: `${meshName(estate)} did not take ${route.hostname} to ${route.address}:${route.port} (${answer}), declared at ${at(route.position)}`,
    declared: declaredAt(estate, route.position),
    evidence: [id],
  });
}

interface Undeclared {
  readonly title: string;
  readonly probe: HttpProbe;
}

/** Hosts that are no declared name nor a normal form of one, under a declared SNI and under their own. */
function undeclared(estate: Estate): Undeclared[] {
  const [route] = estate.routes;
  if (!route) return [];
  const { internalZone, externalZone } = estate.dns;
  const [label = ""] = route.hostname.split(".");
  const hosts = [
    ["an undeclared name", `undeclared.${internalZone}`],
    ["a name below a declared one", `a.${route.hostname}`],
    ["a declared name as a prefix", `${route.hostname}.evil.test`],
    ["the wildcard", `*.${internalZone}`],
    ["the zone itself", internalZone],
    ["the external form of the name", `${label}.${externalZone}`],
    ["the backend's address", route.address],
    ["Traefik's address", guestOf(estate, "mesh").address],
  ] as const;
  return hosts.flatMap(([title, host]) => [
    {
      title: `${title} (${host}) under the SNI of ${route.hostname}`,
      probe: viaEdge(estate, host, route.hostname),
    },
    ...(/^[\d.]+$|^\*/.test(host)
      ? []
      : [{ title: `${title} (${host}) as its own SNI`, probe: viaEdge(estate, host) }]),
  ]);
}

const refusesUndeclared: Control = {
  id: "RTE-003",
  probes: (estate) => [
    ...undeclared(estate).map(({ probe }) => probe),
    ...estate.routes.slice(0, 1).map(({ hostname }) => viaEdge(estate, hostname)),
  ],
  judge: (estate, seen) => undeclared(estate).map((each) => refusalCheck(estate, seen, each)),
};

/** A refusal is worth something only where a declared name was answered in the same run. */
function refusalCheck(estate: Estate, seen: Observations, { title, probe }: Undeclared): Check {
  const { id, facts, answer, outcome, request } = seen.service(probe.id);
  const twin = estate.routes.slice(0, 1).map(({ hostname }) => seen.service(viaEdge(estate, hostname).id));
  const alive = twin.find((each) => each.facts.canaryReturned === true);
  const common = {
    title: `${title} reaches no backend`,
    expected: "no canary comes back from any guest",
    observed: answer,
    proofs: {
      stimulus: `${request} was sent`,
      ...(facts.guest ? {} : { silence: `no guest answered: ${answer}` }),
      ...(outcome === "answered" && !facts.guest ? { drop: `Traefik refused it: ${answer}` } : {}),
      ...(alive ? { twin: `${alive.request}: ${alive.answer}` } : {}),
    },
    evidence: [id, ...twin.map((each) => each.id)],
  };
  if (facts.guest) {
    const reason = `${request} reached guest ${String(facts.guest)}: an undeclared host is routed`;
    return { ...common, result: "fail", reason, disagreement: "converge fault" };
  }
  if (alive && outcome === "answered") return { ...common, result: "pass" };
  const reason = alive
    ? `${meshName(estate)} gave no answer to ${request}`
    : `no positive twin: ${meshName(estate)} answers no declared name (${twin.map((each) => `${each.request}: ${each.answer}`).join("; ")})`;
  return { ...common, result: "inconclusive", reason };
}

export const ROUTING_CONTROLS: readonly Control[] = [onlyNginx, reachesBackend, refusesUndeclared];
