import { type Estate, guestOf, type Route } from "../../policy/estate.ts";
import type { ServiceObservation } from "../../probes/observation.ts";
import type { HttpProbe, PacketProbe, RecordProbe, TcpProbe } from "../../probes/probe.ts";
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
    ["an undeclared name in capitals", `UNDECLARED.${internalZone}`],
    ["an undeclared name with a trailing dot", `undeclared.${internalZone}.`],
    ["an undeclared name with a port", `undeclared.${internalZone}:443`],
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
    ...(/^[\d.]+$|^\*|\.$|:/.test(host)
      ? []
      : [{ title: `${title} (${host}) as its own SNI`, probe: viaEdge(estate, host) }]),
  ]);
}

const refusesUndeclared: Control = {
  id: "RTE-003",
  sampled: (estate) =>
    `${undeclared(estate).length} undeclared hosts; the routers themselves are compared by RTE-005`,
  probes: (estate) => [
    ...undeclared(estate).map(({ probe }) => probe),
    ...estate.routes.slice(0, 1).map(({ hostname }) => viaEdge(estate, hostname)),
  ],
  judge: (estate, seen) => undeclared(estate).map((each) => refusalCheck(estate, seen, each)),
};

/** A refusal is Traefik's own; it is worth something only where a declared name was answered in the same run. */
function refusalCheck(estate: Estate, seen: Observations, { title, probe }: Undeclared): Check {
  const { id, facts, answer, request } = seen.service(probe.id);
  const twin = estate.routes.slice(0, 1).map(({ hostname }) => seen.service(viaEdge(estate, hostname).id));
  const alive = twin.find((each) => each.facts["canaryReturned"] === true);
  const refused = refusalOf(facts);
  const common = {
    title: `${title} reaches no backend`,
    expected: "Traefik's own 404 or 421, or no handshake for the name",
    observed: answer,
    proofs: {
      stimulus: `${request} was sent`,
      ...(refused
        ? { silence: "no guest sent the canary back", drop: `Traefik refused it: ${refused}` }
        : {}),
      ...(alive ? { twin: `${alive.request}: ${alive.answer}` } : {}),
    },
    evidence: [id, ...twin.map((each) => each.id)],
  };
  if (typeof facts["status"] === "number" && !refused) {
    const guest = facts["guest"]
      ? `guest ${String(facts["guest"])}`
      : "something that is not Traefik's own refusal";
    const reason = `${request} was answered ${answer} by ${guest}: an undeclared host is routed`;
    return { ...common, result: "fail", reason, disagreement: "converge fault" };
  }
  if (alive && refused) return { ...common, result: "pass" };
  const reason = alive
    ? `${meshName(estate)} neither refused nor answered ${request}: ${answer}`
    : `no positive twin: ${meshName(estate)} answers no declared name (${twin.map((each) => `${each.request}: ${each.answer}`).join("; ")})`;
  return { ...common, result: "inconclusive", reason };
}

/** How Traefik itself refuses: Go's NotFoundHandler, a misdirected request (421), alert 112 for a name it does not know. */
function refusalOf(facts: ServiceObservation["facts"]): string | undefined {
  if (facts["error"] === "ERR_SSL_TLSV1_UNRECOGNIZED_NAME") return "alert 112, unrecognized_name";
  const own = facts["guest"] === "" && facts["server"] === "";
  if (own && facts["status"] === 404 && facts["body"] === "404 page not found") return "404 page not found";
  return own && facts["status"] === 421 ? "421 Misdirected Request" : undefined;
}

const ROUTERS: RecordProbe = {
  kind: "record",
  id: "record traefik-routers",
  from: "mesh",
  record: "traefik-routers",
};

/** Routers as Traefik has them, from providers other than its own, and where its own API listens. */
const liveRouters: Control = {
  id: "RTE-005",
  probes: () => [ROUTERS],
  judge: (estate, seen) => {
    const { id, facts, answer, outcome } = seen.service(ROUTERS.id);
    const declared = estate.routes.map((route) => {
      const url = `${route.tls ? "https" : "http"}://${route.address}:${route.port}`;
      return `Host(\`${route.hostname}\`) on websecure > ${url}`;
    });
    const live = Array.isArray(facts["routers"]) ? facts["routers"] : [];
    const listeners = Array.isArray(facts["listeners"]) ? facts["listeners"] : [];
    const wanted = [`${guestOf(estate, "mesh").address}:${HTTPS}`, "127.0.0.1:8080"];
    const surplus = live.filter((line) => !declared.includes(line));
    const missing = declared.filter((line) => !live.includes(line));
    const strange = listeners.filter((each) => !wanted.includes(each));
    const common = { observed: answer, evidence: [id] };
    return [
      serviceCheck(outcome, outcome === "answered" && surplus.length === 0, {
        ...common,
        title: "no router that the files do not declare",
        expected: `${declared.length} routers, no other`,
        reason: surplus.length ? `Traefik also routes ${surplus.join("; ")}` : answer,
      }),
      serviceCheck(outcome, outcome === "answered" && missing.length === 0, {
        ...common,
        title: "each declared route is a live router to its backend",
        expected: declared.join("; "),
        reason: missing.length ? `Traefik lacks ${missing.join("; ")}` : answer,
      }),
      serviceCheck(outcome, outcome === "answered" && strange.length === 0, {
        ...common,
        title: "Traefik listens on its entry point, and its API on loopback alone",
        expected: wanted.join(", "),
        observed: listeners.join(", "),
        reason: `Traefik's guest also listens on ${strange.join(", ")}`,
      }),
    ];
  },
};

export const ROUTING_CONTROLS: readonly Control[] = [
  onlyNginx,
  reachesBackend,
  refusesUndeclared,
  liveRouters,
];
