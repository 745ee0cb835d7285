import { type Estate, guestOf, type PublicName } from "../../policy/estate.ts";
import type { HelloProbe, RawProbe, ReceiptsProbe } from "../../probes/probe.ts";
import { serviceCheck } from "../check.ts";
import type { Observations } from "../control.ts";
import { declaredAt } from "../declared.ts";
import type { Check } from "../finding.ts";
import { CRLF, declaredRequest, get, LAST, listOf, toEdge } from "../raw-request.ts";

/* What Nginx itself says in its answers: of EDGE-003. */

/** Answers of a name's server: of its backend, and two of Nginx itself. */
function secured(estate: Estate, name: PublicName): RawProbe[] {
  const { external } = name;
  const over = { servername: external };
  const unknown = `POST / HTTP/1.1${CRLF}Host: ${external}${CRLF}Transfer-Encoding: xchunked${CRLF}${LAST}`;
  return [
    declaredRequest(estate, name),
    toEdge(estate, `TRACE https://${external}/`, get(external, "/", "TRACE"), over),
    toEdge(estate, `POST https://${external}/ with an unknown transfer coding`, unknown, over),
  ];
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const TARGETS = ["/", "/a/b?c=d&e", "/a%20b?x=%0d%0aX-Injected:%201", "//evil.test/", "/a//b/../c"];

interface Redirected {
  readonly probe: RawProbe;
  readonly location: string;
}

function redirected(estate: Estate, { external }: PublicName): Redirected[] {
  const rows = [
    ...METHODS.map((method) => [method, "/a?b=c"] as const),
    ...TARGETS.map((target) => ["GET", target] as const),
  ];
  return rows.map(([method, target]) => {
    const body = method.startsWith("P") ? `Content-Length: 0${CRLF}` : "";
    const bytes = get(external, target, method).replace("X-Phx", `${body}X-Phx`);
    const probe = toEdge(estate, `${method} http://${external}${target}`, bytes, "plain");
    return { probe, location: `https://${external}${target}` };
  });
}

function receipts(estate: Estate): ReceiptsProbe {
  const of = estate.publicNames.flatMap((name) => redirected(estate, name).map(({ probe }) => probe.id));
  return { kind: "receipts", id: "receipts of plain requests", from: "host", of };
}

/** First words of TLS that ask for nothing that is declared. */
function strangers(estate: Estate): HelloProbe {
  const { address } = guestOf(estate, "gateway");
  const label = "a".repeat(63);
  const names = [
    ["an undeclared name", `undeclared.${estate.dns.externalZone}`],
    ["no name", undefined],
    ["its address as the name", address],
    ["a name of 255 characters", `${label}.${label}.${label}.${label}`],
    ["a name of 300 characters", "a".repeat(300)],
    ["an internal name", estate.publicNames[0]?.internal ?? `undeclared.${estate.dns.internalZone}`],
  ] as const;
  const hellos = names.flatMap(([id, servername]) =>
    [0x0303, 0x0304].map((version) => ({
      id: `${id} by TLS 1.${version - 0x0301}`,
      version,
      ...(servername === undefined ? {} : { servername }),
    })),
  );
  return { kind: "hello", id: "hello wan > undeclared names", from: "wan", address, port: 443, hellos };
}

export function answerProbes(estate: Estate) {
  return [
    ...estate.publicNames.flatMap((name) => [
      ...secured(estate, name),
      ...redirected(estate, name).map(({ probe }) => probe),
    ]),
    strangers(estate),
    receipts(estate),
  ];
}

export function answerChecks(estate: Estate, seen: Observations): Check[] {
  return [
    ...estate.publicNames.flatMap((name) => [
      transportCheck(estate, seen, name),
      serverCheck(estate, seen, name),
      redirectsCheck(estate, seen, name),
    ]),
    strangersCheck(estate, seen),
  ];
}

/** RFC 6797 sections 6.1 and 7.1: one field, and an age that is not 0. */
function transportCheck(estate: Estate, seen: Observations, name: PublicName): Check {
  const all = secured(estate, name).map(({ id }) => seen.service(id));
  const holds = (fields: readonly string[]) => fields.length === 1 && /max-age="?[1-9]/.test(fields[0] ?? "");
  const bad = all.filter((each) => !holds(listOf(each, "hsts")));
  const observed = all.map((each) => `${each.answer}: ${listOf(each, "hsts").join(" and ") || "none"}`);
  return serviceCheck("answered", bad.length === 0, {
    title: `every answer of https://${name.external} asks for strict transport`,
    expected: "one Strict-Transport-Security on answers of the backend, of 4xx and of 5xx",
    observed: observed.join("; "),
    reason: `without one Strict-Transport-Security: ${bad.map(({ request, answer }) => `${request} (${answer})`).join("; ")}`,
    declared: declaredAt(estate, name.position),
    evidence: all.map(({ id }) => id),
  });
}

function serverCheck(estate: Estate, seen: Observations, name: PublicName): Check {
  const probes = [...secured(estate, name), ...redirected(estate, name).map(({ probe }) => probe)];
  const all = probes.map(({ id }) => seen.service(id));
  const words = [...new Set(all.map(({ facts }) => String(facts["server"] ?? "")).filter(Boolean))];
  const telling = words.filter((word) => /\d|traefik/i.test(word));
  return serviceCheck("answered", telling.length === 0, {
    title: `answers for ${name.external} tell no version`,
    expected: "a Server field without a version, or none",
    observed: words.join("; ") || "no Server field",
    reason: `the Server field says ${telling.join("; ")}`,
    declared: declaredAt(estate, name.position),
    evidence: all.map(({ id }) => id),
  });
}

function redirectsCheck(estate: Estate, seen: Observations, name: PublicName): Check {
  const arrived = seen.service(receipts(estate).id);
  const wrong = redirected(estate, name).flatMap(({ probe, location }) => {
    const each = seen.service(probe.id);
    const at = listOf(arrived, probe.id);
    if (at.length) return [`${probe.title} arrived at guest ${at.join("; ")}`];
    if (listOf(each, "hsts").length) return [`${probe.title}: Strict-Transport-Security over plain HTTP`];
    const good = each.facts["status"] === 301 && each.facts["location"] === location;
    return good && each.facts["responses"] === 1 ? [] : [`${probe.title}: ${each.answer}`];
  });
  const count = redirected(estate, name).length;
  return serviceCheck("answered", wrong.length === 0, {
    title: `http://${name.external} answers any method and path by the redirect alone`,
    expected: `${count} × 301 to the same path and query on https, no Strict-Transport-Security (RFC 6797 section 7.2), no backend asked`,
    observed: wrong.length ? `${wrong.length} of ${count} are otherwise` : `${count} × 301`,
    reason: wrong.join("; "),
    declared: declaredAt(estate, name.position),
    evidence: [arrived.id, ...redirected(estate, name).map(({ probe }) => probe.id)],
  });
}

function strangersCheck(estate: Estate, seen: Observations): Check {
  const { id, outcome, facts, answer } = seen.service(strangers(estate).id);
  const shown = Object.entries(facts).filter(([, said]) => /^TLSv|certificate/.test(String(said)));
  const open = Object.entries(facts).filter(
    ([, said]) => !/^(?:alert|closed|ECONNRESET|TLSv)/.test(String(said)),
  );
  const bad = [...shown, ...open].map(([hello, said]) => `${hello}: ${String(said)}`);
  return serviceCheck(outcome, bad.length === 0, {
    title: "a handshake for nothing that is declared is shown no certificate",
    expected: "an alert before any certificate",
    observed: bad.length
      ? bad.join("; ")
      : `${answer}: ${[...new Set(Object.values(facts).map(String))].join("; ")}`,
    reason: `Nginx answers ${bad.join("; ")}`,
    evidence: [id],
  });
}
