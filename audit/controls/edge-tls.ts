import { type Estate, guestOf, type PublicName } from "../../policy/estate.ts";
import type { HelloProbe, TlsProbe } from "../../probes/probe.ts";
import { serviceCheck } from "../check.ts";
import type { Control, Observations } from "../control.ts";
import { declaredAt } from "../declared.ts";
import type { Check } from "../finding.ts";
import { listOf } from "../raw-request.ts";

/** Before TLS 1.2: RFC 8996 and RFC 7568. */
const OLD = [
  ["SSLv3", 0x0300],
  ["TLSv1.0", 0x0301],
  ["TLSv1.1", 0x0302],
] as const;

const SUITES_13 = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];
const SUITES_12 = ["AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305_SHA256"];
/** What the edge's template declares, by version: forward secrecy and authenticated encryption; of TLS 1.2 those for the certificate's key. */
const DECLARED = [
  [
    "TLSv1.2",
    0x0303,
    ["ECDSA", "RSA"].map((key) => SUITES_12.map((each) => `TLS_ECDHE_${key}_WITH_${each}`)),
  ],
  ["TLSv1.3", 0x0304, [SUITES_13]],
] as const;

function hellos(estate: Estate, { external: servername }: PublicName): HelloProbe {
  const { address } = guestOf(estate, "gateway");
  const hello = (id: string, version: number, more: object = {}) => ({ id, version, servername, ...more });
  return {
    kind: "hello",
    id: `hello wan > ${servername}`,
    from: "wan",
    address,
    port: 443,
    hellos: [
      ...OLD.map(([id, version]) => hello(id, version)),
      ...DECLARED.map(([id, version]) => hello(id, version, { enumerates: true })),
      hello("compression", 0x0303, { compression: true }),
      hello("h2 and http/1.1", 0x0304, { alpn: ["h2", "http/1.1"] }),
      hello("an unknown protocol", 0x0303, { alpn: ["phx/1"] }),
      hello("capitals", 0x0303, { servername: servername.toUpperCase() }),
    ],
  };
}

function again(estate: Estate, { external: servername }: PublicName): TlsProbe {
  const { address } = guestOf(estate, "gateway");
  const id = `tls wan > ${address}:443 ${servername}, twice`;
  return {
    kind: "tls",
    id,
    from: "wan",
    address,
    port: 443,
    servername,
    roots: "public",
    renegotiates: true,
  };
}

/** TLS at the edge is not older than 1.2, and takes the declared suites and no other of all that there are. */
const floor: Control = {
  id: "EDGE-004",
  probes: (estate) => estate.publicNames.flatMap((name) => [hellos(estate, name), again(estate, name)]),
  judge: (estate, seen) =>
    estate.publicNames.flatMap((name) => [
      ...OLD.map(([version]) => refusedCheck(estate, seen, name, version)),
      ...DECLARED.map(([version, , keys]) => suitesCheck(estate, seen, name, version, keys)),
      handshakeCheck(estate, seen, name),
      renegotiationCheck(estate, seen, name),
    ]),
};

function refusedCheck(estate: Estate, seen: Observations, name: PublicName, version: string): Check {
  const { id, facts } = seen.service(hellos(estate, name).id);
  const said = String(facts[version]);
  // Silence is no refusal, and could be a server that is gone: TLS 1.3 is the twin.
  return serviceCheck(said === "silent" ? "unknown" : "answered", /^(?:alert|closed|ECONNRESET)/.test(said), {
    title: `${name.external} refuses ${version}`,
    expected: "an alert",
    observed: said,
    reason: `${name.external} answers ${version} with ${said}`,
    declared: declaredAt(estate, name.position),
    evidence: [id],
  });
}

function suitesCheck(
  estate: Estate,
  seen: Observations,
  name: PublicName,
  version: string,
  keys: readonly (readonly string[])[],
): Check {
  const observation = seen.service(hellos(estate, name).id);
  const ended = String(observation.facts[`${version}, then`]);
  const taken = listOf(observation, version).map((line) => line.replace(`${version} `, ""));
  const surplus = taken.filter((suite) => !keys.some((suites) => suites.includes(suite)));
  const whole = keys.some((suites) => suites.every((suite) => taken.includes(suite)));
  const lacking = whole ? [] : (keys[0] ?? []).filter((suite) => !taken.includes(suite));
  const why = surplus.length
    ? `takes ${surplus.join(", ")}, which is not declared`
    : `does not take ${lacking.join(", ")}: ${ended}`;
  return serviceCheck(ended === "silent" ? "unknown" : "answered", surplus.length === 0 && whole, {
    title: `${name.external} takes the declared suites of ${version} and none of all others`,
    expected: keys.map((suites) => suites.join(", ")).join(", or "),
    observed: `${taken.join(", ") || "none"}, then ${ended}`,
    reason: `${name.external} by ${version} ${why}`,
    declared: declaredAt(estate, name.position),
    evidence: [observation.id],
  });
}

/** What else a ServerHello shows: no compression (RFC 7525 section 3.3), no tickets, secure renegotiation (RFC 5746), ALPN (RFC 7301). */
function handshakeCheck(estate: Estate, seen: Observations, name: PublicName): Check {
  const { id, facts, outcome } = seen.service(hellos(estate, name).id);
  const said = (hello: string) => String(facts[hello]);
  const wrong = [
    ...(/compression|ticket|insecure/.test(said("compression")) || !said("compression").startsWith("TLSv1.2")
      ? [`offered compression: ${said("compression")}`]
      : []),
    ...(said("h2 and http/1.1").startsWith("TLSv1.3") ? [] : [`offered h2: ${said("h2 and http/1.1")}`]),
    ...(said("an unknown protocol").startsWith("alert 120")
      ? []
      : [`asked for an unknown protocol: ${said("an unknown protocol")}`]),
    ...(said("capitals").startsWith("TLSv1.2")
      ? []
      : [`asked for the name in capitals: ${said("capitals")}`]),
  ];
  return serviceCheck(outcome === "silent" ? "unknown" : outcome, wrong.length === 0, {
    title: `${name.external} compresses nothing, gives no ticket and agrees on no unknown protocol`,
    expected:
      "no compression, no ticket, secure renegotiation, alert 120 for an unknown protocol, the name in any case",
    observed: wrong.join("; ") || "so",
    reason: `${name.external}: ${wrong.join("; ")}`,
    declared: declaredAt(estate, name.position),
    evidence: [id],
  });
}

function renegotiationCheck(estate: Estate, seen: Observations, name: PublicName): Check {
  const { id, facts, answer, outcome } = seen.service(again(estate, name).id);
  return serviceCheck(outcome === "silent" ? "unknown" : outcome, facts["renegotiated"] === false, {
    title: `${name.external} lets no client renegotiate`,
    expected: "another handshake on a connection of TLS 1.2 is refused",
    observed: answer,
    reason: `${name.external}: ${answer}`,
    declared: declaredAt(estate, name.position),
    evidence: [id],
  });
}

export const EDGE_TLS_CONTROLS: readonly Control[] = [floor];
