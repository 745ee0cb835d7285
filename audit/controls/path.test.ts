import assert from "node:assert/strict";
import { test } from "node:test";
import { estateWith } from "../../fixtures/reference.ts";
import type { Observation, ServiceObservation } from "../../probes/observation.ts";
import type { Probe } from "../../probes/probe.ts";
import { Observations } from "../control.ts";
import { pathChecks, pathProbes } from "./path.ts";

const estate = estateWith(() => {});
const [NAME] = estate.publicNames;

type Facts = ServiceObservation["facts"];

/** What each probe of the ways would see where all is right; `facts` are added to the journey's, `dropped` is a probe's id. */
function seen(facts: Facts, dropped?: string): Observations {
  return new Observations(pathProbes(estate).map((probe) => observed(probe, facts, dropped)));
}

function observed(probe: Probe, facts: Facts, dropped: string | undefined): Observation {
  const { id, from } = probe;
  if (probe.kind === "packets") {
    const { source, dest, to } = probe;
    const keys = estate.routes.map(({ port }) => `tcp/${port}`);
    const outcomes = id === dropped ? { dropped: ["tcp/443", ...keys] } : { delivered: ["tcp/443", ...keys] };
    const counts = { sent: 1, captured: 1, accounts: [], sport: 40_000 };
    return { kind: "packets", id, from, to, source, dest, forged: false, outcomes, ...counts };
  }
  const told = { id, from, to: "", request: "", outcome: "answered", answer: "as it should" } as const;
  if (probe.kind !== "path") return { ...told, kind: "tls", facts: { authorized: true } };
  const route = estate.routes.find(({ hostname }) => {
    return hostname === estate.publicNames.find(({ external }) => external === probe.name)?.internal;
  });
  const right = {
    address: "10.0.0.153",
    authorized: true,
    guest: route?.guestId ?? "",
    canaryReturned: true,
  };
  const times = { dnsMs: 1, connectMs: 2, tlsMs: 3, edgeConnectMs: 4, meshMs: 6, meshBackendMs: 5 };
  return { ...told, kind: "path", facts: { ...right, ...times, ...facts } };
}

function firstWay(facts: Facts, dropped?: string) {
  const [check] = pathChecks(estate, seen(facts, dropped));
  assert.ok(check?.way && NAME);
  assert.equal(check.way.url, `https://${NAME.external}`);
  const end = check.way.layers.find(({ state }) => state !== "passed")?.name;
  return { ...check.way, result: check.result, reason: check.reason ?? "", end };
}

test("each layer has the time that was told of it, and those of several stand beside", () => {
  const { layers, spans, result, end } = firstWay({});
  assert.deepEqual([result, end], ["pass", undefined]);
  assert.deepEqual(
    layers.flatMap(({ name, took }) => (took ? [`${name}: ${took.what} ${took.ms}`] : [])),
    [
      "DNS: answer 1",
      "the firewall from wan to 101: connection 2",
      "Nginx: handshake 3",
      "Traefik's certificate: Nginx's handshake with it 4",
      "the identity: Traefik's wait for it 5",
    ],
  );
  assert.deepEqual(spans, [{ what: "Traefik in all", ms: 6 }]);
});

const ENDS: readonly (readonly [end: string, facts: Facts, dropped?: string])[] = [
  ["DNS", { address: "10.0.0.9" }],
  ["Nginx", { authorized: false }],
  ["the firewall from 101 to 102", { guest: "" }, "101 > 102"],
  ["the identity", { guest: "" }],
];

for (const [end, facts, dropped] of ENDS)
  test(`the way ends at ${end}, the first layer that fails`, () => {
    const id = pathProbes(estate).find((probe) => dropped && probe.id.includes(dropped))?.id;
    const way = firstWay(facts, id);
    assert.deepEqual([way.result, way.end], ["fail", end]);
    assert.ok(way.reason.startsWith(`${way.url} ends at ${end}: `), way.reason);
  });
