import { type Estate, guestOf, type PublicName, type Route } from "../../policy/estate.ts";
import { explainHop } from "../../policy/explain.ts";
import type { ServiceObservation } from "../../probes/observation.ts";
import type { PathProbe, Probe } from "../../probes/probe.ts";
import type { Observations } from "../control.ts";
import { declaredAt } from "../declared.ts";
import type { Check, Way } from "../finding.ts";
import { judgeFlows } from "../packets.ts";
import { outsiders } from "../questions.ts";
import { pairSweep } from "../sweep.ts";
import { handshake } from "./pki.ts";

const HTTPS = 443;

/** One layer of a way, and by which observations it was seen. */
type Layer = Readonly<Way["layers"][number]> & { readonly evidence: readonly string[] };

function journey(estate: Estate, { external: name }: PublicName): PathProbe {
  const [{ from, server } = { from: "wan", server: estate.host.address }] = outsiders(estate);
  return { kind: "path", id: `path ${from} > ${name}`, from, server, name, roots: "public" };
}

function routeOf({ routes }: Estate, { internal }: PublicName): Route | undefined {
  return routes.find(({ hostname }) => hostname === internal);
}

/** The firewall's hops of a way: from whom to whom, on which port. */
function hopsOf(
  estate: Estate,
  route: Route,
): { readonly from: string; readonly to: string; readonly port: number }[] {
  const [edge, mesh] = [guestOf(estate, "gateway").id, guestOf(estate, "mesh").id];
  return [
    { from: "wan", to: edge, port: HTTPS },
    { from: edge, to: mesh, port: HTTPS },
    { from: mesh, to: route.guestId, port: route.port },
  ];
}

function shownByMesh(estate: Estate, { hostname }: Route) {
  return handshake(guestOf(estate, "gateway").id, guestOf(estate, "mesh").address, HTTPS, hostname);
}

function shownByBackend(estate: Estate, { hostname, address, port }: Route) {
  return handshake(guestOf(estate, "mesh").id, address, port, hostname);
}

/** Of each public name: one request from its name on, the packets of each hop, the certificate of each server. */
export function pathProbes(estate: Estate): Probe[] {
  return estate.publicNames.flatMap((name): Probe[] => {
    const route = routeOf(estate, name);
    if (!route) return [];
    return [
      journey(estate, name),
      ...hopsOf(estate, route).map(({ from, to }) => pairSweep(estate, from, to)),
      shownByMesh(estate, route),
      ...(route.tls ? [shownByBackend(estate, route)] : []),
    ];
  });
}

/** One check for each public name: the first layer that fails is named, or how long each took. */
export function pathChecks(estate: Estate, seen: Observations): Check[] {
  return estate.publicNames.flatMap((name) => {
    const route = routeOf(estate, name);
    return route ? [pathCheck(estate, name, layersOf(estate, seen, name, route), seen)] : [];
  });
}

function pathCheck(estate: Estate, name: PublicName, layers: readonly Layer[], seen: Observations): Check {
  const first = layers.findIndex(({ state }) => state !== "passed");
  const stopped = layers[first];
  const told = stopped ? layers.slice(0, first + 1) : layers;
  const { facts } = seen.service(journey(estate, name).id);
  const words = told.map((layer) => `${layer.name}: ${layer.words}`).join("; ");
  const common = {
    title: `the whole way of https://${name.external}`,
    expected: `${layers.map((layer) => layer.name).join(" > ")}, each lets it on`,
    observed: stopped ? words : `${timeline(layers, facts)}; ${words}`,
    declared: declaredAt(estate, name.position),
    evidence: [...new Set(layers.flatMap(({ evidence }) => evidence))],
    way: {
      url: `https://${name.external}`,
      layers: layers.map(({ evidence: _evidence, ...layer }) => layer),
      spans: spansOf(facts),
    },
  };
  if (!stopped) return { ...common, result: "pass" };
  const reason = `https://${name.external} ends at ${stopped.name}: ${stopped.words}`;
  return stopped.state === "unknown"
    ? { ...common, result: "inconclusive", reason }
    : { ...common, result: "fail", reason, disagreement: "converge fault" };
}

function layersOf(estate: Estate, seen: Observations, name: PublicName, route: Route): Layer[] {
  const made = seen.service(journey(estate, name).id);
  const { facts } = made;
  const [outer, middle, inner] = hopsOf(estate, route).map((hop) => firewallLayer(estate, seen, hop));
  const shown = seen.service(shownByMesh(estate, route).id);
  const backend = route.tls
    ? [certificateLayer("the backend's certificate", seen.service(shownByBackend(estate, route).id))]
    : [];
  return [
    timed(dnsLayer(estate, made), facts, "dnsMs", "answer"),
    outer && timed(outer, facts, "connectMs", "connection"),
    timed(edgeLayer(made), facts, "tlsMs", "handshake"),
    middle,
    timed(
      certificateLayer("Traefik's certificate", shown),
      facts,
      "edgeConnectMs",
      "Nginx's handshake with it",
    ),
    inner,
    ...backend,
    timed(identityLayer(made, route), facts, "meshBackendMs", "Traefik's wait for it"),
  ].filter((layer) => layer !== undefined);
}

/** With the time that the request's own journey, or a server's log of it, has for the layer. */
function timed(layer: Layer, facts: ServiceObservation["facts"], fact: string, what: string): Layer {
  const ms = facts[fact];
  return typeof ms === "number" ? { ...layer, took: { what, ms } } : layer;
}

function dnsLayer(estate: Estate, { id, facts, answer }: ServiceObservation): Layer {
  const { address } = guestOf(estate, "gateway");
  const given = facts["address"];
  const state = given === address ? "passed" : "failed";
  const words =
    given === undefined ? answer : `${String(given)}${given === address ? "" : `, and not ${address}`}`;
  return { name: "DNS", state, words, evidence: [id] };
}

/** What the model says of the hop, line by line, and whether the packet arrived. */
function firewallLayer(
  estate: Estate,
  seen: Observations,
  { from, to, port }: ReturnType<typeof hopsOf>[number],
): Layer {
  const { id } = pairSweep(estate, from, to);
  const key = `tcp/${port}`;
  const flow = judgeFlows(estate, seen.packets(id)).find((each) => each.key === key);
  const name = `the firewall from ${from} to ${to}`;
  if (!flow) return { name, state: "unknown", words: `${key} was not asked`, evidence: [id] };
  const state = flow.unknown ? "unknown" : flow.arrived ? "passed" : "failed";
  const became = flow.unknown ? "could not be told" : flow.arrived ? "arrives" : "does not arrive";
  const words = `${key} ${became}, ${flow.decision.hops.map(explainHop).join(", then ")}`;
  return { name, state, words, evidence: [id] };
}

/** Nginx ends public TLS: what the request itself was shown. */
function edgeLayer({ id, facts, outcome, answer }: ServiceObservation): Layer {
  const isShown = facts["authorized"] === true;
  const state = isShown ? "passed" : outcome === "unknown" ? "unknown" : "failed";
  const words = isShown
    ? "its certificate is verified"
    : facts["authorized"] === false
      ? "its certificate is not of the public root, or of another name"
      : answer;
  return { name: "Nginx", state, words, evidence: [id] };
}

function certificateLayer(name: string, { id, facts, outcome, answer }: ServiceObservation): Layer {
  const state = facts["authorized"] === true ? "passed" : outcome === "unknown" ? "unknown" : "failed";
  return { name, state, words: answer, evidence: [id] };
}

function identityLayer({ id, facts, outcome, answer }: ServiceObservation, route: Route): Layer {
  const isThere = facts["guest"] === route.guestId && facts["canaryReturned"] === true;
  const state = isThere ? "passed" : outcome === "unknown" ? "unknown" : "failed";
  const words = isThere ? `guest ${route.guestId} sent the canary back` : answer;
  return { name: "the identity", state, words, evidence: [id] };
}

const SPANS = [
  ["firstByteMs", "request until the first byte"],
  ["edgeFirstByteMs", "Nginx until Traefik's first byte"],
  ["meshMs", "Traefik in all"],
] as const;

function spansOf(facts: ServiceObservation["facts"]): Way["spans"] {
  return SPANS.flatMap(([fact, what]) => {
    const ms = facts[fact];
    return typeof ms === "number" ? [{ what, ms }] : [];
  });
}

/** `DNS: answer 1.2 ms, ..., Traefik in all 3 ms`, as far as each was told. */
function timeline(layers: readonly Layer[], facts: ServiceObservation["facts"]): string {
  const own = layers.flatMap(({ name, took }) => (took ? [`${name}: ${took.what} ${took.ms} ms`] : []));
  return [...own, ...spansOf(facts).map(({ what, ms }) => `${what} ${ms} ms`)].join(", ");
}
