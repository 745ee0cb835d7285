import assert from "node:assert/strict";
import { test } from "node:test";
import { estateWith, type Files } from "../fixtures/reference.ts";
import { rendered } from "../fixtures/rendered.ts";
import type { Estate } from "../policy/estate.ts";
import { dnsFiles } from "./dns.ts";

const reference = estateWith(() => {});
const fileOf = (estate: Estate, path: string): string => {
  const file = dnsFiles(estate).find((each) => each.kind === "file" && each.path === `/run/phx/${path}`);
  return file?.kind === "file" ? file.content : assert.fail(path);
};

/** `name TYPE value` lines of a zone, without SOA and NS. */
function records(estate: Estate, path: string): string[] {
  return fileOf(estate, path)
    .split("\n")
    .flatMap((line) => {
      const [, name, type, value] = /^(\S+)\. IN (A|PTR) (\S+)$/.exec(line) ?? [];
      return name ? [`${name} ${type} ${value}`] : [];
    })
    .sort();
}

const addRecord = (zone: number, record: object) => (files: Files) => {
  files.host.dns_server.authoritative_zones[zone].records.push(record);
};

const ESTATES: readonly [string, Estate][] = [
  ["the reference estate", reference],
  ["one without upstream servers", estateWith(({ host }) => (host.dns_server.upstream_servers = []))],
  [
    "one whose phoenix names have an inside",
    estateWith(addRecord(0, { hostname: "git", ip_external: "10.0.0.153", ip_internal: "10.0.0.141" })),
  ],
  [
    "one with a name at a foreign address",
    estateWith(addRecord(1, { hostname: "nas", ip_internal: "192.168.7.9" })),
  ],
  ["a wider subnet", { ...reference, host: { ...reference.host, prefixLength: 16, subnet: "10.0.0.0/16" } }],
];

for (const [title, estate] of ESTATES) {
  test(`named-checkconf loads every zone of ${title}`, async () => {
    await using checker = await rendered(dnsFiles(estate), []);
    for (const place of ["host", "internet"]) {
      const argv = ["named-checkconf", "-z", `/run/phx/${place}/named.conf`];
      const { exitCode, stdout, stderr } = await checker.execute(argv);
      assert.equal(exitCode, 0, stdout + stderr);
      assert.match(stdout, /loaded serial/);
    }
  });
}

test("named-checkzone, at its strictest, takes each zone of the reference estate", async () => {
  await using checker = await rendered(dnsFiles(reference), []);
  const { externalZone, internalZone } = reference.dns;
  const zones = {
    external: externalZone,
    phoenix: externalZone,
    internal: internalZone,
    ca: internalZone,
    reverse: "0.0.10.in-addr.arpa",
  };
  for (const [file, zone] of Object.entries(zones)) {
    const strict = ["-k", "fail", "-n", "fail", "-r", "fail", "-m", "fail", "-i", "local"];
    const argv = ["named-checkzone", ...strict, zone, `/run/phx/host/${file}.zone`];
    const { exitCode, stdout, stderr } = await checker.execute(argv);
    assert.equal(exitCode, 0, `${file}: ${stdout}${stderr}`);
  }
});

test("outside, each external name is the gateway, and the internal zone is in no file that an outsider's view reads", () => {
  const outside = records(reference, "host/external.zone");
  assert.deepEqual(outside, reference.dns.external.map(({ name }) => `${name} A 10.0.0.153`).sort());
  assert.deepEqual(records(reference, "internet/external.zone"), outside);
  const config = fileOf(reference, "host/named.conf");
  const externalView = config.slice(config.indexOf('view "external"'));
  assert.doesNotMatch(externalView, /internal|reverse|phoenix\.zone|forward/);
  assert.match(externalView, /recursion no/);
  assert.doesNotMatch(fileOf(reference, "internet/named.conf"), /internal\.thinkheads\.ai/);
});

test("inside, each internal name is its own address", () => {
  const inside = records(reference, "host/internal.zone");
  assert.deepEqual(inside, reference.dns.internal.map(({ name, address }) => `${name} A ${address}`).sort());
  assert.ok(inside.includes("portainer.internal.thinkheads.ai A 10.0.0.101"));
});

test("for Step-CA each name that Traefik certifies is Traefik, and every other its own address", () => {
  const certified = new Set(reference.routes.map(({ hostname }) => hostname));
  const expected = reference.dns.internal.map(
    ({ name, address }) => `${name} A ${certified.has(name) ? "10.0.0.12" : address}`,
  );
  assert.deepEqual(records(reference, "host/ca.zone"), expected.sort());
});

test("a routed name that no zone declares is in Step-CA's view all the same: else its order could not be proved", () => {
  const [route] = reference.routes;
  assert.ok(route);
  const routes = [...reference.routes, { ...route, hostname: "new.internal.thinkheads.ai" }];
  const view = records({ ...reference, routes }, "host/ca.zone");
  assert.ok(view.includes("new.internal.thinkheads.ai A 10.0.0.12"));
});

test("every guest but the CA is a client of the internal view, the CA of its own alone", () => {
  const config = fileOf(reference, "host/named.conf");
  const clients = (view: string) =>
    /match-clients \{ ([^}]*)\}/
      .exec(config.slice(config.indexOf(`view "${view}"`)))?.[1]
      ?.split(/;\s*/)
      .filter(Boolean) ?? [];
  assert.deepEqual(clients("ca"), ["10.0.0.10"]);
  const guests = reference.guests.map(({ address }) => address).filter((address) => address !== "10.0.0.10");
  assert.deepEqual(clients("internal").sort(), ["10.0.0.13", "127.0.0.1", ...guests].sort());
  assert.deepEqual(clients("external"), ["any"]);
  assert.ok(
    config.indexOf('view "ca"') < config.indexOf('view "internal"'),
    "the first view that matches answers",
  );
  assert.ok(config.indexOf('view "internal"') < config.indexOf('view "external"'));
});

test("a phoenix name with an inside has that inside and the gateway outside", () => {
  const [, estate] = ESTATES[2] ?? assert.fail();
  assert.ok(records(estate, "host/phoenix.zone").includes("git.phoenix.thinkheads.ai A 10.0.0.141"));
  assert.ok(records(estate, "host/external.zone").includes("git.phoenix.thinkheads.ai A 10.0.0.153"));
});

test("the reverse zone names each internal address", () => {
  const reverse = records(reference, "host/reverse.zone");
  assert.ok(reverse.includes("101.0.0.10.in-addr.arpa PTR portainer.internal.thinkheads.ai."));
  assert.equal(reverse.length, reference.dns.internal.length);
});

test("a zone's serial changes exactly when the zone does", () => {
  const serial = (estate: Estate, path: string) => /hostmaster\S* (\d+)/.exec(fileOf(estate, path))?.[1];
  const changed = estateWith(addRecord(1, { hostname: "new", ip_internal: "10.0.0.77" }));
  assert.equal(
    serial(
      estateWith(() => {}),
      "host/internal.zone",
    ),
    serial(reference, "host/internal.zone"),
  );
  assert.notEqual(serial(changed, "host/internal.zone"), serial(reference, "host/internal.zone"));
  assert.equal(serial(changed, "host/external.zone"), serial(reference, "host/external.zone"));
});

for (const [subnet, zone] of [
  ["10.0.0.0/24", "0.0.10"],
  ["10.1.2.128/25", "2.1.10"],
  ["10.1.0.0/16", "1.10"],
  ["10.1.2.0/23", "1.10"],
  ["10.0.0.0/8", "10"],
] as const) {
  test(`the reverse zone of ${subnet} is ${zone}`, () => {
    const config = fileOf({ ...reference, host: { ...reference.host, subnet } }, "host/named.conf");
    const reverse = [...config.matchAll(/zone "(\S+)\.in-addr\.arpa"/g)].map(([, name]) => name);
    assert.deepEqual([...new Set(reverse)], [zone]);
  });
}
