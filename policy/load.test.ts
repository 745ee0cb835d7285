import assert from "node:assert/strict";
import { test } from "node:test";
import { HarnessError, HarnessErrors } from "../errors.ts";
import {
  changedTexts,
  estateWith,
  type Files,
  REFERENCE,
  referenceText,
  textsWith,
} from "../fixtures/reference.ts";
import { guestOf } from "./estate.ts";
import { macOf } from "./guest.ts";
import { type FileTexts, loadEstate } from "./load.ts";
import { lanAddress } from "./place.ts";
import { readEstate } from "./read.ts";

const reference = readEstate(REFERENCE);

test("the reference estate: host, guests and roles", () => {
  const { host, guests, generation, notes, leftOut } = reference;
  assert.equal(generation, "older");
  assert.deepEqual(notes, []);
  assert.deepEqual(
    [host.name, host.address, host.prefixLength, host.subnet, host.gateway, host.bridge],
    ["pve", "10.0.0.13", 24, "10.0.0.0/24", "10.0.0.1", "vmbr0"],
  );
  assert.deepEqual(
    guests.map(({ id, kind, role, address, mac }) => `${id} ${kind} ${role} ${address} ${mac}`),
    [
      "101 lxc gateway 10.0.0.153 52:54:00:67:89:b3",
      "102 lxc mesh 10.0.0.12 52:54:00:aa:bb:cb",
      "103 lxc ca 10.0.0.10 52:54:00:aa:bb:ca",
      "801 lxc backend 10.0.0.141 52:54:00:67:89:a1",
      "802 lxc backend 10.0.0.142 52:54:00:67:89:a2",
      "803 lxc backend 10.0.0.144 52:54:00:67:89:a3",
      "901 lxc backend 10.0.0.201 52:54:00:aa:bb:cd",
      "1001 vm backend 10.0.0.101 52:54:00:00:03:e9",
      "1002 vm backend 10.0.0.102 52:54:00:00:03:ea",
    ],
  );
  assert.deepEqual(leftOut, [{ id: "9000", name: "debian-12-cloud-template", reason: "a template" }]);
});

test("the reference estate: firewalls and the place of a rule", () => {
  const { host } = reference;
  assert.deepEqual(
    [host.firewall.enabled, host.firewall.policyIn, host.firewall.policyOut, host.firewall.rules.length],
    [true, "DROP", "ACCEPT", 2],
  );
  const [rule] = guestOf(reference, "ca").firewall?.rules ?? [];
  assert.deepEqual(rule, {
    type: "in",
    action: "ACCEPT",
    enabled: true,
    proto: "tcp",
    source: "10.0.0.12",
    dest: "10.0.0.10",
    port: "9000",
    comment: "Traefik orders certificates by ACME",
    position: {
      file: "phoenix_lxc_configs.json",
      line: 100,
      column: 11,
      pointer: "/lxc_configs/103/firewall/rules/0",
    },
  });
});

test("the reference estate: routes, names and the CA", () => {
  const { routes, publicNames, dns, ca } = reference;
  assert.deepEqual(
    routes.map(({ hostname, guestId, address, port, tls }) => [
      hostname.split(".")[0],
      guestId,
      address,
      port,
      tls,
    ]),
    [
      ["grafana", "801", "10.0.0.141", 3000, false],
      ["qdrant", "802", "10.0.0.142", 6333, false],
      ["granite", "901", "10.0.0.201", 8000, false],
      ["portainer", "1001", "10.0.0.101", 9443, true],
    ],
  );
  assert.equal(publicNames.length, 4);
  assert.deepEqual(
    [publicNames[0]?.external, publicNames[0]?.internal],
    ["portainer.phoenix.thinkheads.ai", "portainer.internal.thinkheads.ai"],
  );
  assert.deepEqual(
    [dns.enabled, dns.externalZone, dns.internalZone],
    [true, "phoenix.thinkheads.ai", "internal.thinkheads.ai"],
  );
  assert.deepEqual(new Set(dns.external.map((record) => record.address)), new Set(["10.0.0.153"]));
  assert.equal(
    dns.internal.find((record) => record.name === "ca.internal.thinkheads.ai")?.address,
    "10.0.0.10",
  );
  assert.deepEqual(ca, {
    guestId: "103",
    dnsName: "ca.internal.thinkheads.ai",
    port: 9000,
    provisioner: "acme",
  });
});

test("the reference estate gives every ACCEPT direction, end, protocol, port and comment (FW-004)", () => {
  const rules = [
    reference.host.firewall,
    ...reference.guests.flatMap((guest) => guest.firewall ?? []),
  ].flatMap((firewall) => firewall.rules);
  assert.equal(rules.length, 14);
  for (const rule of rules) {
    assert.ok(rule.action === "ACCEPT" && rule.type === "in" && rule.enabled);
    assert.ok((rule.source ?? rule.dest) && rule.proto && rule.port && rule.comment, rule.position.pointer);
  }
  const lines = rules.map(({ proto, source, dest, port }) => `${proto} ${source} ${dest} ${port}`);
  assert.equal(new Set(lines).size, lines.length);
});

/** Each fault as `code file:line:column pointer`, with the whole message. */
function faultsOf(load: () => unknown): { places: string[]; text: string } {
  try {
    load();
  } catch (error) {
    assert.ok(error instanceof HarnessError || error instanceof HarnessErrors, String(error));
    assert.equal(error.exit, 2);
    const errors = error instanceof HarnessErrors ? error.errors : [error];
    return { places: errors.map(({ code, detail }) => `${code} ${detail.subject}`), text: error.message };
  }
  assert.fail("it was loaded");
}

/** What stands in the file at `file:line:column`. */
function textAt(texts: FileTexts, place: string): string {
  const [, name, line = "", column = ""] = /(\S+):(\d+):(\d+)/.exec(place) ?? [];
  const file = Object.values(texts).find((text) => text.name === name);
  return file?.text.split("\n")[Number(line) - 1]?.slice(Number(column) - 1) ?? "";
}

const bad: readonly (readonly [
  title: string,
  change: (files: Files) => void,
  place: string,
  at: string,
  text: RegExp,
])[] = [
  [
    "a wrong type",
    ({ lxc }) => (lxc.lxc_configs[801].name = 7),
    "json-type lxc /lxc_configs/801/name",
    "7,",
    /expected a string, found 7\./,
  ],
  [
    "a missing key",
    ({ host }) => delete host.network.interfaces.gateway,
    "json-type hypervisor /network/interfaces/gateway",
    "{",
    /expected an IPv4 address, e\.g\. 10\.0\.0\.1, found nothing/,
  ],
  [
    "an action that Proxmox lacks",
    ({ vm }) => (vm.vms[1].firewall.rules[0].action = "ALLOW"),
    "json-type vm /vms/1/firewall/rules/0/action",
    '"ALLOW"',
    /expected "ACCEPT" or "DROP" or "REJECT", found "ALLOW"/,
  ],
  [
    "a port without a protocol",
    ({ host }) => delete host.firewall.global_firewall_rules[0].proto,
    "port-without-protocol hypervisor /firewall/global_firewall_rules/0/port",
    '"53"',
    /expected a protocol that has ports, found proto absent beside it\. Add proto/,
  ],
  [
    "a port with a protocol that has none",
    ({ host }) => (host.firewall.global_firewall_rules[1].proto = "icmp"),
    "port-without-protocol hypervisor /firewall/global_firewall_rules/1/port",
    '"53"',
    /found proto icmp/,
  ],
  [
    "the firewall in both places",
    ({ host }) => (host.shared_volumes = { firewall: { enabled: true } }),
    "firewall-twice hypervisor /shared_volumes/firewall",
    "{",
    /found both; the other is at phoenix_hypervisor_config\.json:20:15 \/firewall\./,
  ],
  [
    "no gateway",
    ({ lxc }) => Object.assign(lxc.lxc_configs[101], { name: "edge", features: [] }),
    "role-missing lxc /lxc_configs",
    "{",
    /one guest with Nginx .* found none of 101 edge, 102 Traefik, .* 1002 drphoenix/,
  ],
  [
    "two CAs",
    ({ lxc }) => lxc.lxc_configs[901].features.push("step_ca"),
    "role-ambiguous lxc /lxc_configs/901",
    "{",
    /found 103 Step-CA, 901 granite/,
  ],
  [
    "one guest with two roles",
    ({ lxc }) => {
      lxc.lxc_configs[102] = { ...lxc.lxc_configs[102], name: "proxy", features: [] };
      lxc.lxc_configs[101].features.push("traefik");
    },
    "role-ambiguous lxc /lxc_configs/101",
    "{",
    /101 Nginx-Phoenix as gateway and mesh/,
  ],
  [
    "two guests with one address",
    ({ vm }) => (vm.vms[2].network_config.ip = "10.0.0.141/24"),
    "address-twice vm /vms/2/network_config/ip",
    '"10.0.0.141/24"',
    /found 10\.0\.0\.141, which is 801 grafana's \(phoenix_lxc_configs\.json:143:15 \/lxc_configs\/801\/network_config\/ip\)/,
  ],
  [
    "a guest with the host's address",
    ({ vm }) => (vm.vms[2].network_config.ip = "10.0.0.13/24"),
    "address-twice vm /vms/2/network_config/ip",
    '"10.0.0.13/24"',
    /which is the host's/,
  ],
  [
    "an address outside the subnet",
    ({ vm }) => (vm.vms[2].network_config.ip = "10.0.1.102/24"),
    "address-outside vm /vms/2/network_config/ip",
    '"10.0.1.102/24"',
    /expected an address of 10\.0\.0\.0\/24, found 10\.0\.1\.102/,
  ],
  [
    "the subnet's broadcast address",
    ({ vm }) => (vm.vms[2].network_config.ip = "10.0.0.255/24"),
    "address-outside vm /vms/2/network_config/ip",
    '"10.0.0.255/24"',
    /its broadcast address/,
  ],
  [
    "one id for an LXC guest and a VM",
    ({ vm }) => (vm.vms[2].vmid = 801),
    "json-duplicate-key vm /vms/2/vmid",
    "801",
    /found 801 again/,
  ],
  [
    "an id that Proxmox refuses",
    ({ lxc }) => (lxc.lxc_configs["99"] = lxc.lxc_configs[801]),
    "json-type lxc /lxc_configs/99",
    "{",
    /expected an id from 100 to 999999999, found "99"/,
  ],
  [
    "a guest without network_config",
    ({ vm }) => delete vm.vms[2].network_config,
    "json-type vm /vms/2/network_config",
    "{",
    /expected an object with ip, found nothing/,
  ],
  [
    "a zone whose name is no host name",
    ({ host }) => (host.dns_server.authoritative_zones[0].zone_name = "_phoenix.thinkheads.ai"),
    "json-type hypervisor /dns_server/authoritative_zones/0/zone_name",
    '"_phoenix',
    /expected a host name of letters, digits and hyphens, found "_phoenix\.thinkheads\.ai"/,
  ],
  [
    "a zone whose name leaves no room for the names in it",
    ({ host }) => (host.dns_server.authoritative_zones[0].zone_name = "abc.".repeat(60).slice(0, -1)),
    "json-type hypervisor /dns_server/authoritative_zones/0/zone_name",
    '"abc.',
    /expected a zone's name of at most 230 characters, found a string of 239 characters/,
  ],
  [
    "a domain name with a wildcard",
    ({ host }) => (host.domain_name = "*.thinkheads.ai"),
    "json-type hypervisor /domain_name",
    '"*.',
    /expected a host name/,
  ],
  [
    "a CA's name with an underscore",
    ({ host }) => (host.step_ca = { dns_name: "step_ca.internal.thinkheads.ai" }),
    "json-type hypervisor /step_ca/dns_name",
    '"step_ca',
    /expected a host name/,
  ],
  [
    "a line break in what becomes a line of a rule file",
    ({ vm }) => (vm.vms[1].firewall.rules[0].source = "10.0.0.12\nIN ACCEPT"),
    "json-type vm /vms/1/firewall/rules/0/source",
    '"10.0.0.12\\nIN',
    /one word without blanks/,
  ],
];

for (const [title, change, place, at, text] of bad) {
  test(`${title} is refused, with its place`, () => {
    const texts = changedTexts(change);
    const faults = faultsOf(() => loadEstate("/", texts));
    assert.equal(faults.places.length, 1);
    const [found = ""] = faults.places;
    assert.equal(found.replace(/phoenix_([a-z]+)_\w+\.json:\d+:\d+/, "$1"), place);
    assert.ok(textAt(texts, found).startsWith(at), `${found} is at ${textAt(texts, found)}`);
    assert.match(faults.text, text);
  });
}

const PORTS = "/firewall/global_firewall_rules/0";

test("a port that Proxmox can't read is refused where it stands", () => {
  const rows: readonly (readonly [key: "port" | "sport", value: unknown])[] = [
    ["port", "80000"],
    ["port", 65536],
    ["port", -1],
    ["port", "0-1024"],
    ["port", "8010:8000"],
    ["port", "80,,443"],
    ["port", "80,"],
    ["port", "1:2:3"],
    ["port", "no-such-service"],
    ["sport", "80000"],
    ["sport", "1024:80000"],
  ];
  for (const [key, value] of rows) {
    const texts = changedTexts(({ host }) => (host.firewall.global_firewall_rules[0][key] = value));
    const { places, text } = faultsOf(() => loadEstate("/", texts));
    assert.equal(places.length, 1, text);
    assert.match(places[0] ?? "", new RegExp(`^rule-invalid \\S+:\\d+:\\d+ ${PORTS}/${key}$`));
    assert.ok(textAt(texts, places[0] ?? "").startsWith(JSON.stringify(value)), text);
    const expected = "expected ports 1 to 65535, a range first:last in order, or a service name";
    assert.ok(text.includes(`${expected}, found ${JSON.stringify(value)}.`), text);
  }
});

test("ports as Proxmox reads them are kept as written, 0 as absent too", () => {
  for (const port of ["0", "80", "0:65535", "80,443,8000:8010", "ssh,ftp-data", "65535"]) {
    const { host } = estateWith((files) => (files.host.firewall.global_firewall_rules[0].port = port));
    assert.equal(host.firewall.rules[0]?.port, port);
  }
});

test("every other port of the files is held to 1 to 65535", () => {
  const rows: readonly (readonly [(files: Files) => void, pointer: string])[] = [
    [({ host }) => (host.network.portainer_server_port = 80000), "/network/portainer_server_port"],
    [({ host }) => (host.network.portainer_agent_port = 0), "/network/portainer_agent_port"],
    [({ host }) => (host.step_ca = { port: "65536" }), "/step_ca/port"],
    [({ lxc }) => (lxc.lxc_configs[801].ports = ["3000:80000"]), "/lxc_configs/801/ports/0"],
    [({ lxc }) => (lxc.lxc_configs[801].ports = ["80000:3000"]), "/lxc_configs/801/ports/0"],
    [({ lxc }) => (lxc.lxc_configs[801].ports = ["10.0.0.1:0:3000"]), "/lxc_configs/801/ports/0"],
    [({ lxc }) => (lxc.lxc_configs[801].ports = [3000, 0]), "/lxc_configs/801/ports/1"],
    [
      ({ lxc }) => (lxc.lxc_configs[801].traefik_service = { name: "x", port: 65536 }),
      "/lxc_configs/801/traefik_service/port",
    ],
  ];
  for (const [change, pointer] of rows) {
    const { places } = faultsOf(() => estateWith(change));
    assert.deepEqual(
      places.map((place) => place.replace(/ \S+ /, " ")),
      [`json-type ${pointer}`],
    );
  }
});

test("all faults of all files come at once, sorted", () => {
  const faults = faultsOf(() => {
    const host = `${referenceText("host").replace('"pve"', "5").replace('"port": "53"', '"port": "x y"')}`;
    const lxc = referenceText("lxc").replace('"name": "eth0",', '"name": "eth0" "broken"');
    const vm = referenceText("vm")
      .replace('"vmid": 1001', '"vmid": "x"')
      .replace('"10.0.0.102/24"', '"10.0.0.300/24"');
    return loadEstate("/", textsWith({ host, lxc, vm }));
  });
  assert.deepEqual(
    faults.places.map((place) => place.replace(/ \/.*/, "")),
    [
      "json-type phoenix_hypervisor_config.json:3:15",
      "json-type phoenix_hypervisor_config.json:29:17",
      "json-syntax phoenix_lxc_configs.json:10:24",
      // What follows from the key that the parser took "broken" for.
      "json-syntax phoenix_lxc_configs.json:11:9",
      "json-type phoenix_vm_configs.json:19:15",
      "json-type phoenix_vm_configs.json:59:15",
    ],
  );
});

test("no message tells a secret, in wrong values and beside wrong syntax", () => {
  const secret = "hunter2-do-not-print";
  const typed = faultsOf(() =>
    estateWith(({ host }) => (host.portainer_api = { admin_password: secret, portainer_hostname: 7 })),
  );
  const broken = referenceText("host").replace('"admin_user": "admin",', `"admin_password": "${secret}" "x"`);
  const syntax = faultsOf(() => loadEstate("/", textsWith({ host: broken })));
  assert.doesNotMatch(typed.text + syntax.text, /hunter2/);
});

test("a secret is in no text of the estate, and is listed", () => {
  const secret = "hunter2-do-not-print";
  const estate = estateWith(({ host }) => (host.portainer_api.admin_password = secret));
  assert.doesNotMatch(JSON.stringify(estate), /hunter2/);
  assert.match(estate.files[0]?.text ?? "", /"admin_password": "\[redacted\]"/);
  assert.deepEqual(
    estate.secrets?.map((position) => position.pointer),
    ["/portainer_api/admin_password"],
  );
});

test("a firewall under shared_volumes, numbers as ports, flags and icmp types are read", () => {
  const { host } = estateWith((files) => {
    const { firewall } = files.host;
    delete files.host.firewall;
    files.host.shared_volumes = { ssl: {}, firewall };
    Object.assign(firewall.global_firewall_rules[0], {
      port: 53,
      enable: 0,
      sport: "",
      iface: "vmbr0",
      log: "info",
    });
    firewall.global_firewall_rules.push({
      type: "out",
      action: "REJECT",
      proto: "icmp",
      icmp_type: 8,
      enable: "1",
    });
  });
  const [first, , third] = host.firewall.rules;
  assert.equal(host.firewall.position.pointer, "/shared_volumes/firewall");
  assert.deepEqual(
    [first?.port, first?.enabled, first?.sport, first?.iface, first?.log],
    ["53", false, undefined, "vmbr0", "info"],
  );
  assert.deepEqual([third?.icmpType, third?.enabled, third?.comment], ["8", true, undefined]);
});

test("a MAC that no interface takes is refused: all zero, or a group's", () => {
  for (const mac of ["00:00:00:00:00:00", "00-00-00-00-00-00", "ff:ff:ff:ff:ff:ff", "53:54:00:67:89:b3"])
    assert.throws(
      () => estateWith(({ lxc }) => (lxc.lxc_configs[801].mac_address = mac)),
      /expected the MAC of one interface/,
      mac,
    );
  assert.doesNotThrow(() =>
    estateWith(({ lxc }) => (lxc.lxc_configs[801].mac_address = "00:00:00:00:00:01")),
  );
});

test("a MAC is derived from the id's three low bytes", () => {
  assert.equal(macOf("1001"), "52:54:00:00:03:e9");
  assert.equal(macOf("999999999"), "52:54:00:9a:c9:ff");
});

test("lan takes an address that only rules name where no other is left, and none where none is", () => {
  const deny = (source: string) => ({ type: "in", action: "DROP", source });
  const named = Array.from({ length: 254 }, (_, index) => deny(`10.0.0.${index + 1}`));
  const estate = estateWith(({ lxc }) => lxc.lxc_configs[801].firewall.rules.push(...named));
  assert.equal(lanAddress(estate), "10.0.0.50");
  const narrow = { ...estate, host: { ...estate.host, subnet: "10.0.0.12/30" }, guests: [] };
  const full = { ...narrow, host: { ...narrow.host, gateway: "10.0.0.14" } };
  assert.throws(() => lanAddress(full), /phoenix_hypervisor_config.json:\d+:\d+.*\[subnet-full\]/);
});

test("a policy and a switch stand where the files set them, else at their section", () => {
  const [set, unset] = [{ enabled: true, default_input_policy: "DROP" }, { enabled: true }];
  const keysOf = (firewall: object) =>
    estateWith(({ host }) => (host.firewall = { ...firewall, global_firewall_rules: [] })).host.firewall.keys;
  assert.equal(keysOf(set)?.policyIn?.pointer, "/firewall/default_input_policy");
  assert.equal(keysOf(set)?.enabled?.pointer, "/firewall/enabled");
  assert.deepEqual(Object.keys(keysOf(unset) ?? {}), ["enabled"]);
});

test("bridges come from the guest, the VMs' defaults, the host; name servers as a text or a list", () => {
  const { guests } = estateWith(({ host, lxc, vm }) => {
    host.network.interfaces.name = "vmbr1";
    delete lxc.lxc_configs[801].network_config.bridge;
    vm.vm_defaults.network_bridge = "vmbr2";
    vm.vms[2].network_config = { ...vm.vms[2].network_config, bridge: "vmbr3", nameserver: ["10.0.0.13"] };
    vm.vms[1].network_config.nameserver = "10.0.0.13, 10.0.0.1";
  });
  const bridges = guests.map((guest) => `${guest.id} ${guest.bridge}`);
  assert.deepEqual(bridges.slice(-6), [
    "801 vmbr1",
    "802 vmbr0",
    "803 vmbr0",
    "901 vmbr0",
    "1001 vmbr2",
    "1002 vmbr3",
  ]);
  assert.deepEqual(
    guests.slice(-2).map((guest) => guest.nameservers),
    [["10.0.0.13", "10.0.0.1"], ["10.0.0.13"]],
  );
});

test("a guest without a firewall loads and has none; one on DHCP is left out", () => {
  const estate = estateWith(({ lxc, vm }) => {
    delete lxc.lxc_configs[801].firewall;
    vm.vms[2].network_config.ip = "dhcp";
    delete lxc.lxc_configs[901].mac_address;
  });
  assert.equal(estate.guests.find((guest) => guest.id === "801")?.firewall, undefined);
  assert.equal(estate.guests.find((guest) => guest.id === "901")?.mac, "52:54:00:00:03:85");
  assert.deepEqual(estate.leftOut[0], { id: "1002", name: "drphoenix", reason: "its address comes by DHCP" });
  assert.equal(estate.guests.length, 8);
});
