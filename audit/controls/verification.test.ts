import assert from "node:assert/strict";
import { test } from "node:test";
import { estateWith } from "../../fixtures/reference.ts";
import type { Observation, ServiceObservation } from "../../probes/observation.ts";
import type { ImpostorIdentity } from "../../probes/probe.ts";
import { conclude, Observations } from "../control.ts";
import { controlOf } from "../controls.ts";

const estate = estateWith(() => {});
const control = controlOf("PKI-006");

type Facts = ServiceObservation["facts"];
const TAKEN: Facts = { connections: 1, handshakes: 1, requestBytes: 99, status: 200, guest: "impostor" };
const REFUSED: Facts = { connections: 1, handshakes: 0, requestBytes: 0, status: 502, guest: "" };

/** A network that refuses each wrong certificate, but for what is given of one identity. */
function resultOf(identity?: ImpostorIdentity, facts: Facts = {}): string {
  const observations = control.probes(estate).map((probe): Observation => {
    assert.ok(probe.kind === "trial" && probe.trial === "impostor");
    const usual = probe.identity === "right" ? TAKEN : REFUSED;
    const seen = probe.identity === identity ? { ...usual, ...facts } : usual;
    const common = { kind: "trial", from: "", to: "", request: "", answer: "" } as const;
    return { ...common, id: probe.id, outcome: "answered", facts: seen };
  });
  return conclude(control, estate, new Observations(observations)).result;
}

test("refused with 502 and no byte, the right one taken: a pass", () => {
  assert.equal(resultOf(), "pass");
});

test("a byte that arrives, or an answer that is no refusal, fails", () => {
  assert.equal(resultOf("expired", TAKEN), "fail");
  assert.equal(resultOf("expired", { requestBytes: 1 }), "fail");
  assert.equal(resultOf("plaintext", { status: 200 }), "fail");
  assert.equal(resultOf("wrong-ca", { status: 504 }), "fail");
});

test("an impostor that nobody asked, and a right one that was not taken, prove nothing", () => {
  assert.equal(resultOf("self-signed", { connections: 0 }), "inconclusive");
  assert.equal(
    resultOf("right", { connections: 0, requestBytes: 0, status: 502, guest: "" }),
    "inconclusive",
  );
  assert.equal(resultOf("right", { requestBytes: 0, status: 502, guest: "" }), "fail");
});

test("each plain hop is listed with the line that declares it, and no other", () => {
  const plain = estate.routes.filter(({ tls }) => !tls);
  const notes = control.notes?.(estate, new Observations([])) ?? [];
  assert.ok(plain.length > 0);
  assert.deepEqual(
    notes.map((note) => /for (\S+), phoenix_(?:lxc|hypervisor)_configs?\.json:\d+:\d+$/.exec(note)?.[1]),
    [...plain.map(({ hostname }) => hostname), "drphoenix.internal.thinkheads.ai"],
  );
});

test("an estate without such a hop: not applicable, and it says why", () => {
  const bare = { ...estate, publicNames: [], routes: estate.routes.filter(({ tls }) => !tls) };
  const finding = conclude(control, bare, new Observations([]));
  assert.equal(finding.result, "notapplicable");
  assert.match(finding.checks[0]?.reason ?? "", /no public name is routed/);
});
