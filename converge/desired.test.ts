import assert from "node:assert/strict";
import { test } from "node:test";
import { estateWith, type Files } from "../fixtures/reference.ts";
import { desired } from "./desired.ts";
import type { Resource } from "./resource.ts";

const reference = desired(estateWith(() => {}));
const servicesOf = (resources: readonly Resource[]) =>
  resources.flatMap((each) => (each.kind === "service" ? [each] : []));

const ESTATES: readonly [string, (files: Files) => void][] = [
  ["the reference estate", () => {}],
  ["one without a name server of its own", ({ host }) => (host.dns_server.enabled = false)],
  ["one with a guest without a firewall", ({ lxc }) => delete lxc.lxc_configs["802"].firewall],
  ["one whose host's firewall is off", ({ host }) => (host.firewall.enabled = false)],
];

for (const [title, change] of ESTATES) {
  test(`of ${title}, whatever a service reads or comes after is in the same list, before it`, () => {
    const all = desired(estateWith(change));
    const keys = all.map(({ key }) => key);
    assert.equal(new Set(keys).size, keys.length, "no key twice");
    for (const { key, reads, after, namespace } of servicesOf(all)) {
      for (const needed of [...reads, ...after, `namespace ${namespace}`])
        assert.ok(
          keys.includes(needed) && keys.indexOf(needed) < keys.indexOf(key),
          `${key} needs ${needed}`,
        );
    }
  });

  test(`of ${title}, every namespace that links or rules speak of is made`, () => {
    const all = desired(estateWith(change));
    const made = new Set(all.flatMap((each) => (each.kind === "namespace" ? [each.name] : [])));
    const spoken = all.flatMap((each) => {
      if (each.kind === "firewall" || each.kind === "service") return [each.namespace];
      if (each.kind === "links") return [...each.create, ...each.remove].map(({ namespace }) => namespace);
      return [];
    });
    for (const namespace of spoken) assert.ok(made.has(namespace), namespace);
  });
}

test("it holds no secret: keys are made in the lab", () => {
  assert.doesNotMatch(JSON.stringify(reference), /PRIVATE KEY|BEGIN CERTIFICATE/);
});

test("rules come before links, so that no link is up unfiltered", () => {
  const firewall = reference.findIndex(({ kind }) => kind === "firewall");
  const link = reference.findIndex(({ kind }) => kind === "links");
  assert.ok(firewall >= 0 && firewall < link);
});

test("only the gateway forwards, strictly by reverse path, and its bridges filter nothing", () => {
  for (const each of reference) {
    if (each.kind !== "namespace") continue;
    const forwards = each.sysctls["net/ipv4/ip_forward"] === "1";
    assert.equal(forwards, each.name === "gateway", each.name);
    assert.equal(each.sysctls["net/ipv6/conf/all/disable_ipv6"], "1");
  }
  const gateway = reference.find((each) => each.key === "namespace gateway");
  assert.ok(gateway?.kind === "namespace");
  assert.equal(gateway.sysctls["net/ipv4/conf/all/rp_filter"], "1");
  assert.equal(gateway.sysctls["net/bridge/bridge-nf-call-iptables"], "0");
});

test("each place asks the name server that its declaration names", () => {
  const asked = (resources: readonly Resource[], place: string) => {
    const file = resources.find(({ key }) => key === `file /run/phx/${place}/resolv.conf`);
    return file?.kind === "file" ? file.content : undefined;
  };
  assert.equal(asked(reference, "801"), "nameserver 10.0.0.13\n");
  assert.equal(asked(reference, "wan"), "nameserver 203.0.113.53\n");
  const other = desired(
    estateWith(({ lxc }) => (lxc.lxc_configs["801"].network_config.nameservers = "10.0.0.99")),
  );
  assert.equal(asked(other, "801"), "nameserver 10.0.0.99\n");
});
