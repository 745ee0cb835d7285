import assert from "node:assert/strict";
import { test } from "node:test";
import { estateWith, type Files, NEWER, newerWith, REFERENCE, SECRETS } from "../fixtures/reference.ts";
import { readEstate } from "./read.ts";

const INTERNAL = "internal.thinkheads.ai";

const label = (service: string, host: string, port: number) => [
  "traefik.enable=true",
  `traefik.http.routers.${service}.rule=Host(\`${host}\`)`,
  `traefik.http.services.${service}.loadbalancer.server.port=${port}`,
];

/** The newer form with a second stack on its VM, one service with these labels. */
function withStack(files: Files, labels: readonly string[], reference: unknown = "app"): void {
  files.vm.vms[2].docker_stacks = [reference];
  const services = { web: { traefik_labels: labels } };
  files.stacks.docker_stacks.app = { environments: { development: {}, production: { services } } };
}

const shortNames = (records: readonly { readonly name: string; readonly address: string }[]) =>
  records.map(({ name, address }) => `${name.split(".")[0]} ${address}`).sort();

test("the newer form: the internal horizon is derived, the external one declared", () => {
  const { generation, dns, ca, notes } = readEstate(NEWER);
  assert.equal(generation, "newer");
  assert.deepEqual([dns.externalZone, dns.internalZone], ["phoenix.thinkheads.ai", INTERNAL]);
  const publicNames = ["portainer", "grafana", "qdrant", "granite", "vectors"];
  assert.deepEqual(shortNames(dns.external), publicNames.map((name) => `${name} 10.0.0.153`).sort());
  assert.deepEqual(shortNames(dns.internal), [
    "ca 10.0.0.10",
    "drphoenix 10.0.0.102",
    "gitea 10.0.0.144",
    "grafana 10.0.0.141",
    "granite 10.0.0.201",
    "nginx 10.0.0.153",
    "nginx-phoenix 10.0.0.153",
    "portainer 10.0.0.101",
    "qdrant 10.0.0.142",
    "step-ca 10.0.0.10",
    "traefik 10.0.0.12",
    "vectors 10.0.0.102",
  ]);
  assert.deepEqual(ca, {
    guestId: "103",
    dnsName: `ca.${INTERNAL}`,
    port: 9000,
    provisioner: "acme@thinkheads.ai",
  });
  assert.deepEqual(notes, []);
});

test("the newer form: services and the stack are routed, Nginx and the CA are not", () => {
  const { routes, publicNames } = readEstate(NEWER);
  assert.deepEqual(
    routes.map(({ hostname, guestId, port, tls }) => `${hostname.split(".")[0]} ${guestId}:${port} ${tls}`),
    [
      "grafana 801:3000 false",
      "qdrant 802:6333 false",
      "granite 901:8000 false",
      "portainer 1001:9443 true",
      "vectors 1002:6333 false",
    ],
  );
  assert.equal(publicNames.length, 5);
});

test("the newer form is the reference estate but for its stack: guests, roles, rules", () => {
  const facts = (folder: string) => {
    const { host, guests, leftOut } = readEstate(folder);
    const rules = [host, ...guests].flatMap(({ firewall }) => firewall?.rules ?? []);
    return {
      guests: guests.map(({ id, kind, name, role, address, mac, bridge }) => {
        return { id, kind, name, role, address, mac, bridge };
      }),
      leftOut,
      host: [host.name, host.address, host.subnet, host.gateway, host.bridge, host.firewall.policyIn],
      rules: rules.map((rule) => JSON.stringify({ ...rule, position: undefined })),
    };
  };
  const [older, newer] = [facts(REFERENCE), facts(NEWER)];
  const added = newer.rules.filter((rule) => !older.rules.includes(rule));
  assert.equal(added.length, 1);
  assert.match(added[0] ?? "", /"source":"10\.0\.0\.12","dest":"10\.0\.0\.102","port":"6333"/);
  assert.deepEqual({ ...newer, rules: newer.rules.filter((rule) => !added.includes(rule)) }, older);
});

test("the newer form's secrets are redacted as they are read, in every file", () => {
  const { secrets = [], files } = readEstate(NEWER);
  assert.deepEqual([...new Set(secrets.map(({ file }) => file))], files.map(({ name }) => name).slice(0, 4));
  const texts = files.map(({ text }) => text).join("");
  assert.doesNotMatch(texts, SECRETS);
  assert.equal(texts.match(/\[redacted\]/g)?.length, secrets.length);
});

test("with no zone at all the external one is derived, and its emptiness is a finding", () => {
  const { dns, notes } = newerWith(({ host }) => {
    host.dns_server.authoritative_zones = [];
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
  const { dns } = newerWith((files) => {
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
    assert.equal(dns.internal.length, 10);
  });
}

test("a guest whose name is no host name has no derived record", () => {
  const { dns, notes } = newerWith((files) => {
    files.lxc.lxc_configs[901].name = "granite model";
  });
  assert.ok(!dns.internal.some((record) => record.name.startsWith("granite ")));
  assert.match(
    notes.find((note) => note.control === "CFG-001")?.message ?? "",
    /granite model\..* is no host name/,
  );
});

test("a service whose name is no host name has neither record nor route, also at a guest with a role", () => {
  const { dns, routes, notes } = newerWith((files) => {
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
  const { dns } = newerWith((files) => {
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
  const { routes } = newerWith((files) =>
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
  const { routes } = newerWith((files) =>
    withStack(files, labels, { name: "app", environment: "production" }),
  );
  assert.deepEqual(
    routes.slice(-2).map(({ hostname, port }) => `${hostname.split(".")[0]} ${port}`),
    ["a 2", "b 2"],
  );
});

test("the only service serves a router of another name", () => {
  const labels = label("r", `q.${INTERNAL}`, 80).map((text) => text.replace("services.r", "services.other"));
  const { routes } = newerWith((files) => withStack(files, labels));
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
    const { notes } = newerWith((files) => withStack(files, labels));
    const found = notes.filter((note) => note.control === "CFG-001").map((note) => note.message);
    assert.equal(found.length, 1, found.join("\n"));
    assert.match(found[0] ?? "", message);
  }
});

test("traefik.enable=false routes nothing, and ports that disagree are a finding", () => {
  const { routes } = newerWith((files) =>
    withStack(files, [...label("q", `q.${INTERNAL}`, 1), "traefik.enable=false"]),
  );
  assert.ok(!routes.some((route) => route.hostname.startsWith("q.")));
  const { notes } = newerWith((files) => {
    files.lxc.lxc_configs[801].ports = ["3000:3000"];
    files.lxc.lxc_configs[801].traefik_service.port = 3001;
  });
  assert.match(notes.find((note) => note.control === "CFG-001")?.message ?? "", /port 3001, ports have 3000/);
});

test("misspelt keys of a stack's service and of its labels are findings; what Traefik has beside them is not", () => {
  const { notes } = newerWith(({ stacks }) => {
    const { qdrant } = stacks.docker_stacks.qdrant_service.environments.production.services;
    qdrant.traefik_label = [];
    qdrant.image = "qdrant";
    qdrant.traefik_labels.push(
      "traefik.http.router.vectors.rule=Host(`x.internal.thinkheads.ai`)",
      "traefik.http.services.vectors.loadbalancer.server.prot=6333",
      "traefik.http.routers.vectors.priority=1",
      "traefik.http.services.vectors.loadbalancer.passhostheader=true",
      "traefik.tcp.routers.vectors.rule=HostSNI(`*`)",
      "com.example.owner=agents",
    );
  });
  assert.deepEqual(
    notes.map(
      ({ control, position, message }) =>
        `${control} ${position.pointer.split("/").slice(7).join("/")} ${message}`,
    ),
    [
      'CFG-001 traefik_labels/5 "traefik.http.router.vectors.rule" is no label that is read; the nearest is "traefik.http.routers.*.rule"',
      'CFG-001 traefik_labels/6 "traefik.http.services.vectors.loadbalancer.server.prot" is no label that is read; the nearest is "traefik.http.services.*.loadbalancer.server.port"',
      'CFG-001 traefik_label "traefik_label" is no key of a stack\'s service; the nearest is "traefik_labels"',
    ],
  );
});
