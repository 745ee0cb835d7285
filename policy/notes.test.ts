import assert from "node:assert/strict";
import { test } from "node:test";
import { estateWith, type Files } from "../fixtures/reference.ts";
import { nearest } from "./unknown-keys.ts";
import { isHostname } from "./zone.ts";

const INTERNAL = "internal.thinkheads.ai";

type Row = readonly [
  title: string,
  change: (files: Files) => void,
  pointer: string,
  message: RegExp,
  /** Where the same mistake shows as well. */
  also?: string,
];

const findings: readonly Row[] = [
  [
    "an unknown key of a rule",
    ({ lxc }) => (lxc.lxc_configs[801].firewall.rules[0].sorce = "10.0.0.12"),
    "/lxc_configs/801/firewall/rules/0/sorce",
    /"sorce" is no key of a rule; the nearest is "source"/,
  ],
  [
    "an unknown key of network_config that resembles none",
    ({ vm }) => (vm.vms[1].network_config.vlan_tag = 7),
    "/vms/1/network_config/vlan_tag",
    /"vlan_tag" is no key of network_config$/,
  ],
  [
    "a misspelt section of a guest",
    ({ lxc }) => (lxc.lxc_configs[801].firewal = {}),
    "/lxc_configs/801/firewal",
    /"firewal" is no key of a guest; the nearest is "firewall"/,
  ],
  [
    "an unknown key of a record",
    ({ host }) => (host.dns_server.authoritative_zones[1].records[0].ip_interal = "10.0.0.13"),
    "/dns_server/authoritative_zones/1/records/0/ip_interal",
    /nearest is "ip_internal"/,
  ],
  [
    "an unknown key of the global firewall under shared_volumes",
    (files) => {
      files.host.shared_volumes = { firewall: { ...files.host.firewall, polcy: "DROP" } };
      delete files.host.firewall;
    },
    "/shared_volumes/firewall/polcy",
    /"polcy" is no key of the host's firewall/,
  ],
  [
    "a misspelt portainer_hostname",
    ({ host }) => {
      host.portainer_api = { ...host.portainer_api, portainer_hostnme: `p.${INTERNAL}` };
    },
    "/portainer_api/portainer_hostnme",
    /"portainer_hostnme" is no key of portainer_api; the nearest is "portainer_hostname"/,
  ],
  [
    "a misspelt firewall under shared_volumes",
    ({ host }) => (host.shared_volumes = { firewal: {}, ssl: {} }),
    "/shared_volumes/firewal",
    /"firewal" is no key of shared_volumes; the nearest is "firewall"/,
  ],
  [
    "a misspelt bridge of the VMs",
    ({ vm }) => (vm.vm_defaults.network_brige = "vmbr1"),
    "/vm_defaults/network_brige",
    /"network_brige" is no key of vm_defaults; the nearest is "network_bridge"/,
  ],
  [
    "a route under an external name",
    ({ host }) => (host.portainer_api.portainer_hostname = "portainer.phoenix.thinkheads.ai"),
    "/portainer_api/portainer_hostname",
    /an external name: Step-CA certifies internal names only/,
  ],
  [
    "a name with a dot",
    ({ lxc }) => (lxc.lxc_configs[901].name = "granite-3.3-8b-fp8"),
    "/lxc_configs/901/ports",
    /granite-3\.3-8b-fp8\.internal\.thinkheads\.ai has a dot/,
  ],
  [
    "a name that is no host name",
    ({ lxc }) => (lxc.lxc_configs[901].name = "granite model"),
    "/lxc_configs/901/ports",
    /no host name, so nothing is routed/,
  ],
  [
    "no external records",
    ({ host }) => (host.dns_server.authoritative_zones[0].records = []),
    "/dns_server/authoritative_zones",
    /no record has ip_external/,
  ],
  [
    "a record that points to no guest",
    ({ host }) =>
      host.dns_server.authoritative_zones[1].records.push({ hostname: "old", ip_internal: "10.0.0.99" }),
    "/dns_server/authoritative_zones/1/records/10",
    /old\.internal\.thinkheads\.ai points to 10\.0\.0\.99, which no guest has/,
  ],
  [
    "a wildcard",
    ({ host }) =>
      (host.dns_server.authoritative_zones[0].records[4] = { hostname: "*", ip_external: "10.0.0.153" }),
    "/dns_server/authoritative_zones/0/records/4",
    /\*\.phoenix\.thinkheads\.ai is a wildcard/,
  ],
  [
    "a record with an underscore, in both horizons",
    ({ host }) =>
      host.dns_server.authoritative_zones[0].records.push({
        hostname: "_acme-challenge",
        ip_external: "10.0.0.153",
        ip_internal: "10.0.0.12",
      }),
    "/dns_server/authoritative_zones/0/records/4",
    /_acme-challenge\.phoenix\.thinkheads\.ai is no host name, so no zone has it/,
  ],
  [
    "a record whose name is too long with its zone",
    ({ host }) =>
      host.dns_server.authoritative_zones[1].records.push({
        hostname: `${"a".repeat(60)}.`.repeat(4).slice(0, -1),
        ip_internal: "10.0.0.13",
      }),
    "/dns_server/authoritative_zones/1/records/10",
    /internal\.thinkheads\.ai is no host name/,
  ],
  [
    "a guest's record with an underscore",
    ({ vm }) => (vm.vms[1].dns_records = [{ hostname: `a_b.${INTERNAL}`, ip: "10.0.0.101" }]),
    "/vms/1/dns_records/0",
    /a_b\.internal\.thinkheads\.ai is no host name, so no zone has it/,
  ],
  [
    "a portainer_hostname with an underscore",
    ({ host }) => (host.portainer_api.portainer_hostname = "portainer_x.phoenix.thinkheads.ai"),
    "/portainer_api/portainer_hostname",
    /^portainer_x\.internal\.thinkheads\.ai is no host name, so nothing is routed/,
  ],
  [
    "a record with another guest's address",
    ({ host }) => (host.dns_server.authoritative_zones[1].records[4].ip_internal = "10.0.0.142"),
    "/dns_server/authoritative_zones/1/records/4",
    /grafana\.internal\.thinkheads\.ai is 10\.0\.0\.142 here, but it names guest 801, 10\.0\.0\.141/,
  ],
  [
    "a name with two addresses",
    ({ vm }) => (vm.vms[1].dns_records = [{ hostname: `grafana.${INTERNAL}`, ip: "10.0.0.101" }]),
    "/vms/1/dns_records/0",
    /grafana\.internal\.thinkheads\.ai is 10\.0\.0\.141 \(kept\) and also 10\.0\.0\.101/,
  ],
  [
    "the CA without a record",
    ({ host }) => host.dns_server.authoritative_zones[1].records.splice(3, 1),
    "/lxc_configs/103",
    /the CA's name ca\.internal\.thinkheads\.ai has no internal record/,
  ],
  [
    "a dependency that no file declares",
    ({ lxc }) => (lxc.lxc_configs[801].dependencies = ["102", "777"]),
    "/lxc_configs/801/dependencies/1",
    /801 grafana depends on 777, which no file declares/,
  ],
  [
    "a template that no file declares",
    ({ lxc }) => (lxc.lxc_configs[801].clone_from_ctid = "900"),
    "/lxc_configs/801/clone_from_ctid",
    /is cloned from 900/,
  ],
  [
    "an LXC guest cloned from a VM",
    ({ lxc }) => (lxc.lxc_configs[801].clone_from_ctid = 9000),
    "/lxc_configs/801/clone_from_ctid",
    /is cloned from 9000/,
  ],
  [
    "Portainer's address twice, differently",
    ({ host }) => (host.network.portainer_server_ip = "10.0.0.111"),
    "/network/portainer_server_ip",
    /portainer_server_ip is 10\.0\.0\.111, but the primary, 1001, has 10\.0\.0\.101/,
  ],
  [
    "Portainer's name without a primary",
    ({ host, vm }) => {
      vm.vms[1].portainer_role = "none";
      host.dns_server.authoritative_zones[0].records.shift();
    },
    "/portainer_api/portainer_hostname",
    /no VM has portainer_role primary/,
  ],
  [
    "two primaries",
    ({ vm }) => (vm.vms[2].portainer_role = "primary"),
    "/vms/2/portainer_role",
    /1002 and 1001 both have portainer_role primary/,
    "/portainer_api/portainer_hostname",
  ],
  [
    "a guest that depends on itself",
    ({ lxc }) => (lxc.lxc_configs[801].dependencies = ["801"]),
    "/lxc_configs/801/dependencies/0",
    /801 grafana depends on 801, which is itself/,
  ],
  [
    "two guests with one name",
    ({ vm }) => (vm.vms[2].name = "Portainer"),
    "/vms/2",
    /1002 and 1001 share the name portainer/,
  ],
  [
    "the CA's name with another's address",
    ({ host }) => (host.dns_server.authoritative_zones[1].records[3].ip_internal = "10.0.0.12"),
    "/dns_server/authoritative_zones/1/records/3",
    /ca\.internal\.thinkheads\.ai is 10\.0\.0\.12 here, but it names the CA, 10\.0\.0\.10/,
  ],
  [
    "a public record in the internal zone",
    ({ host }) => (host.dns_server.authoritative_zones[1].records[0].ip_external = "10.0.0.153"),
    "/dns_server/authoritative_zones/1/records/0",
    /pve\.internal\.thinkheads\.ai has ip_external, but is not in phoenix/,
  ],
  [
    "a guest's record in neither zone",
    ({ vm }) => (vm.vms[1].dns_records = [{ hostname: "x.example", ip: "10.0.0.101" }]),
    "/vms/1/dns_records/0",
    /x\.example is in neither internal\.thinkheads\.ai nor phoenix\.thinkheads\.ai/,
  ],
  [
    "another gateway",
    ({ lxc }) => (lxc.lxc_configs[801].network_config.gw = "10.0.0.2"),
    "/lxc_configs/801",
    /gateway 10\.0\.0\.2, the host 10\.0\.0\.1/,
  ],
  [
    "another prefix",
    ({ lxc }) => (lxc.lxc_configs[801].network_config.ip = "10.0.0.141/25"),
    "/lxc_configs/801",
    /the network 10\.0\.0\.128\/25, not 10\.0\.0\.0\/24/,
  ],
  [
    "a MAC twice",
    ({ lxc }) => (lxc.lxc_configs[802].mac_address = "52-54-00-67-89-a1"),
    "/lxc_configs/802",
    /802 and 801 share the MAC 52:54:00:67:89:a1/,
  ],
  [
    "a stack that no file declares",
    ({ vm }) => (vm.vms[2].docker_stacks = ["qdrant_service"]),
    "/vms/2/docker_stacks/0",
    /1002 drphoenix runs stack qdrant_service, which no file declares/,
  ],
  ["no global firewall", ({ host }) => delete host.firewall, "", /the host's is off/],
];

for (const [title, change, pointer, message, also] of findings) {
  test(`${title} is a finding of CFG-001`, () => {
    const notes = estateWith(change).notes.filter((note) => note.control === "CFG-001");
    const [first, ...rest] = notes.filter((note) => note.position.pointer !== also);
    assert.deepEqual([first?.position.pointer, rest], [pointer, []]);
    assert.match(first?.message ?? "", message);
    assert.notEqual(first?.remedy, "");
    assert.equal(notes.length, also === undefined ? 1 : 2);
  });
}

test("what is no host name is in no zone, no route and no public name", () => {
  const estate = estateWith(({ host, vm }) => {
    const [external, internal] = host.dns_server.authoritative_zones;
    external.records.push({ hostname: "_x", ip_external: "10.0.0.153", ip_internal: "10.0.0.12" });
    internal.records.push(
      { hostname: "_x", ip_internal: "10.0.0.101" },
      { hostname: "*", ip_internal: "10.0.0.101" },
    );
    vm.vms[1].dns_records = [{ hostname: `_x.y.${INTERNAL}`, ip: "10.0.0.101" }];
    host.portainer_api.portainer_hostname = `_x.${INTERNAL}`;
  });
  const { dns, routes, publicNames } = estate;
  const names = [
    ...[...dns.external, ...dns.internal, ...dns.externalInside].map(({ name }) => name),
    ...routes.map(({ hostname }) => hostname),
    ...publicNames.flatMap(({ external, internal }) => [external, internal]),
  ];
  assert.equal(names.length, 4 + 10 + 3 + 6);
  assert.ok(names.every(isHostname), names.join(" "));
});

test("an unknown key is found where the key stands", () => {
  const { notes, files } = estateWith(({ vm }) => (vm.vms[1].network_config.vlan_tag = 7));
  const { file, line, column } = notes[0]?.position ?? { file: "", line: 0, column: 0 };
  const text = files.find((candidate) => candidate.name === file)?.text.split("\n")[line - 1];
  assert.ok(text?.slice(column - 1).startsWith('"vlan_tag"'));
});

test("keys outside the network's sections are nobody's business", () => {
  const { notes } = estateWith(({ host, lxc, vm }) => {
    Object.assign(host, { zfs: {}, users: {}, nfs: {}, core_paths: {}, shared_volumes: { ssl: {} } });
    Object.assign(host.network, {
      nfs_server: "10.0.0.13",
      fallback_dns: "9.9.9.9",
      external_registry_url: "",
    });
    Object.assign(lxc.lxc_configs[801], {
      gpu_assignment: "none",
      pct_options: [],
      tests: {},
      volumes: [],
      cores: 1,
    });
    Object.assign(vm.vms[1], { user_config: {}, snapshots: {}, trigger_sync_on_completion: true });
  });
  assert.deepEqual(notes, []);
});

test("a public name that nothing routes, and a route that insiders can't resolve, are remarks", () => {
  const { notes, publicNames } = estateWith(({ host }) => {
    const [external, internal] = host.dns_server.authoritative_zones;
    external.records.push({ hostname: "blog", ip_external: "10.0.0.153" });
    internal.records.splice(4, 1);
  });
  assert.deepEqual(
    notes.map(({ control, message }) => `${control}: ${message}`),
    [
      "note: blog.phoenix.thinkheads.ai is public, but blog.internal.thinkheads.ai has no route",
      "note: grafana.internal.thinkheads.ai is routed, but insiders can't resolve it",
    ],
  );
  assert.equal(publicNames.length, 4);
});

test("the nearest name is near", () => {
  const known = ["source", "dest", "port"];
  assert.equal(nearest("sourse", known), "source");
  assert.equal(nearest("Port", known), "port");
  assert.equal(nearest("cost", known), undefined);
  assert.equal(nearest("x".repeat(1_000_000), known), undefined);
});

test("a name that is a place's or another guest's id is told: it can't name the guest", () => {
  const { notes } = estateWith(({ lxc }) => {
    const guests = lxc.lxc_configs;
    guests[801].name = "Host";
    guests[802].name = "801";
  });
  const told = notes.filter(({ message }) => message.includes("can't name the guest"));
  assert.deepEqual(
    told.map(({ message, control, position }) => [control, position.pointer, message]),
    [
      [
        "note",
        "/lxc_configs/801",
        "the name of guest 801, Host, is a place of its own: it can't name the guest",
      ],
      [
        "note",
        "/lxc_configs/802",
        "the name of guest 802, 801, is another guest's id: it can't name the guest",
      ],
    ],
  );
});
