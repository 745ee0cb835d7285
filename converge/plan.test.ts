import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { estateWith } from "../fixtures/reference.ts";
import { desired } from "./desired.ts";
import type { Estate } from "../policy/estate.ts";
import { digestOf, type LiveResource, plan, printPlan } from "./plan.ts";
import type { Resource } from "./resource.ts";

const reference = estateWith(() => {});
const wanted = desired(reference);

/** What a lab holds after these were applied. */
function applied(resources: readonly Resource[]): Map<string, LiveResource> {
  return new Map(resources.map((resource) => [resource.key, { resource, digest: digestOf(resource) }]));
}

const drifted = (key: string, drift: string) => {
  const live = applied(wanted);
  const resource = live.get(key) ?? assert.fail(key);
  return new Map(live).set(key, { ...resource, drift });
};

const keysOf = (live: ReadonlyMap<string, LiveResource>) =>
  plan(wanted, live).map(({ resource }) => resource.key);

test("an empty lab gets everything, in order, once; what is applied needs nothing", () => {
  const steps = plan(wanted, new Map());
  assert.deepEqual(
    steps.map(({ resource }) => resource),
    wanted,
  );
  assert.ok(steps.every(({ action }) => action === "create"));
  assert.equal(new Set(wanted.map(({ key }) => key)).size, wanted.length, "no key twice");
  assert.deepEqual(plan(wanted, applied(wanted)), []);
  assert.match(printPlan([]), /nothing to do/);
});

test("the same declaration read anew is the same plan: equal digests", () => {
  assert.deepEqual(desired(estateWith(() => {})).map(digestOf), wanted.map(digestOf));
});

test("a plan and its resources print as JSON and come back whole", () => {
  const steps = plan(wanted, new Map());
  assert.deepEqual(JSON.parse(JSON.stringify(steps)), steps);
});

const READERS: readonly [string, readonly string[]][] = [
  ["file /run/phx/host/internal.zone", ["reload service dns"]],
  ["file /run/phx/internet/upstream.zone", ["reload service public-dns"]],
  ["file /run/phx/101/nginx.conf", ["reload service nginx"]],
  ["edge certificate", ["reload service nginx"]],
  ["file /run/phx/102/dynamic/estate.yml", ["reload service traefik"]],
  ["file /run/phx/102/traefik.yml", ["replace service traefik"]],
  ["acme store", ["replace service traefik"]],
  ["file /run/phx/103/ca.json", ["reload service step-ca"]],
  ["file /run/phx/103/resolv.conf", ["replace service step-ca"]],
  ["copy named", ["replace service dns", "replace service public-dns"]],
  ["links 801", ["reload service backends"]],
  ["links 101", ["replace service nginx"]],
  ["certificate portainer.internal.thinkheads.ai", ["reload service backends"]],
  ["file /run/phx/backends/listeners.json", ["reload service backends"]],
  ["file /run/phx/801/resolv.conf", []],
  ["service nginx", []],
  ["firewall host", []],
];

for (const [key, readers] of READERS) {
  test(`${key} that drifted is replaced, and its readers alone read it anew: by a new process where it is read at the start alone`, () => {
    const steps = plan(wanted, drifted(key, "edited"));
    assert.deepEqual(
      steps.map(({ action, resource, why }) => `${action} ${resource.key}: ${why}`),
      [`replace ${key}: edited`, ...readers.map((reader) => `${reader}: ${key} changes`)],
    );
  });
}

test("new keys reach every server that has a certificate, and every certificate", () => {
  const replaced = keysOf(drifted("keys", "gone"));
  const certificates = wanted.filter(({ kind }) => kind === "certificate").map(({ key }) => key);
  assert.ok(certificates.length > 0);
  for (const key of [
    ...certificates,
    "service step-ca",
    "service traefik",
    "service nginx",
    "service backends",
    "file /run/phx/103/ca.json",
  ])
    assert.ok(replaced.includes(key), key);
  for (const key of ["service dns", "service public-dns", "firewall host", "links fabric"])
    assert.ok(!replaced.includes(key), key);
});

test("a guest whose namespace is gone gets its links and its servers anew, no other guest's", () => {
  const replaced = keysOf(drifted("namespace 103", "gone"));
  for (const key of ["namespace 103", "links 103", "service step-ca"]) assert.ok(replaced.includes(key), key);
  for (const key of ["links 101", "links 801", "service nginx", "service dns"])
    assert.ok(!replaced.includes(key), key);
});

test("a guest less: its links and namespace are removed, links first, and nothing of other guests", () => {
  const without = desired(estateWith(({ lxc }) => delete lxc.lxc_configs["802"]));
  const removed = plan(without, applied(wanted)).filter(({ action }) => action === "remove");
  const keys = removed.map(({ resource }) => resource.key);
  assert.deepEqual(
    keys.filter((key) => !key.includes("802")),
    [],
  );
  assert.ok(keys.indexOf("links 802") < keys.indexOf("namespace 802"), keys.join(", "));
});

/** `ACTION KEY` of each step from one estate's lab to another's. */
const between = (from: Estate, to: Estate) =>
  plan(desired(to), applied(desired(from))).map(({ action, resource }) => `${action} ${resource.key}`);

const services = (steps: readonly string[]) => steps.filter((step) => / service /.test(step));

test("a name more: servers reload, and none is started anew; the store has room for it", () => {
  const route = reference.routes.find(({ tls }) => tls);
  assert.ok(route);
  const hostname = "another.internal.thinkheads.ai";
  const more = { ...reference, routes: [...reference.routes, { ...route, hostname }] };
  const steps = between(reference, more);
  assert.ok(steps.includes("reload acme store"), steps.join(", "));
  assert.deepEqual(services(steps), [
    "reload service dns",
    "reload service step-ca",
    "reload service traefik",
    "reload service backends",
  ]);
});

test("a name less: Traefik is started anew, since it would hold and renew its certificate for ever; Nginx is not", () => {
  const fewer = {
    ...reference,
    routes: reference.routes.slice(1),
    publicNames: reference.publicNames.slice(1),
  };
  const steps = between(reference, fewer);
  assert.ok(steps.includes("replace acme store"));
  assert.ok(steps.includes("replace service traefik") && steps.includes("reload service nginx"));
  assert.ok(!steps.includes("replace keys"));
});

test("a name that came and goes again is forgotten too: what the store may hold is kept step by step", () => {
  const [route] = reference.routes;
  assert.ok(route);
  const more = { ...reference, routes: [...reference.routes, { ...route, hostname: "another.test" }] };
  const live = applied(wanted);
  for (const { resource } of plan(desired(more), live))
    live.set(resource.key, { resource, digest: digestOf(resource) });
  const back = plan(wanted, live).map(({ action, resource }) => `${action} ${resource.key}`);
  assert.ok(back.includes("replace acme store") && back.includes("replace service traefik"), back.join(", "));
});

test("another rule: the rules alone", () => {
  const steps = between(
    reference,
    estateWith(({ lxc }) => {
      const { rules } = lxc.lxc_configs["901"].firewall;
      rules[0].source = "10.0.0.99";
    }),
  );
  assert.deepEqual(steps, ["replace firewall host"]);
});

test("another process where it is started otherwise, though it could read the rest anew", () => {
  const live = applied(wanted);
  const nginx = live.get("service nginx")?.resource;
  assert.ok(nginx?.kind === "service");
  const before = { ...nginx, argv: [...nginx.argv, "-q"] };
  live.set(before.key, { resource: before, digest: digestOf(before) });
  const [step, ...others] = plan(wanted, live);
  assert.deepEqual([step?.action, step?.resource.key, others], ["replace", "service nginx", []]);
});

test("whatever drifts, the steps are in the order of the declaration, each once, and apply to a fixed point", () => {
  const some = fc.subarray(wanted.map(({ key }) => key));
  fc.assert(
    fc.property(some, some, (absent, changed) => {
      const live = applied(wanted);
      for (const key of changed) live.set(key, { ...(live.get(key) as LiveResource), drift: "edited" });
      for (const key of absent) live.delete(key);
      const steps = plan(wanted, live);
      const keys = steps.map(({ resource }) => resource.key);
      assert.deepEqual(
        keys,
        wanted.map(({ key }) => key).filter((key) => keys.includes(key)),
      );
      for (const key of [...absent, ...changed]) assert.ok(keys.includes(key), key);
      for (const { resource } of steps) live.set(resource.key, { resource, digest: digestOf(resource) });
      assert.deepEqual(plan(wanted, live), []);
    }),
    { numRuns: 50 },
  );
});

test("printed, each step is a line with its mark and its word, key and reason", () => {
  const lines = printPlan(plan(wanted, drifted("file /run/phx/101/nginx.conf", "the file was edited"))).split(
    "\n",
  );
  assert.match(lines[0] ?? "", /^~ replace file \/run\/phx\/101\/nginx\.conf +the file was edited$/);
  assert.match(lines[1] ?? "", /^\^ reload  service nginx +file .* changes$/);
});

test("links of the fabric that are made anew take every guest's links with them", () => {
  const steps = keysOf(drifted("links fabric", "device eth0 is gone"));
  for (const { key, kind } of wanted) if (kind === "links") assert.ok(steps.includes(key), key);
});
