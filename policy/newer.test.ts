import assert from "node:assert/strict";
import { test } from "node:test";
import { estateWith, type Files } from "../fixtures/reference.ts";

const INTERNAL = "internal.thinkheads.ai";

/** The reference estate's files in the newer generation's form: names are derived, Portainer's stack has labels. */
function toNewer({ host, lxc, vm }: Files): void {
  host.domain_name = INTERNAL;
  host.dns_server.authoritative_zones = [host.dns_server.authoritative_zones[0]];
  host.step_ca = { dns_name: `ca.${INTERNAL}`, provisioner_name: "acme@thinkheads.ai", root_ca_name: "Root" };
  const services = { 101: ["nginx", 443], 103: ["ca", 9000], 801: ["grafana", 3000], 802: ["vectors", 6333] };
  for (const [id, [name, port]] of Object.entries(services))
    lxc.lxc_configs[id].traefik_service = { name, port };
  vm.vms[1].traefik_service = { name: "portainer", port: 9443 };
}

const label = (service: string, host: string, port: number) => [
  "traefik.enable=true",
  `traefik.http.routers.${service}.rule=Host(\`${host}\`)`,
  `traefik.http.services.${service}.loadbalancer.server.port=${port}`,
];

function withStack(files: Files, labels: readonly string[], reference: unknown = "app"): void {
  toNewer(files);
  files.vm.vms[2].docker_stacks = [reference];
  const services = { web: { traefik_labels: labels } };
  files.stacks = { docker_stacks: { app: { environments: { development: {}, production: { services } } } } };
}

test("the newer generation: the internal horizon is derived, the external one declared", () => {
  const { generation, dns, ca, routes, notes } = estateWith(toNewer);
  assert.equal(generation, "newer");
  assert.deepEqual([dns.externalZone, dns.internalZone], ["phoenix.thinkheads.ai", INTERNAL]);
  assert.equal(dns.external.length, 4);
  const names = dns.internal.map(({ name, address }) => `${name.split(".")[0]} ${address}`);
  for (const record of [
    "ca 10.0.0.10",
    "step-ca 10.0.0.10",
    "grafana 10.0.0.141",
    "vectors 10.0.0.142",
    "drphoenix 10.0.0.102",
  ]) {
    assert.ok(names.includes(record), `${record} in ${names.join(", ")}`);
  }
  assert.deepEqual(ca, {
    guestId: "103",
    dnsName: `ca.${INTERNAL}`,
    port: 9000,
    provisioner: "acme@thinkheads.ai",
  });
  assert.deepEqual(
    routes.map(({ hostname, port, tls }) => `${hostname.split(".")[0]} ${port} ${tls}`),
    ["grafana 3000 false", "vectors 6333 false", "portainer 9443 true"],
  );
  assert.deepEqual(
    notes.map((note) => note.message),
    [
      "qdrant.phoenix.thinkheads.ai is public, but qdrant.internal.thinkheads.ai has no route",
      "granite.phoenix.thinkheads.ai is public, but granite.internal.thinkheads.ai has no route",
    ],
  );
});

test("with no zone at all the external one is derived, and its emptiness is a finding", () => {
  const { dns, notes } = estateWith((files) => {
    toNewer(files);
    files.host.dns_server.authoritative_zones = [];
  });
  assert.deepEqual(
    [dns.externalZone, dns.internalZone, dns.external],
    ["phoenix.thinkheads.ai", INTERNAL, []],
  );
  assert.deepEqual(
    notes.map(({ control, message }) => `${control} ${message}`),
    ["CFG-001 no record has ip_external, so outsiders can find nothing"],
  );
});

test("a description of the CA alone makes the newer generation", () => {
  assert.equal(estateWith(({ host }) => (host.step_ca = {})).generation, "newer");
});

test("the external zone is the one with external records, whatever else there is", () => {
  const { dns } = estateWith((files) => {
    toNewer(files);
    files.host.dns_server.authoritative_zones.push({ zone_name: "other.example", records: [] });
  });
  assert.equal(dns.externalZone, "phoenix.thinkheads.ai");
});

for (const external of ["thinkheads.ai", `public.${INTERNAL}`]) {
  test(`where one zone lies in the other, each keeps its own names: ${external}`, () => {
    const { dns } = estateWith(({ host, vm }) => {
      host.domain_name = external;
      host.dns_server.authoritative_zones[0].zone_name = external;
      vm.vms[2].dns_records = [{ hostname: `agent.${external}`, ip: "10.0.0.102" }];
    });
    assert.deepEqual([dns.externalZone, dns.internalZone], [external, INTERNAL]);
    assert.deepEqual(
      dns.externalInside.map((record) => record.name),
      [`agent.${external}`],
    );
    assert.equal(dns.internal.length, 9);
  });
}

test("a guest whose name is no host name has no derived record", () => {
  const { dns, notes } = estateWith((files) => {
    toNewer(files);
    files.lxc.lxc_configs[901].name = "granite model";
  });
  assert.ok(!dns.internal.some((record) => record.name.startsWith("granite")));
  assert.match(
    notes.find((note) => note.control === "CFG-001")?.message ?? "",
    /granite model\..* is no host name/,
  );
});

test("a service whose name is no host name has neither record nor route, also at a guest with a role", () => {
  const { dns, routes, notes } = estateWith((files) => {
    toNewer(files);
    files.lxc.lxc_configs[801].traefik_service.name = "my_grafana";
    files.lxc.lxc_configs[101].traefik_service.name = "_nginx";
  });
  assert.doesNotMatch(JSON.stringify([dns, routes]), /my_grafana|_nginx/);
  assert.deepEqual(
    notes
      .filter(({ control }) => control === "CFG-001")
      .map(({ position, message }) => `${position.pointer} ${message}`)
      .sort(),
    [
      "/lxc_configs/101/traefik_service _nginx.internal.thinkheads.ai is no host name, so no zone has it",
      "/lxc_configs/801/traefik_service my_grafana.internal.thinkheads.ai is no host name, so no zone has it",
      "/lxc_configs/801/traefik_service my_grafana.internal.thinkheads.ai is no host name, so nothing is routed there",
    ],
  );
});

test("a guest's dns_records join the horizon of their zone", () => {
  const { dns } = estateWith((files) => {
    toNewer(files);
    files.vm.vms[2].dns_records = [
      { hostname: "DrPhoenix.phoenix.thinkheads.ai.", ip: "10.0.0.102" },
      { hostname: `agent.${INTERNAL}`, ip: "10.0.0.102" },
    ];
  });
  assert.deepEqual(
    dns.externalInside.map((record) => record.name),
    ["drphoenix.phoenix.thinkheads.ai"],
  );
  assert.ok(dns.internal.some((record) => record.name === `agent.${INTERNAL}`));
  assert.ok(!dns.external.some((record) => record.name.startsWith("drphoenix")));
});

test("the labels of a stack route to the VM that lists it", () => {
  const { routes } = estateWith((files) =>
    withStack(files, [
      ...label("q", `q.${INTERNAL}`, 6333),
      "traefik.http.services.q.loadbalancer.server.scheme=https",
    ]),
  );
  const route = routes.find((candidate) => candidate.hostname === `q.${INTERNAL}`);
  assert.deepEqual(
    [route?.guestId, route?.address, route?.port, route?.tls],
    ["1002", "10.0.0.102", 6333, true],
  );
  assert.equal(
    route?.position.pointer,
    "/docker_stacks/app/environments/production/services/web/traefik_labels/1",
  );
});

test("a stack in the older form names its environment, and a label may name its service", () => {
  const labels = [
    "traefik.http.routers.r.rule=Host(`a.internal.thinkheads.ai`) || Host(`b.internal.thinkheads.ai`)",
    "traefik.http.routers.r.service=s2",
    "traefik.http.services.s1.loadbalancer.server.port=1",
    "traefik.http.services.s2.loadbalancer.server.port=2",
  ];
  const { routes } = estateWith((files) =>
    withStack(files, labels, { name: "app", environment: "production" }),
  );
  assert.deepEqual(
    routes.slice(-2).map(({ hostname, port }) => `${hostname.split(".")[0]} ${port}`),
    ["a 2", "b 2"],
  );
});

test("the only service serves a router of another name", () => {
  const labels = label("r", `q.${INTERNAL}`, 80).map((text) => text.replace("services.r", "services.other"));
  const { routes } = estateWith((files) => withStack(files, labels));
  assert.equal(routes.at(-1)?.port, 80);
});

test("labels that give no route by name alone are findings", () => {
  const rules: readonly (readonly [readonly string[], RegExp])[] = [
    [["traefik.http.routers.r.rule=Host(`a.internal.thinkheads.ai`)"], /no server port/],
    [label("r", `a.${INTERNAL}\`) && PathPrefix(\`/x`, 80), /does not decide by plain host names alone/],
    [label("r", "*.internal.thinkheads.ai", 80), /does not decide by plain host names alone/],
    [label("r", `_x.${INTERNAL}`, 80), /does not decide by plain host names alone/],
    [
      label("r", `grafana.${INTERNAL}`, 80),
      /routed twice: to guest 801 port 3000 \(kept\) and to guest 1002 port 80/,
    ],
    [label("r", "app.phoenix.thinkheads.ai", 80), /an external name/],
  ];
  for (const [labels, message] of rules) {
    const { notes } = estateWith((files) => withStack(files, labels));
    const found = notes.filter((note) => note.control === "CFG-001").map((note) => note.message);
    assert.equal(found.length, 1, found.join("\n"));
    assert.match(found[0] ?? "", message);
  }
});

test("traefik.enable=false routes nothing, and ports that disagree are a finding", () => {
  const { routes } = estateWith((files) =>
    withStack(files, [...label("q", `q.${INTERNAL}`, 1), "traefik.enable=false"]),
  );
  assert.ok(!routes.some((route) => route.hostname.startsWith("q.")));
  const { notes } = estateWith((files) => {
    toNewer(files);
    files.lxc.lxc_configs[801].traefik_service.port = 3001;
  });
  assert.match(notes.find((note) => note.control === "CFG-001")?.message ?? "", /port 3001, ports have 3000/);
});
