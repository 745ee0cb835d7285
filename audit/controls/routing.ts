import { type Estate, guestOf, type Route } from "../../policy/estate.ts";
import type { HttpProbe, PacketProbe, TcpProbe } from "../../probes/probe.ts";
import { closedTo } from "../route.ts";
import type { Control, Observations } from "../control.ts";
import { at, declaredAt } from "../declared.ts";
import type { Check } from "../finding.ts";
import { denialCheck, isByRule } from "../packets.ts";
import { connection, sweepsTo } from "../sweep.ts";
import { serviceCheck } from "../check.ts";
import { pathChecks, pathProbes } from "./path.ts";

const HTTPS = 443;

/** Nginx's own way: from the gateway's guest to Traefik, SNI and Host the same. */
export function viaEdge(estate: Estate, hostname: string, sni = hostname): HttpProbe {
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

export function meshName(estate: Estate): string {
  const { id, name } = guestOf(estate, "mesh");
  return `Traefik (guest ${id}, ${name})`;
}

function sweepsToMesh(estate: Estate): PacketProbe[] {
  return sweepsTo(estate, guestOf(estate, "mesh").id);
}

/** The statement speaks of Traefik's ports: its entry point and those that it has by default (80, 8080) are asked of all. */
const onlyNginx: Control = {
  id: "RTE-001",
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
  probes: (estate) => [
    ...estate.routes.map(({ hostname }) => viaEdge(estate, hostname)),
    ...pathProbes(estate),
  ],
  judge: (estate, seen) => [
    ...estate.routes.map((route) => routeCheck(estate, seen, route)),
    ...pathChecks(estate, seen),
  ],
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
    reason: `${meshName(estate)} did not take ${route.hostname} to ${route.address}:${route.port} (${answer}), declared at ${at(route.position)}${closedTo(estate, route)}`,
    declared: declaredAt(estate, route.position),
    evidence: [id],
  });
}

export const ROUTING_CONTROLS: readonly Control[] = [onlyNginx, reachesBackend];
