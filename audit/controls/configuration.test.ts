import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { estateWith } from "../../fixtures/reference.ts";
import type { Observation, ServiceObservation } from "../../probes/observation.ts";
import { conclude, Observations } from "../control.ts";
import { controlOf } from "../controls.ts";

const estate = estateWith(() => {});
const control = controlOf("CFG-003");

type Facts = ServiceObservation["facts"];

/** A network that a converge and restarts leave as it was; changed in what the converge did, or in a server's restart. */
function judged({ again = {}, service = "", restart = {} }: Judged) {
  const answered = { from: "", to: "", request: "", outcome: "answered", answer: "seen" } as const;
  const nothing: Facts = { steps: [], rules: [], files: [], processes: [], certificates: [], results: [] };
  const back: Facts = { steps: [], asked: 9, failed: [], askedAfter: 4, failedAfter: [], serials: [] };
  const observations = control.probes(estate).map((probe): Observation => {
    const id = probe.id;
    if (probe.kind !== "trial") return { ...answered, kind: "record", id, facts: { ...nothing, ...again } };
    const own = id === `trial restart ${service}` ? restart : {};
    return { ...answered, kind: "trial", id, facts: { ...back, ...own } };
  });
  const { result, checks } = conclude(control, estate, new Observations(observations));
  return { result, bad: checks.filter((check) => check.result !== "pass") };
}

interface Judged {
  readonly again?: Facts;
  readonly service?: string;
  readonly restart?: Facts;
}

test("nothing changed, each server back: a pass, but for nginx's own requests while it was away", () => {
  assert.equal(judged({}).result, "pass");
  assert.equal(judged({ service: "nginx", restart: { failed: ["a: refused"] } }).result, "pass");
});

describe("one thing amiss fails the control, for that reason", () => {
  const failing: Record<string, [Judged, RegExp]> = {
    "another result": [{ again: { results: ["new: DNS-001 fail"] } }, /changes new: DNS-001 fail$/],
    "requests that fail without the CA": [
      { service: "step-ca", restart: { failed: ["a: 502"] } },
      /step-ca: while it was away a: 502$/,
    ],
    "requests that fail once it is back": [
      { service: "traefik", restart: { failedAfter: ["a: 404"] } },
      /traefik: once it was back a: 404$/,
    ],
    "another server started": [
      { service: "dns", restart: { steps: ["replace service dns", "replace service nginx"] } },
      /the converge also did: replace service nginx$/,
    ],
    "another serial": [
      { service: "traefik", restart: { serials: ["gone: 0a a"] } },
      /certificate gone: 0a a$/,
    ],
    "never ready": [
      {
        service: "traefik without step-ca",
        restart: { notReady: "traefik: silent", stands: ["a: order pending"] },
      },
      /while step-ca is down: traefik: silent; Step-CA's record: a: order pending$/,
    ],
  };
  for (const [title, [change, reason]] of Object.entries(failing))
    test(title, () => {
      const { result, bad } = judged(change);
      assert.equal(result, "fail");
      assert.match(bad[0]?.reason ?? "", reason);
    });
});

test("no request after the restart, or serials that nobody could read: could not tell", () => {
  assert.equal(judged({ service: "dns", restart: { askedAfter: 0 } }).result, "inconclusive");
  const unread = { steps: [], asked: 9, failed: [], askedAfter: 4, failedAfter: [], serials: "" };
  assert.equal(judged({ service: "dns", restart: unread }).result, "inconclusive");
});
