import assert from "node:assert/strict";
import { test } from "node:test";
import { estateWith } from "../../fixtures/reference.ts";
import type { ServiceObservation } from "../../probes/observation.ts";
import { Observations } from "../control.ts";
import { ACME_CONTROLS, obtainChecks, obtainProbes } from "./acme.ts";

const estate = estateWith(() => {});
const NAME = "gitea.internal.thinkheads.ai";
const SHAKEN = `10.0.0.10 SNI ${NAME} offers acme-tls/1, gets acme-tls/1 over TLSv1.3, 0 bytes`;
const SERIAL = "3c3629d74a3388cd6a02f4689ffc9cbc";

type Facts = ServiceObservation["facts"];

/** What a right certificate from scratch leaves. */
const RIGHT: Facts = {
  step: "obtained",
  challenge: "valid",
  challenges: ["tls-alpn-01"],
  handshakes: [SHAKEN],
  record: `${SERIAL} ${NAME} acme tls-alpn-01`,
  names: [`DNS:${NAME}`],
  issuer: "CN=Phoenix Intermediate",
  serial: SERIAL,
  chained: true,
  chainLength: 2,
  lifetimeSeconds: 86_460,
  current: true,
  usages: ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"],
  signs: true,
  isCa: false,
  challengeKey: false,
};

function seen(facts: Facts): Observations {
  const [probe] = obtainProbes(estate);
  assert.ok(probe);
  const { id, from } = probe;
  return new Observations([
    { kind: "acme", id, from, to: "", request: "", outcome: "answered", answer: "", facts },
  ]);
}

function failed(facts: Facts): string[] {
  return obtainChecks(estate, seen({ ...RIGHT, ...facts })).flatMap(({ result, title, reason }) =>
    result === "pass" ? [] : [`${title}: ${reason ?? ""}`],
  );
}

test("a certificate from scratch as it should be passes every check", () => {
  assert.deepEqual(failed({}), []);
  assert.deepEqual(failed({ handshakes: [SHAKEN.replace("1.3", "1.2")] }), []);
});

const FAULTS: readonly (readonly [RegExp, Facts])[] = [
  [/obtains a certificate .*the CA's record has .* http-01/, { record: `${SERIAL} ${NAME} acme http-01` }],
  [/obtains a certificate .*no such serial/, { record: "" }],
  [/obtains a certificate .*no handshake reached the responder/, { step: "challenge", handshakes: [] }],
  [/obtains a certificate .*port 443 is taken/, { step: "responder", handshakes: [] }],
  [/validated by Step-CA.*no handshake/, { handshakes: [] }],
  [/validated by Step-CA.*10\.0\.0\.50/, { handshakes: [SHAKEN, SHAKEN.replace("10.0.0.10", "10.0.0.50")] }],
  [/validated by Step-CA.*5 bytes/, { handshakes: [SHAKEN.replace("0 bytes", "5 bytes")] }],
  [/it does not chain/, { chained: false }],
  [/chain has 1 certificates/, { chainLength: 1 }],
  [/it names DNS:\S+, DNS:b\.test/, { names: [`DNS:${NAME}`, "DNS:b.test"] }],
  [/it lasts 86461 s/, { lifetimeSeconds: 86_461 }],
  [/it lasts NaN s/, { lifetimeSeconds: "none" }],
  [/it is not valid now/, { current: false }],
  [/it is not for servers/, { usages: ["1.3.6.1.5.5.7.3.2"] }],
  [/no critical digitalSignature/, { signs: false }],
  [/it is a CA's/, { isCa: true }],
  [/shown with its key/, { challengeKey: true }],
  [/shorter than 64 bits/, { serial: "3c36", record: `3c36 ${NAME} acme tls-alpn-01` }],
];

for (const [why, facts] of FAULTS) {
  test(`one thing wrong fails one check: ${why.source}`, () => {
    const [first, ...others] = failed(facts);
    assert.match(first ?? "", why);
    assert.deepEqual(others, []);
  });
}

test("without an ACME client of its own an estate's CA is asked by Traefik, for orders alone", () => {
  const without = estateWith(({ lxc }) => lxc.lxc_configs["803"].firewall.rules.pop());
  const [refuses] = ACME_CONTROLS;
  assert.deepEqual(
    refuses?.probes(without).map(({ kind, from }) => [kind, from]),
    [["orders", "102"]],
  );
  assert.deepEqual(obtainProbes(without), []);
});
