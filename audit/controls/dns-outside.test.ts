import assert from "node:assert/strict";
import { test } from "node:test";
import { estateWith } from "../../fixtures/reference.ts";
import type { ServiceObservation } from "../../probes/observation.ts";
import type { DnsQuestion, Probe } from "../../probes/probe.ts";
import { Observations } from "../control.ts";
import { ZONES } from "../zone-content.ts";
import { DNS_OUTSIDE_CONTROLS } from "./dns-outside.ts";

/* DNS-003 over replies of our own: what no BIND can be brought to do. */

const estate = estateWith(() => {});
const [control] = DNS_OUTSIDE_CONTROLS;
const REFUSED = { rcode: "REFUSED", flags: ["qr", "rd"], surplusBytes: 0, answers: [] as string[] };
type Reply = Partial<typeof REFUSED & { outcome: string; edns: string; authority: string[]; echo: string }>;

/** Results and reasons where each question is refused, a public one answered, and some replies are otherwise. */
function judge(otherwise: (question: DnsQuestion, from: string) => Reply | undefined) {
  assert.ok(control);
  const observations = control.probes(estate).map((probe) => observationOf(probe, otherwise));
  return control.judge(estate, new Observations(observations));
}

function observationOf(
  probe: Probe,
  otherwise: (question: DnsQuestion, from: string) => Reply | undefined,
): ServiceObservation {
  const common = {
    id: probe.id,
    from: probe.from,
    to: "10.0.0.13:53",
    request: "",
    outcome: "answered",
    answer: "",
  } as const;
  if (probe.kind !== "questions") {
    assert.equal(probe.id, ZONES.id);
    const zones = ["internet/public", "host/external"].map((view) => `${view} phoenix.thinkheads.ai 1`);
    return { kind: "record", ...common, facts: { zones, records: [], stale: [] } };
  }
  const replies = probe.questions.map((question) => {
    const isPublic = question.name.endsWith("phoenix.thinkheads.ai");
    const usual = isPublic ? { rcode: "NOERROR", answers: [`${question.name} 300 A 10.0.0.153`] } : {};
    const rest = { outcome: "answered", opcode: "QUERY", echo: "exact", authority: [], additional: [] };
    const said = { ...REFUSED, ...rest, ...usual, ...otherwise(question, probe.from) };
    return JSON.stringify({ asked: [question.id], micros: [100], ...said });
  });
  return { kind: "dns", ...common, facts: { replies } };
}

const failing = (checks: ReturnType<typeof judge>) => checks.filter(({ result }) => result !== "pass");
const GRAFANA = "grafana.internal.thinkheads.ai";

test("refusals that are all alike pass", () => {
  assert.deepEqual(failing(judge(() => undefined)), []);
});

const LEAKS: readonly [string, (question: DnsQuestion) => Reply | undefined, RegExp][] = [
  [
    "an answer to who says that it asks for an inner network",
    ({ id }) =>
      id === `A ${GRAFANA} udp ECS /32`
        ? { rcode: "NOERROR", answers: [`${GRAFANA} 300 A 10.0.0.141`] }
        : undefined,
    /ECS \/32: grafana\.internal\S+ 300 A 10\.0\.0\.141/,
  ],
  [
    "an answer to mixed case alone",
    ({ id, name }) =>
      id.endsWith("udp 0x20") && name.toLowerCase() === GRAFANA
        ? { answers: [`${name} 300 A 10.0.0.141`] }
        : undefined,
    /udp 0x20: .*10\.0\.0\.141/,
  ],
  [
    "an answer to source port 53 alone",
    ({ id }) =>
      id === `A ${GRAFANA} udp from port 53`
        ? { answers: ["x.test 60 CNAME q.test", `q.test 60 TXT v=10.0.0.141`] }
        : undefined,
    /from port 53: q\.test 60 TXT v=10\.0\.0\.141/,
  ],
  [
    "an address in a record that is not decoded",
    ({ id }) =>
      id === "UNKNOWN_65 grafana.phoenix.thinkheads.ai udp"
        ? { answers: ["x 300 UNKNOWN_65 \\# 9 000100000400040a00008d"] }
        : undefined,
    /UNKNOWN_65 .*0a00008d/,
  ],
  [
    "an internal name in an extended error",
    ({ id }) =>
      id === `A ${GRAFANA} udp DO`
        ? {
            edns: `version 0, size 1232, flags 8000 15:000f${Buffer.from("no internal.thinkheads.ai").toString("hex")}`,
          }
        : undefined,
    /A grafana\S+ udp DO: 15:000f/,
  ],
  [
    "a name behind an address",
    ({ id }) =>
      id === "PTR 77.0.0.10.in-addr.arpa udp"
        ? { answers: ["77.0.0.10.in-addr.arpa 60 PTR old.internal.thinkheads.ai"] }
        : undefined,
    /PTR old\.internal/,
  ],
  [
    "the zone's SOA beside a refusal",
    ({ id }) =>
      id === `SRV ${GRAFANA} tcp`
        ? { authority: ["internal.thinkheads.ai 60 SOA a b 1 2 3 4 5"] }
        : undefined,
    /SRV grafana\S+ tcp: internal\.thinkheads\.ai 60 SOA/,
  ],
];
for (const [title, otherwise, reason] of LEAKS) {
  test(`${title} is a leak`, () => {
    const bad = failing(judge(otherwise));
    assert.ok(bad.length > 0 && bad.every(({ result }) => result === "fail"));
    assert.match(bad.map((check) => check.reason).join("\n"), reason);
  });
}

const TELLING: readonly [string, Reply][] = [
  ["RCODE", { rcode: "NXDOMAIN" }],
  ["a flag", { flags: ["qr", "aa", "rd"] }],
  ["the size", { surplusBytes: 11 }],
  ["the question's echo", { echo: "case" }],
  ["an extended error", { edns: "version 0, size 1232, flags 0000 15:0012" }],
];
for (const [what, reply] of TELLING) {
  test(`what exists and is told by ${what} is an oracle, and nothing else is wrong`, () => {
    const bad = failing(
      judge(({ id }, from) => (id === `TXT ${GRAFANA} udp` && from === "lan" ? reply : undefined)),
    );
    assert.deepEqual(
      bad.map(({ title, result }) => [title, result]),
      [["names of the internal zone from lan: one and the same answer, whether it exists or not", "fail"]],
    );
    assert.match(bad[0]?.reason ?? "", /tells lan what exists: TXT grafana/);
  });
}

test("silence to one question can't be told from an answer that was lost", () => {
  const bad = failing(
    judge(({ id }) => (id === `A ${GRAFANA} udp` ? { outcome: "silent", rcode: "" } : undefined)),
  );
  assert.ok(bad.length > 0 && bad.every(({ result }) => result === "inconclusive"));
});

test("a server that answers nobody has no twin", () => {
  const bad = failing(
    judge(({ name }) =>
      name.endsWith("phoenix.thinkheads.ai") ? { rcode: "REFUSED", answers: [] } : undefined,
    ),
  );
  assert.match(bad.map(({ reason }) => reason).join(), /no positive twin/);
});
