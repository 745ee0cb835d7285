import { type Estate, guestOf, type PublicName } from "../../policy/estate.ts";
import { WAN_ADDRESS } from "../../policy/place.ts";
import type { HttpProbe, RawProbe, ReceiptsProbe } from "../../probes/probe.ts";
import { serviceCheck } from "../check.ts";
import type { Control, Observations } from "../control.ts";
import { declaredAt } from "../declared.ts";
import type { Check } from "../finding.ts";
import { oddRequests } from "../odd-requests.ts";
import { CRLF, declaredRequest, get, listOf, toEdge } from "../raw-request.ts";

interface Abuse {
  readonly title: string;
  readonly probe: RawProbe | HttpProbe;
  /** The name whose backend may get it, once, where it is not refused. */
  readonly else?: PublicName;
}

/** What asks a name's server for another one. */
function misdirected(estate: Estate, name: PublicName): Abuse[] {
  const { external, internal } = name;
  const { publicNames, dns } = estate;
  const route = estate.routes.find(({ hostname }) => hostname === internal);
  const other = publicNames.find((each) => each.external !== external);
  const hosts = [
    ["an undeclared name", `undeclared.${dns.externalZone}`],
    ["a name below it", `a.${external}`],
    ["its internal name", internal],
    ["a name of nobody's", "other.test"],
    ["Nginx's address", guestOf(estate, "gateway").address],
    ["Traefik's address", guestOf(estate, "mesh").address],
    ...(route ? [["its backend's address", `${route.address}:${route.port}`] as const] : []),
    ...(other ? [["another public name", other.external] as const] : []),
  ] as const;
  const over = { servername: external };
  const address = guestOf(estate, "gateway").address;
  const byH2: HttpProbe[] = [other?.external ?? "other.test", `undeclared.${dns.externalZone}`].map(
    (host) => ({
      kind: "http",
      id: `h2 wan > ${external}, authority ${host}`,
      from: "wan",
      address,
      port: 443,
      tls: { servername: external, roots: "public" },
      host,
      path: "/",
      version: "h2",
    }),
  );
  return [
    ...hosts.map(([title, host]) => ({
      title: `${title} as Host`,
      probe: toEdge(estate, `GET / with Host ${host}`, get(host), over),
    })),
    ...hosts.map(([title, host]) => ({
      title: `${title} in the target`,
      probe: toEdge(
        estate,
        `GET http://${host}/ with Host ${external}`,
        get(external, `http://${host}/`),
        over,
      ),
    })),
    ...byH2.map((probe) => ({ title: `${probe.host} as authority of HTTP/2`, probe })),
    {
      title: "its own name in the target, another as Host",
      probe: toEdge(
        estate,
        `GET https://${external}/ with Host other.test`,
        get("other.test", `https://${external}/`),
        over,
      ),
      else: name,
    },
  ];
}

/** Without a name that is declared: no SNI, a strange one, and port 80. */
function strange(estate: Estate): Abuse[] {
  const [name] = estate.publicNames;
  if (!name) return [];
  const { external } = name;
  const undeclared = `undeclared.${estate.dns.externalZone}`;
  const { address } = guestOf(estate, "gateway");
  return [
    ["no SNI", toEdge(estate, `GET / with Host ${external}`, get(external), { servername: undefined })],
    [
      "an undeclared SNI",
      toEdge(estate, `GET / with Host ${external}`, get(external), { servername: undeclared }),
    ],
    [
      "the address, raw",
      toEdge(estate, `GET / with Host ${address}`, get(address), { servername: undefined }),
    ],
    [
      "an undeclared Host on port 80",
      toEdge(estate, `GET / with Host ${undeclared}`, get(undeclared), "plain"),
    ],
    ["the address on port 80", toEdge(estate, `GET / with Host ${address}`, get(address), "plain")],
    [
      "a foreign target on port 80",
      toEdge(estate, `GET http://other.test/`, get("other.test", "http://other.test/"), "plain"),
    ],
    [
      "CONNECT on port 80",
      toEdge(estate, `CONNECT ${external}:443`, get(external, `${external}:443`, "CONNECT"), "plain"),
    ],
    [
      "HTTP/2 by prior knowledge on port 80",
      toEdge(estate, "the preface of HTTP/2", `PRI * HTTP/2.0${CRLF}${CRLF}SM${CRLF}${CRLF}`, "plain"),
    ],
  ].map(([title, probe]) => ({ title: title as string, probe: probe as RawProbe }));
}

function odd(estate: Estate): Abuse[] {
  return estate.publicNames.slice(0, 1).flatMap((name) =>
    oddRequests(name.external).map(({ title, bytes, refused }) => ({
      title,
      probe: toEdge(estate, title, bytes, { servername: name.external }),
      ...(refused ? {} : { else: name }),
    })),
  );
}

function abuses(estate: Estate): Abuse[] {
  return [
    ...estate.publicNames.flatMap((name) => misdirected(estate, name)),
    ...strange(estate),
    ...odd(estate),
  ];
}

/** What a client may not say for Nginx; RFC 7239 and the fields that came before it. */
const FORGED = [
  "X-Forwarded-For",
  "X-Forwarded-Host",
  "X-Forwarded-Proto",
  "X-Forwarded-Port",
  "X-Forwarded-Server",
  "X-Forwarded-Prefix",
  "X-Forwarded-Method",
  "X-Forwarded-Uri",
  "X-Real-Ip",
  "X_Forwarded_For",
  "Forwarded",
];
const MARK = "192.0.2.66";

function forged(estate: Estate, { external }: PublicName): RawProbe {
  const fields = FORGED.map(
    (field) => `${field}: ${field === "Forwarded" ? `for=${MARK}` : MARK}${CRLF}`,
  ).join("");
  const bytes = get(external)
    .replace("X-Phx", `${fields}X-Phx`)
    .replace("close", "close, X-Forwarded-For, X-Real-Ip");
  return toEdge(estate, `GET https://${external}/ with forged forwarding headers`, bytes, {
    servername: external,
  });
}

function receipts(estate: Estate): ReceiptsProbe {
  const twins = estate.publicNames.map((name) => declaredRequest(estate, name));
  const of = [...abuses(estate).map(({ probe }) => probe), ...twins].map(({ id }) => id);
  return { kind: "receipts", id: "receipts of abuse of Nginx", from: "host", of };
}

const refusesAbuse: Control = {
  id: "EDGE-006",
  probes: (estate) => [
    ...abuses(estate).map(({ probe }) => probe),
    ...estate.publicNames.flatMap((name) => [declaredRequest(estate, name), forged(estate, name)]),
    receipts(estate),
  ],
  judge: (estate, seen) => [
    ...abuses(estate).map((abuse) => refusalCheck(estate, seen, abuse)),
    ...estate.publicNames.map((name) => forgedCheck(estate, seen, name)),
  ],
};

/** No backend got it, by the backends' own record, in which a declared request stands. */
function refusalCheck(estate: Estate, seen: Observations, abuse: Abuse): Check {
  const { title, probe } = abuse;
  const { id, answer, request, outcome, facts } = seen.service(probe.id);
  const kept = seen.service(receipts(estate).id);
  const arrived = listOf(kept, id);
  const [twin] = estate.publicNames.flatMap((name) => {
    const each = declaredRequest(estate, name);
    return listOf(kept, each.id).length
      ? [`${each.title} arrived at ${listOf(kept, each.id).join("; ")}`]
      : [];
  });
  const route = estate.routes.find(({ hostname }) => hostname === abuse.else?.internal);
  const whole =
    route !== undefined &&
    arrived.length === facts["responses"] &&
    arrived.every(
      (line) =>
        line.startsWith(`${route.guestId} ${route.address}:${route.port} `) && !line.includes("/smuggled"),
    );
  const status = Number(facts["status"] ?? 0);
  const refused =
    arrived.length === 0 && (status === 0 ? outcome !== "silent" : status >= 400 && !facts["guest"]);
  const common = {
    title: `${title} ${abuse.else ? "is refused, or passed on once and whole" : "reaches no backend"}`,
    expected: abuse.else
      ? "Nginx's refusal, or a receipt of its own backend for each response"
      : "Nginx's refusal",
    observed: `${answer}${arrived.length ? `; arrived at ${arrived.join("; ")}` : ""}`,
    proofs: {
      stimulus: `${request} was sent`,
      ...(arrived.length === 0 ? { silence: "no backend has its canary" } : {}),
      ...(refused ? { drop: `Nginx refused it: ${answer}` } : {}),
      ...(twin ? { twin } : {}),
    },
    evidence: [id, kept.id],
  };
  if (arrived.length && !whole)
    return {
      ...common,
      result: "fail",
      reason: `${request} was answered ${answer} and arrived at guest ${arrived.join("; ")}`,
      disagreement: "converge fault",
    };
  if (twin && (refused || (arrived.length && whole))) return { ...common, result: "pass" };
  if (twin && outcome === "answered")
    return {
      ...common,
      result: "fail",
      reason: `Nginx did not refuse ${request}: ${answer}`,
      disagreement: "converge fault",
    };
  const reason = twin
    ? `Nginx neither refused nor answered ${request}: ${answer}`
    : "no positive twin: no declared request arrived at a backend";
  return { ...common, result: "inconclusive", reason };
}

/** What a backend reads of the client comes from Nginx and Traefik: nothing that the client said of itself is left. */
function forgedCheck(estate: Estate, seen: Observations, name: PublicName): Check {
  const observation = seen.service(forged(estate, name).id);
  const received = listOf(observation, "received");
  const left = received.filter((line) => line.includes(MARK));
  const field = received.find((line) => line.startsWith("x-forwarded-for: ")) ?? "no X-Forwarded-For";
  const good = left.length === 0 && field.startsWith(`x-forwarded-for: ${WAN_ADDRESS}`);
  const arrived = observation.facts["canaryReturned"] === true;
  return serviceCheck(arrived ? "answered" : "unknown", arrived && good, {
    title: `forwarding headers that a client forges for ${name.external} are replaced`,
    expected: `x-forwarded-for: ${WAN_ADDRESS}, and nothing of what was forged`,
    observed: arrived ? `${field}${left.length ? `; forged: ${left.join("; ")}` : ""}` : observation.answer,
    reason: arrived
      ? `the backend received ${left.join("; ") || field}`
      : `no backend told what it received: ${observation.answer}`,
    declared: declaredAt(estate, name.position),
    evidence: [observation.id],
  });
}

export const EDGE_ABUSE_CONTROLS: readonly Control[] = [refusesAbuse];
