import assert from "node:assert/strict";
import { test } from "node:test";
import { estateWith, type Files, newerWith } from "../fixtures/reference.ts";
import { acmeClients, certifiedNames, isResponder, ownClients } from "./acme-client.ts";
import { casAnswers } from "./ca-view.ts";

const GITEA = "gitea.internal.thinkheads.ai";

for (const [form, load] of Object.entries({ older: estateWith, newer: newerWith })) {
  test(`a guest without a route that Step-CA validates and that orders there is an ACME client, ${form} form`, () => {
    const estate = load(() => {});
    const [mesh, ...own] = acmeClients(estate);
    assert.equal(mesh?.guest.id, "102");
    assert.deepEqual(
      mesh.names.map(({ name }) => name),
      estate.routes.map(({ hostname }) => hostname),
    );
    assert.deepEqual(
      own.map(({ guest, names }) => [guest.id, ...names.map(({ name }) => name)]),
      [["803", GITEA]],
    );
    assert.ok(certifiedNames(estate).includes(GITEA));
    assert.equal(certifiedNames(estate).length, estate.routes.length + 1);
    assert.equal(casAnswers(estate).get(GITEA), "10.0.0.144");
    assert.deepEqual(
      [isResponder(estate, "803", 443), isResponder(estate, "803", 80), isResponder(estate, "102", 443)],
      [true, false, false],
    );
  });
}

const REFUSED: readonly (readonly [string, (files: Files) => unknown])[] = [
  ["Step-CA takes no order of it", ({ lxc }) => lxc.lxc_configs["103"].firewall.rules.pop()],
  ["it takes no validation", ({ lxc }) => lxc.lxc_configs["803"].firewall.rules.pop()],
  ["its rule is switched off", ({ lxc }) => (lxc.lxc_configs["803"].firewall.rules[0].enable = false)],
  [
    "its rule is for the whole subnet",
    ({ lxc }) => (lxc.lxc_configs["803"].firewall.rules[0].source = "10.0.0.0/24"),
  ],
  ["it has a route", ({ lxc }) => (lxc.lxc_configs["803"].ports = ["443:443"])],
  [
    "it has no internal name",
    ({ host }) => {
      const [, zone] = host.dns_server.authoritative_zones;
      zone.records = zone.records.filter(({ hostname }: { hostname: string }) => hostname !== "gitea");
    },
  ],
];

for (const [why, change] of REFUSED) {
  test(`a guest is no ACME client where ${why}`, () => {
    assert.deepEqual(ownClients(estateWith(change)), []);
  });
}
