import { type Estate, guestOf, type Route } from "../../policy/estate.ts";
import type { ServiceObservation } from "../../probes/observation.ts";
import type { HttpProbe } from "../../probes/probe.ts";
import { serviceCheck } from "../check.ts";
import type { Control, Observations } from "../control.ts";
import { at, declaredAt } from "../declared.ts";
import type { Check } from "../finding.ts";
import { meshName, viaEdge } from "./routing.ts";
import { ROUTERS } from "./routing-live.ts";

const HTTPS = 443;

interface Undeclared {
  readonly title: string;
  readonly probe: HttpProbe;
}

/** Hosts that are no declared name nor a normal form of one, under each declared SNI and under their own. */
function undeclared(estate: Estate): Undeclared[] {
  const { internalZone, externalZone } = estate.dns;
  const [first] = estate.routes;
  if (!first) return [];
  const shared = [
    ["an undeclared name", `undeclared.${internalZone}`],
    ["an undeclared name in capitals", `UNDECLARED.${internalZone}`],
    ["an undeclared name with a trailing dot", `undeclared.${internalZone}.`],
    ["an undeclared name with a port", `undeclared.${internalZone}:443`],
    ["the wildcard", `*.${internalZone}`],
    ["the zone itself", internalZone],
    ["Traefik's address", guestOf(estate, "mesh").address],
    ["the name of Traefik's own services", "traefik"],
    ["the loopback", "localhost"],
  ] as const;
  const all = [
    ...shared.map(([title, host]) => ({ title, host, route: first })),
    ...estate.routes.flatMap((route) => {
      const [label = ""] = route.hostname.split(".");
      return [
        { title: "a name below a declared one", host: `a.${route.hostname}`, route },
        { title: "a declared name as a prefix", host: `${route.hostname}.evil.test`, route },
        { title: "a declared name as a suffix", host: `a${route.hostname}`, route },
        { title: "the external form of the name", host: `${label}.${externalZone}`, route },
        { title: "the backend's address", host: route.address, route },
        { title: "the backend's address and port", host: `${route.address}:${route.port}`, route },
      ];
    }),
  ];
  return all.flatMap(({ title, host, route }) => [
    {
      title: `${title} (${host}) under the SNI of ${route.hostname}`,
      probe: viaEdge(estate, host, route.hostname),
    },
    ...(/^[\d.:]+$|^\*|\.$|:/.test(host)
      ? []
      : [{ title: `${title} (${host}) as its own SNI`, probe: viaEdge(estate, host) }]),
  ]);
}

/** What names a declared host in another way: any case, a trailing dot, the port (RFC 9110 section 4.2.3). */
function normalForms({ hostname }: Route): string[] {
  const mixed = hostname.replaceAll(/[a-z]/g, (letter, at: number) =>
    at % 2 ? letter : letter.toUpperCase(),
  );
  return [hostname.toUpperCase(), mixed, `${hostname}.`, `${hostname}:${HTTPS}`];
}

function named(estate: Estate, route: Route): HttpProbe[] {
  return normalForms(route).map((host) => viaEdge(estate, host, route.hostname));
}

const refusesUndeclared: Control = {
  id: "RTE-003",
  probes: (estate) => [
    ...undeclared(estate).map(({ probe }) => probe),
    ...estate.routes.flatMap((route) => [viaEdge(estate, route.hostname), ...named(estate, route)]),
  ],
  judge: (estate, seen) => [
    ...undeclared(estate).map((each) => refusalCheck(estate, seen, each)),
    ...estate.routes.map((route) => sameCheck(estate, seen, route, named(estate, route), NORMAL)),
  ],
};

const NORMAL = "is the same name in any case, with a trailing dot and with its port";
const ALONE = "is routed by its name alone";

/** All of these reach the declared backend of the route; says nothing where the plain request for the name does not. */
function sameCheck(
  estate: Estate,
  seen: Observations,
  route: Route,
  probes: readonly HttpProbe[],
  title: string,
): Check {
  const reaches = ({ facts }: ServiceObservation) =>
    facts["canaryReturned"] === true &&
    facts["guest"] === route.guestId &&
    facts["address"] === route.address &&
    facts["port"] === route.port;
  const plain = seen.service(viaEdge(estate, route.hostname).id);
  const all = probes.map(({ id }) => seen.service(id));
  const elsewhere = all.filter((each) => !reaches(each));
  const wrong = elsewhere.map(({ request, answer }) => `${request}: ${answer}`);
  const unsure =
    !reaches(plain) || (wrong.length > 0 && elsewhere.every(({ outcome }) => outcome === "unknown"));
  return serviceCheck(unsure ? "unknown" : "answered", reaches(plain) && wrong.length === 0, {
    title: `${route.hostname} ${title}`,
    expected: `${all.length} × the canary from ${route.address}:${route.port}`,
    observed: wrong.length ? `${wrong.length} of ${all.length} did not: ${wrong.join("; ")}` : "so",
    reason: reaches(plain)
      ? `not from ${route.address}:${route.port}, declared at ${at(route.position)}: ${wrong.join("; ")}`
      : `no positive twin: ${meshName(estate)} does not take ${route.hostname} to its backend (${plain.request}: ${plain.answer})`,
    declared: declaredAt(estate, route.position),
    evidence: [plain.id, ...all.map(({ id }) => id)],
  });
}

/** The same host asked in other ways, each naming another host wherever a request can. */
function variants(estate: Estate, route: Route): HttpProbe[] {
  const other = estate.routes.find(({ guestId }) => guestId !== route.guestId) ?? route;
  const { hostname, guestId } = other;
  const url = `https://${hostname}/`;
  const paths = [
    "/a",
    `/${hostname}`,
    `/?host=${hostname}`,
    "/api",
    "/api/rawdata",
    "/dashboard/",
    "/ping",
    "/metrics",
    "/%2e%2e/",
    `//${hostname}/`,
    "/.well-known/acme-challenge/x",
  ];
  const headers = {
    "x-forwarded-host": hostname,
    "x-forwarded-server": hostname,
    "x-forwarded-prefix": "/api",
    "x-forwarded-proto": "http",
    forwarded: `host=${hostname}`,
    "x-host": hostname,
    "x-original-host": hostname,
    "x-original-url": url,
    "x-rewrite-url": url,
    "x-http-method-override": "CONNECT",
    origin: `https://${hostname}`,
    referer: url,
    cookie: `guest=${guestId}; route=${hostname}`,
    authorization: "Basic cGh4OnBoeA==",
    "user-agent": hostname,
    "accept-language": "de",
    "x-phx-guest": guestId,
  };
  const base = viaEdge(estate, route.hostname);
  const make = (title: string, more: Partial<HttpProbe>) => ({ ...base, id: `${base.id} ${title}`, ...more });
  return [
    ...paths.map((path) => make(path, { path })),
    ...["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"].map((method) => make(method, { method })),
    ...Object.entries(headers).map(([name, value]) =>
      make(`${name}: ${value}`, { headers: { [name]: value } }),
    ),
    make("all headers", { headers, path: `/api?host=${hostname}`, method: "POST" }),
  ];
}

/** Requests show it for what was asked; that the live rules read nothing but the host shows it for all others. */
const hostAlone: Control = {
  id: "RTE-004",
  probes: (estate) => [
    ROUTERS,
    ...estate.routes.flatMap((route) => [viaEdge(estate, route.hostname), ...variants(estate, route)]),
  ],
  judge: (estate, seen) => [
    ruleCheck(seen),
    ...estate.routes.map((route) => sameCheck(estate, seen, route, variants(estate, route), ALONE)),
  ],
};

function ruleCheck(seen: Observations): Check {
  const { id, facts, outcome, answer } = seen.service(ROUTERS.id);
  const rules = Array.isArray(facts["routers"]) ? facts["routers"] : [];
  const wider = rules.filter((line) => !/^Host\(`[^`]+`\) on /.test(line));
  return serviceCheck(outcome, outcome === "answered" && wider.length === 0, {
    title: "no live rule reads more of a request than its host",
    expected: "Host(`NAME`) and nothing else, in each",
    observed: wider.join("; ") || answer,
    reason: wider.length ? `Traefik also decides by ${wider.join("; ")}` : answer,
    evidence: [id],
  });
}

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

export const ROUTING_HOST_CONTROLS: readonly Control[] = [refusesUndeclared, hostAlone];
