import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type FirewallTexts, generalNode } from "../../fixtures/general-node.ts";
import { nodeOfImport } from "../../fixtures/imported.ts";
import { randomFiles, randomFlow } from "../../fixtures/random-node.ts";
import { sharedVectors, worlds } from "../../fixtures/vectors.ts";
import { decideOn } from "../decide.ts";
import type { Position } from "../estate.ts";
import type { Flow } from "../flow.ts";
import { agrees, nodeOfVector } from "../vectors.ts";
import type { FirewallFile } from "./file.ts";
import type { Node } from "./node.ts";
import { phoenixFirewalls } from "./phoenix-json.ts";

function assertSame(node: Node, imported: Node, flows: readonly Flow[], title: string): void {
  for (const flow of flows) {
    const [here, there] = [decideOn(node, flow), decideOn(imported, flow)];
    assert.deepEqual(
      [there.verdict, there.reject],
      [here.verdict, here.reject],
      `${title} ${JSON.stringify(flow)}`,
    );
  }
}

/** Phoenix's guests have one NIC. */
function withOneNicEach(node: Node): Node {
  return { ...node, nics: node.nics.filter(({ index }) => index === 0) };
}

function isOfFirstNics({ from, to }: Flow): boolean {
  return ![from, to].some((place) => /^\d+i/.test(place));
}

/** The same packet between addresses of IPv6. */
function inIpv6(flow: Flow): Flow {
  const twin = (text: string) => (text.startsWith("10.") ? `2001:db8:5::${text.slice(-1)}` : "2001:db8::5");
  const proto = flow.proto === "icmp" ? 58 : flow.proto;
  return { ...flow, proto, source: twin(flow.source), dest: twin(flow.dest), icmpType: 128, icmpCode: 0 };
}

test("the .fw files of the Phoenix vectors import to what their JSON says, and lose nothing", (t) => {
  const vectors = sharedVectors(t, "pve-phoenix.jsonl") ?? [];
  for (const { vector, node, estateNode, flows } of vectors) {
    const firewalls = phoenixFirewalls(node);
    assert.ok(!firewalls.omissions.some(({ decides }) => decides));
    const imported = nodeOfImport(firewalls, node);
    assertSame(estateNode ?? node, imported, flows, vector.id);
    for (const [index, flow] of flows.entries()) {
      const each = vector.cases[index];
      assert.ok(each && agrees(decideOn(imported, flow), each), `${vector.id} ${JSON.stringify(each)}`);
    }
  }
  t.diagnostic(`${vectors.length} configurations`);
});

test("any node imports to the same decisions once what is told as lost is taken from it", (t) => {
  const vectors = sharedVectors(t, "pve-general.jsonl") ?? [];
  let [whole, cases] = [0, 0];
  for (const { vector, node: given, flows } of vectors) {
    const node = withOneNicEach(given);
    const known = flows.filter(isOfFirstNics);
    const kept = whatStays(node);
    const imported = nodeOfImport(phoenixFirewalls(kept), kept);
    assertSame(kept, imported, [...known, ...known.map(inIpv6)], vector.id);
    cases += known.length;
    if (kept !== node) continue;
    whole++;
    for (const [index, flow] of flows.entries()) {
      const each = vector.cases[index];
      if (isOfFirstNics(flow)) assert.ok(each && agrees(decideOn(imported, flow), each), vector.id);
    }
  }
  t.diagnostic(`${vectors.length} configurations, ${whole} of them whole, ${cases} cases`);
});

test("so do random nodes", (t) => {
  const seed = Date.now() & 0x7fffffff;
  t.diagnostic(`seed ${seed}`);
  const { general } = worlds();
  const flows = fc.array(randomFlow.filter(isOfFirstNics), { minLength: 40, maxLength: 40 });
  const same = fc.property(randomFiles, flows, (files, known) => {
    const kept = whatStays(withOneNicEach(nodeOfVector({ files }, general)));
    assertSame(kept, nodeOfImport(phoenixFirewalls(kept), kept), [...known, ...known.map(inIpv6)], "");
  });
  fc.assert(same, { numRuns: 200, seed });
});

/** One loss may hide another: of two lines that see the same mark only the first does. */
function whatStays(node: Node): Node {
  const lost = deciding(node);
  return lost.length === 0 ? node : whatStays(withoutLines(node, lost));
}

function deciding(node: Node): readonly Position[] {
  return phoenixFirewalls(node)
    .omissions.filter(({ decides }) => decides)
    .map(({ position }) => position);
}

/** The node as if these lines, with the sections that begin there, were not in its files. */
function withoutLines(node: Node, lines: readonly Position[]): Node {
  const gone = new Set(lines.map(({ file, line }) => `${file}:${line}`));
  const stays = ({ position: { file, line } }: { readonly position: Position }) =>
    !gone.has(`${file}:${line}`);
  const kept = <T extends { readonly position: Position }>(all: ReadonlyMap<string, T>) =>
    new Map([...all].filter(([, each]) => stays(each)));
  const without = (file: FirewallFile): FirewallFile => ({
    ...file,
    options: kept(file.options),
    aliases: kept(file.aliases),
    sets: kept(file.sets),
    groups: new Map(
      [...file.groups].map(([name, group]) => [name, { ...group, rules: group.rules.filter(stays) }]),
    ),
    rules: file.rules.filter(stays),
  });
  return {
    ...node,
    cluster: without(node.cluster),
    hostFile: without(node.hostFile),
    guests: new Map([...node.guests].map(([id, file]) => [id, without(file)])),
  };
}

const ON = "[OPTIONS]\nenable: 1\n";
const TO_HOST: Flow = {
  from: "lan",
  to: "host",
  proto: "tcp",
  source: "10.0.0.7",
  dest: "172.16.1.2",
  dport: 22,
};
const TO_101: Flow = { ...TO_HOST, to: "101", dest: "10.1.2.3" };
const FROM_101: Flow = { ...TO_101, from: "101", to: "lan" };
const DHCP = { proto: "udp", sport: 67, dport: 68 } as const;

/** What is lost, by its text and place, and a packet that shows it. */
const LOSSES: readonly (readonly [text: string, place: string, files: FirewallTexts, flow: Flow])[] = [
  [
    "macfilter: 0",
    "101.fw:3",
    { "101.fw": `${ON}macfilter: 0\n` },
    { ...FROM_101, sourceMac: "02:00:00:00:00:01" },
  ],
  ["dhcp: 0", "101.fw:3", { "101.fw": `${ON}dhcp: 0\n` }, { ...TO_101, ...DHCP }],
  ["ipfilter: 1", "101.fw:3", { "101.fw": `${ON}ipfilter: 1\n` }, FROM_101],
  ["[IPSET ipfilter-net0]", "101.fw:3", { "101.fw": `${ON}[IPSET ipfilter-net0]\n10.9.9.9\n` }, FROM_101],
  ["ndp: 0", "101.fw:3", { "101.fw": `${ON}ndp: 0\n` }, { ...inIpv6(TO_101), proto: 58, icmpType: 135 }],
  ["radv: 1", "101.fw:3", { "101.fw": `${ON}radv: 1\n` }, { ...inIpv6(FROM_101), proto: 58, icmpType: 134 }],
  [
    "[IPSET blacklist]",
    "cluster.fw:4",
    { "cluster.fw": `${ON}policy_in: ACCEPT\n[IPSET blacklist]\n10.0.0.7\n` },
    TO_HOST,
  ],
  [
    "nosmurfs: 0",
    "host.fw:2",
    { "host.fw": "[OPTIONS]\nnosmurfs: 0\n" },
    { ...TO_101, source: "172.16.1.255" },
  ],
  [
    "nf_conntrack_allow_invalid: 1",
    "host.fw:2",
    { "host.fw": "[OPTIONS]\nnf_conntrack_allow_invalid: 1\n" },
    { ...TO_101, state: "INVALID" },
  ],
  [
    "ndp: 0",
    "host.fw:2",
    { "host.fw": "[OPTIONS]\nndp: 0\n" },
    { ...inIpv6(TO_HOST), proto: 58, icmpType: 135 },
  ],
  ["enable: 0", "host.fw:2", { "host.fw": "[OPTIONS]\nenable: 0\n" }, { ...TO_HOST, state: "INVALID" }],
  [
    "IN ACCEPT -p icmp -dport 15",
    "101.fw:4",
    { "101.fw": `${ON}[RULES]\nIN ACCEPT -p icmp -dport 15\n` },
    { ...TO_101, proto: "icmp", icmpType: 15 },
  ],
  [
    "GROUP open",
    "101.fw:4",
    {
      "cluster.fw": `${ON}[IPSET lan]\n10.0.0.0/8\n[group open]\nIN ACCEPT -source +guest/lan\n`,
      "101.fw": `${ON}[RULES]\nGROUP open\n`,
    },
    TO_101,
  ],
  [
    "GROUP web -i vmbr9",
    "host.fw:2",
    {
      "cluster.fw": `${ON}[group web]\nIN ACCEPT -p tcp -dport 80\n`,
      "host.fw": "[RULES]\nGROUP web -i vmbr9\n",
      "101.fw": ON,
    },
    { ...TO_HOST, from: "101" },
  ],
  [
    "management",
    "cluster.fw:3",
    { "cluster.fw": `${ON}[IPSET management]\n!172.16.1.9\n` },
    { ...TO_HOST, source: "172.16.1.9" },
  ],
  [
    "local_network",
    "cluster.fw:6",
    { "cluster.fw": `${ON}policy_in: ACCEPT\npolicy_out: DROP\n[ALIASES]\nlocal_network 172.16.1.0/25\n` },
    { ...TO_HOST, from: "host", to: "lan", source: "172.16.1.2", dest: "172.16.1.200" },
  ],
];

for (const [text, place, files, flow] of LOSSES) {
  test(`${text} is told as lost at ${place}, and decides`, () => {
    const node = withOneNicEach(generalNode(files));
    const firewalls = phoenixFirewalls(node);
    const lost = firewalls.omissions.filter(({ decides }) => decides);
    assert.deepEqual(
      lost.map(({ text: line, position }) => [line, `${position.file}:${position.line}`]),
      [[text, place]],
    );
    const [here, there] = [node, nodeOfImport(firewalls, node)].map((each) => decideOn(each, flow).verdict);
    assert.notEqual(there, here);
  });
}

test("further NICs, and options that decide frames, rates or later packets, are lost too", () => {
  const node = generalNode({
    "cluster.fw": `${ON}ebtables: 0\n`,
    "host.fw": "[OPTIONS]\ntcpflags: 1\nprotection_synflood: 1\nnf_conntrack_helpers: ftp\nnftables: 1\n",
    "101.fw": `${ON}ips: 1\nlayer2_protocols: ARP\n`,
    "100.fw": ON,
  });
  const lost = phoenixFirewalls(node).omissions.filter(({ decides }) => decides);
  assert.deepEqual(lost.map(({ text }) => text).sort(), [
    "ebtables: 0",
    "ips: 1",
    "layer2_protocols: ARP",
    "net1",
    "net2",
    "nf_conntrack_helpers: ftp",
    "nftables: 1",
    "protection_synflood: 1",
    "tcpflags: 1",
  ]);
});

test("what has no effect on the node is left out with a note: nothing decides by it", () => {
  const node = withOneNicEach(
    generalNode({
      "cluster.fw": `${ON}policy_forward: DROP\n[ALIASES]\nhome 10.0.0.1\n[RULES]\nFORWARD DROP\nGROUP nobody\n`,
      "host.fw": "[OPTIONS]\nlog_level_in: info\nndp: 1\nenable: 1\n",
      "101.fw":
        "[OPTIONS]\nenable: 0\nmacfilter: 0\n[IPSET none]\n[RULES]\nIN ACCEPT -source +none\nIN DROP -source +dc/none\n",
    }),
  );
  const { omissions, host, guests } = phoenixFirewalls(node);
  assert.ok(omissions.every(({ decides, reason }) => !decides && reason !== ""));
  assert.deepEqual(omissions.map(({ text }) => text).sort(), [
    "FORWARD DROP",
    "GROUP nobody",
    "IN ACCEPT -source +none",
    "IN DROP -source +dc/none",
    "[IPSET none]",
    "alias home",
    "log_level_in: info",
    "macfilter: 0",
    "net0",
    "policy_forward: DROP",
  ]);
  assert.match(
    omissions.find(({ text }) => text.includes("+dc/none"))?.reason ?? "",
    /not defined in that scope/,
  );
  assert.deepEqual([host.global_firewall_rules, guests.get("101")?.rules], [[], []]);
});

test("names are written out: host.fw first, groups at their place, a family and a list of 512 characters a rule", () => {
  const many = Array.from({ length: 60 }, (_, index) =>
    `10.${index}.0.0/16`.replace(/\.(\d+)\./, (_all, n) => `.${Number(n) * 2}.`),
  );
  const node = generalNode({
    "cluster.fw": `${ON}
[ALIASES]
Home 192.168.2.7/24
[IPSET lan]
10.0.0.0/8
!10.1.0.0/16
10.1.2.3
2001:db8::/32
[IPSET many]
${many.join("\n")}
[IPSET management]
192.168.9.9
172.16.0.0/16
[RULES]
IN DROP -p icmp -dport 8 # of cluster.fw
IN DNS(ACCEPT) -source +many -log info
[group web] # the web
IN ACCEPT -source +lan -dest 10.1.1.1 -p tcp -dport 80
|OUT REJECT -p tcp -dport 25 # mail
`,
    "host.fw": "[RULES]\nIN ACCEPT -source Home -p tcp -dport 0\n",
    "101.fw": `${ON}[RULES]\n|GROUP web\nGROUP web -i net0\nIN DROP -source dc/home -dest +lan\n`,
  });
  const { host, guests } = phoenixFirewalls(node);
  const [first, second, ...rest] = host.global_firewall_rules;
  assert.deepEqual(first, { type: "in", action: "ACCEPT", proto: "tcp", source: "192.168.2.0/24" });
  assert.deepEqual(second, {
    type: "in",
    action: "DROP",
    proto: "icmp",
    icmp_type: "echo-request",
    comment: "of cluster.fw",
  });
  const lists = rest.filter(({ macro }) => macro === "DNS");
  assert.ok(
    lists.length === 2 && lists.every(({ source = "", log }) => source.length <= 512 && log === "info"),
  );
  assert.deepEqual(
    lists.flatMap(({ source = "" }) => source.split(",")),
    many,
  );
  assert.deepEqual(rest.at(-1), {
    type: "in",
    action: "ACCEPT",
    proto: "tcp",
    source:
      "172.16.0.0/24,172.16.2.0/23,172.16.4.0/22,172.16.8.0/21,172.16.16.0/20,172.16.32.0/19,172.16.64.0/18,172.16.128.0/17,192.168.9.9",
    port: "8006,5900:5999,3128,22,60000:60050",
    comment: "Proxmox's management set",
  });
  const lan =
    "10.0.0.0/16,10.1.2.3,10.2.0.0/15,10.4.0.0/14,10.8.0.0/13,10.16.0.0/12,10.32.0.0/11,10.64.0.0/10,10.128.0.0/9";
  const web = { type: "in", action: "ACCEPT", proto: "tcp", source: lan, dest: "10.1.1.1", port: "80" };
  const mail = { type: "out", action: "REJECT", enable: false, proto: "tcp", port: "25" };
  assert.deepEqual(guests.get("101")?.rules.map(sorted), [
    sorted({ ...web, enable: false, comment: "group web" }),
    sorted({ ...mail, comment: "mail" }),
    sorted({ ...web, iface: "net0", comment: "group web" }),
    sorted({ ...mail, iface: "net0", comment: "mail" }),
    sorted({ type: "in", action: "DROP", source: "192.168.2.0/24", dest: lan }),
  ]);
});

function sorted(rule: object): readonly string[] {
  return Object.entries(rule)
    .map(([key, value]) => `${key}: ${String(value)}`)
    .toSorted((a, b) => a.localeCompare(b));
}

test("the JSON takes an estate's own subnet for the local network", () => {
  const node = generalNode({ "cluster.fw": `${ON}[IPSET management]\n10.0.0.0/8\n` });
  const rulesIn = (subnet?: string) => phoenixFirewalls(node, subnet).host.global_firewall_rules;
  assert.deepEqual(
    rulesIn().map(({ source }) => source),
    ["10.0.0.0/8"],
  );
  assert.deepEqual(
    rulesIn("10.0.0.0/8").map(({ source }) => source),
    ["172.16.1.0/24"],
  );
});

test("with its NIC not flagged, or the cluster's firewall off, a guest is unfiltered in JSON too", () => {
  const node = generalNode({ "101.fw": `${ON}[RULES]\nIN DROP\n` });
  const nics = node.nics.map((nic) => ({ ...nic, flagged: nic.guestId !== "101" }));
  const { guests, omissions } = phoenixFirewalls({ ...node, nics });
  assert.deepEqual([guests.get("101")?.enabled, guests.get("101")?.rules.length], [false, 1]);
  assert.ok(omissions.some(({ text, decides }) => text === "net0" && !decides));
  assert.equal(phoenixFirewalls(generalNode({ "cluster.fw": "[OPTIONS]\nenable: 2\n" })).host.enabled, false);
});

test("what a node accepts of its cluster's other nodes becomes rules: Phoenix's files know none", () => {
  const cluster = `${ON}policy_out: DROP\n`;
  const links = [{ own: "172.16.1.2", peer: "172.16.1.3" }];
  const node = { ...generalNode({ "cluster.fw": cluster }), corosync: { multicast: true, links } };
  const firewalls = phoenixFirewalls(node);
  assert.ok(!firewalls.omissions.some(({ decides }) => decides));
  const ports = { proto: "udp", dport: 5405 } as const;
  const flows = ["172.16.1.3", "172.16.1.4", "224.0.0.9"].flatMap((other): Flow[] => [
    { ...TO_HOST, ...ports, source: other },
    { ...TO_HOST, ...ports, source: "172.16.1.9", dest: other },
    { ...TO_HOST, ...ports, from: "host", to: "lan", source: "172.16.1.2", dest: other },
  ]);
  assert.ok(new Set(flows.map((flow) => decideOn(node, flow).verdict)).size === 2);
  assertSame(node, nodeOfImport(firewalls, node), flows, "corosync");
});
