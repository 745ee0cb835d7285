import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { estateWith } from "../../fixtures/reference.ts";
import type { Observation, ServiceObservation } from "../../probes/observation.ts";
import { conclude, Observations } from "../control.ts";
import { controlOf } from "../controls.ts";

const estate = estateWith(() => {});
const control = controlOf("PKI-005");
const names = estate.routes.map(({ hostname }) => hostname);
const [first = ""] = names;
const DAY = 86_400;

type Facts = ServiceObservation["facts"];

/** What a network that renews as it should shows; changed in one respect. */
function judged({ trial = {}, leaf = {} }: { trial?: Facts; leaf?: Facts }) {
  const answered = { from: "", to: "", request: "", outcome: "answered", answer: "seen" } as const;
  const renewed: Facts = {
    asked: 9,
    failed: [],
    handshakes: 9,
    unverified: [],
    renewed: names.map((name) => `${name} 0a 0b`),
    kept: [],
    relapsed: [],
    issued: names.map((name) => `b ${name} ${estate.ca.provisioner} tls-alpn-01`),
  };
  const good: Facts = { lifetimeSeconds: DAY + 60, remainingSeconds: DAY - 60 };
  const observations = control.probes(estate).map((probe): Observation => {
    if (probe.kind === "trial")
      return { ...answered, kind: "trial", id: probe.id, facts: { ...renewed, ...trial } };
    return { ...answered, kind: "tls", id: probe.id, facts: { ...good, ...leaf } };
  });
  const finding = conclude(control, estate, new Observations(observations));
  return { ...finding, bad: finding.checks.filter(({ result }) => result !== "pass") };
}

test("all renewed, nothing failed, lifetimes of policy: a pass", () => {
  assert.equal(judged({}).result, "pass");
});

describe("one thing amiss fails the control, for that reason", () => {
  const failing: Record<string, [Parameters<typeof judged>[0], RegExp]> = {
    "a failed request": [{ trial: { failed: [`${first}: 502`] } }, /while certificates were renewed: .*502/],
    "an unverified handshake": [{ trial: { unverified: [`${first}: expired`] } }, /: expired$/],
    "the old one again": [{ trial: { relapsed: [first] } }, /showed serial 0a again after 0b/],
    "no order on record": [{ trial: { issued: [] } }, /serial 0b is not in the CA's record/],
    "an order of another challenge": [
      { trial: { issued: names.map((name) => `b ${name} ${estate.ca.provisioner} http-01`) } },
      /not in the CA's record as .* tls-alpn-01/,
    ],
    "none renewed": [
      { trial: { renewed: [], kept: names.map((name) => `${name}: order pending, authorization pending`) } },
      /did not renew it: .*: order pending/,
    ],
    "a leaf of 90 days": [{ leaf: { lifetimeSeconds: 90 * DAY } }, /2160 h 0 min long/],
    "a leaf past its renewal": [{ leaf: { remainingSeconds: 5 * 3600 } }, /5 h 0 min left; .* to be renewed/],
  };
  for (const [title, [change, reason]] of Object.entries(failing))
    test(title, () => {
      const { result, bad } = judged(change);
      assert.equal(result, "fail");
      assert.match(bad[0]?.reason ?? "", reason);
    });
});

test("no request at all and no handshake: could not tell", () => {
  const { result } = judged({ trial: { asked: 0, handshakes: 0 } });
  assert.equal(result, "inconclusive");
});
