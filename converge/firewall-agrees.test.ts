/**
 * The compiled text and the model are two readings of one declaration. Here the text is walked as the kernel would walk
 * it, and verdict and counting chain must be the model's, the verdicts of the vectors Proxmox's. The kernel itself is
 * asked by `phx vectors --live`; this finds a difference to the line.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type SmallFirewall, type SmallRule, smallEstate } from "../fixtures/estates/small.ts";
import { type FirewallTexts, generalNode } from "../fixtures/general-node.ts";
import { sharedVectors } from "../fixtures/vectors.ts";
import { decideOn } from "../policy/decide.ts";
import type { Flow } from "../policy/flow.ts";
import { type Node, nodeOf } from "../policy/proxmox/node.ts";
import { compileFirewall } from "./firewall.ts";
import { kernelOf, walkAll } from "./iptables-walk.ts";

const NUM_RUNS = Number(process.env["PHX_RUNS"] ?? 300);

const oneOf = <const T extends readonly unknown[]>(...values: T): fc.Arbitrary<T[number]> =>
  fc.constantFrom<T[number][]>(...values);
const maybe = <T>(value: fc.Arbitrary<T>, freq = 1): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined, freq });
const withoutUndefined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as T;

function agreeOn(node: Node, flows: readonly Flow[], told: unknown): void {
  const kernel = kernelOf(compileFirewall(node));
  for (const flow of flows) {
    const { verdict, reject, decider, hops } = decideOn(node, flow);
    const walked = walkAll(kernel, flow, node);
    const kind = reject === undefined ? {} : { with: flow.source.includes(":") ? walked.with : reject };
    const model = verdict === "accept" ? { verdict } : { verdict, chain: decider.chain, ...kind };
    assert.deepEqual(walked, model, JSON.stringify({ flow, hops, told }, null, 1));
  }
}

const SMALL = {
  addresses: ["10.0.0.101", "10.0.0.102", "10.0.0.103", "10.0.0.13", "10.0.0.200", "203.0.113.10"],
  edges: ["10.0.0.255", "255.255.255.255", "224.0.0.251", "0.0.0.0", "10.0.0.127", "10.0.0.128"],
} as const;
const PORTS = [
  22, 53, 67, 68, 80, 135, 137, 139, 443, 445, 1024, 1900, 5950, 8000, 8006, 60050, 60051, 65535,
] as const;

const networks = oneOf(
  ...SMALL.addresses,
  "10.0.0.0/25",
  "10.0.0.128/25",
  "0.0.0.0/0",
  "10.0.0.100-10.0.0.160",
  "10.0.0.13,10.0.0.102",
  "10.0.0.5/24",
  "+management",
  "203.0.113.0/24,10.0.0.103",
);
const ports = oneOf(
  "80",
  "80,443",
  "8000:8010",
  "22,80,8000:8010",
  "ssh",
  "domain",
  "0",
  "65535",
  "www",
  "90:80",
);
const protocols = oneOf("tcp", "udp", "tcp", "udp", "icmp", "6", "gre", "igmp", "1", "ip", "0", "all", "50");
const policy = oneOf("ACCEPT", "DROP", "REJECT");

const rule = fc
  .record({
    type: oneOf("in", "out"),
    action: policy,
    enabled: oneOf(true, true, true, false),
    proto: maybe(protocols),
    source: maybe(networks),
    dest: maybe(networks),
    port: maybe(ports),
    sport: maybe(oneOf("53", "1024:65535", "40000", "80,40000")),
    icmpType: maybe(oneOf("echo-request", "time-exceeded", "8", "0"), 6),
    macro: maybe(oneOf("SSH", "web", "Ping", "SMB", "DNS", "Trcrt", "IPsec", "DHCPv6", "Nonsense"), 6),
    iface: maybe(oneOf("net0", "net1", "vmbr0", "eth0"), 6),
  })
  .map((value) => withoutUndefined(value) as SmallRule);
const firewall: fc.Arbitrary<SmallFirewall> = fc.record({
  enabled: oneOf(true, true, true, true, false),
  policyIn: policy,
  policyOut: policy,
  rules: fc.array(rule, { maxLength: 6 }),
});
const guest = fc.oneof({ weight: 5, arbitrary: firewall }, { weight: 1, arbitrary: fc.constant("absent") });
const estates = fc
  .tuple(firewall, guest, guest, guest)
  .map(([host, a, b, c]) => smallEstate({ ...host, enabled: true }, { "101": a, "102": b, "103": c }));

/** Packets between places, whose ends are of one family. */
function flowsOf(
  place: fc.Arbitrary<string>,
  ends: readonly fc.Arbitrary<string>[],
  mac: fc.Arbitrary<string>,
): fc.Arbitrary<Flow> {
  return fc
    .record({
      from: place,
      to: place,
      pair: fc.oneof(...ends.map((end) => fc.record({ source: end, dest: end }))),
      proto: oneOf("tcp", "udp", "icmp", "tcp", "udp", 2, 47),
      sport: oneOf(40000, 40000, 53, 67, 68, 137, 80, 0, 547, 546),
      dport: oneOf(...PORTS, ...PORTS, 8005, 40000, 547, 546),
      icmpCode: oneOf(0, 4),
      icmpType4: oneOf(8, 8, 13, 0, 3, 11),
      icmpType6: oneOf(128, 128, 1, 3, 133, 134, 135, 136, 143),
      state: maybe(oneOf("ESTABLISHED", "INVALID", "UNTRACKED"), 12),
      flags: maybe(fc.uniqueArray(oneOf("SYN", "ACK", "RST", "FIN", "PSH", "URG"), { maxLength: 4 }), 4),
      sourceMac: maybe(mac, 8),
    })
    .filter(({ from, to }) => from !== to)
    .map(({ pair, icmpType4, icmpType6, ...rest }) =>
      withoutUndefined({
        ...pair,
        icmpType: pair.source.includes(":") ? icmpType6 : icmpType4,
        ...rest,
      } as Flow),
    );
}

const someFlows = (flow: fc.Arbitrary<Flow>) => fc.array(flow, { minLength: 30, maxLength: 60 });
const smallFlows = someFlows(
  flowsOf(
    oneOf("host", "101", "102", "103", "lan", "outside"),
    [oneOf(...SMALL.addresses, ...SMALL.addresses, ...SMALL.edges)],
    oneOf("52:54:00:00:00:65", "02:00:00:00:00:09"),
  ),
);

test("a Phoenix declaration: walking the compiled text gives the model's verdict, counted in the model's chain", () => {
  fc.assert(
    fc.property(estates, smallFlows, (estate, flows) => agreeOn(nodeOf(estate, "all"), flows, "")),
    { numRuns: NUM_RUNS },
  );
});

const option = (...lines: readonly string[]) => maybe(oneOf(...lines), 2);
const textOf = (...parts: readonly fc.Arbitrary<string | undefined>[]) =>
  fc.tuple(...parts).map((lines) => lines.filter((line) => line !== undefined).join("\n"));
const section = (header: string, entry: fc.Arbitrary<string>, maxLength = 4) =>
  fc.array(entry, { maxLength }).map((lines) => [header, ...lines].join("\n"));

const textRule = fc
  .record({
    disabled: oneOf("", "", "", "", "|"),
    type: oneOf("IN", "OUT", "IN", "OUT", "FORWARD"),
    action: oneOf(
      "ACCEPT",
      "DROP",
      "REJECT",
      "ACCEPT",
      "DROP",
      "SSH(ACCEPT)",
      "Ping(DROP)",
      "DHCPv6(REJECT)",
    ),
    match: oneOf(
      "",
      "-p tcp -dport 80",
      "-p tcp -dport 22,80 -sport 40000",
      "-p udp -dport 53 -sport 40000,53",
      "-p sctp -dport http",
      "-p tcp -dport 0",
      "-p gre -dport 0",
      "-p icmp",
      "-p icmp -dport 8",
      "-p icmp -dport 0",
      "-p icmp -dport any",
      "-p icmp -dport 300",
      "-p icmp -icmp-type 0",
      "-p icmp -icmp-type echo-request",
      "-p icmpv6 -dport echo-request",
      "-p ipv6-icmp -icmp-type packet-too-big",
      "-p ipv6-icmp -dport 128",
      "-p 58",
      "-p 2",
    ),
    source: maybe(
      oneOf(
        ...["+lan", "+guest/lan", "+dc/lan", "+ops", "+blacklist", "+management", "+nothing", "+LAN"],
        ...["web", "guest/web", "dc/web", "WEB", "six", "dc/six", "nobody", "local_network"],
        ...["10.0.0.0/8", "10.0.0.5/8", "10.1.2.3,10.9.9.9", "10.0.0.0-10.1.2.255", "2001:db8::/32", "::/0"],
      ),
    ),
    dest: maybe(oneOf("+lan", "dc/web", "six", "10.1.0.0/16", "2001:db8::3", "fe80::/10"), 3),
    iface: maybe(oneOf("net0", "net1", "vmbr0", "vmbr1", "eth0"), 6),
  })
  .map(({ disabled, type, action, match, source, dest, iface }) =>
    [
      `${disabled}${type} ${action}`,
      match,
      source === undefined ? "" : `-source ${source}`,
      dest === undefined ? "" : `-dest ${dest}`,
      iface === undefined ? "" : `-i ${iface}`,
    ]
      .filter((part) => part !== "")
      .join(" "),
  );
const groupUse = oneOf(
  "GROUP ga",
  "GROUP ga",
  "GROUP gb",
  "GROUP gb -i net0",
  "GROUP ga -i vmbr0",
  "GROUP gb -i vmbr9",
  "GROUP none",
  "GROUP a234567890123456789",
  "|GROUP ga",
);
const lines = fc.oneof({ weight: 4, arbitrary: textRule }, { weight: 1, arbitrary: groupUse });
const entry = oneOf(
  ...["10.0.0.0/8", "!10.1.0.0/16", "10.1.2.3", "!10.1.2.0/24", "web", "dc/web", "guest/web", "!six"],
  ...[
    "2001:db8::/32",
    "!2001:db8::3",
    "2001:DB8:0::4",
    "fe80::1",
    "0.0.0.0/0",
    "172.16.1.9",
    "!172.16.1.0/24",
  ],
);
const alias = oneOf(
  "web 10.1.2.3",
  "web 10.1.0.0/16",
  "web 2001:db8::/32",
  "six 2001:db8::3",
  "six 10.9.9.9",
);
const policies = [
  option("policy_in: ACCEPT", "policy_in: REJECT"),
  option("policy_out: DROP", "policy_out: REJECT"),
] as const;

const clusterText = textOf(
  oneOf("[OPTIONS]\nenable: 1"),
  ...policies,
  section("[ALIASES]", alias),
  option("local_network 10.1.0.0/16", "local_network 2001:db8::/32"),
  section("[IPSET lan]", entry),
  section("[IPSET ops]", entry),
  maybe(section("[IPSET blacklist]", entry, 2), 3),
  maybe(section("[IPSET management]", entry, 3), 2),
  section("[RULES]", lines),
  section("[group ga]", textRule),
  section("[group gb]", textRule),
);
const hostText = textOf(
  fc.constant("[OPTIONS]"),
  option("nosmurfs: 0", "nosmurfs: 1"),
  option("tcpflags: 1"),
  option("ndp: 0"),
  option("nf_conntrack_allow_invalid: 1"),
  maybe(oneOf("enable: 0"), 6),
  section("[RULES]", lines),
);
const guestText = textOf(
  oneOf("[OPTIONS]\nenable: 1", "[OPTIONS]\nenable: 1", "[OPTIONS]\nenable: 1", "[OPTIONS]"),
  ...policies,
  option("dhcp: 0"),
  option("ndp: 0"),
  option("radv: 1"),
  option("macfilter: 0"),
  option("ipfilter: 1"),
  option("ips: 1", "ips: 1\nips_queues: 2", "ips: 1\nips_queues: 2:5"),
  maybe(section("[ALIASES]", alias), 2),
  maybe(section("[IPSET lan]", entry), 2),
  maybe(section("[IPSET ipfilter-net0]", entry), 4),
  section("[RULES]", lines),
);
const files: fc.Arbitrary<FirewallTexts> = fc
  .record({
    "cluster.fw": clusterText,
    "host.fw": hostText,
    ...Object.fromEntries(["100", "101", "110", "200"].map((id) => [`${id}.fw`, maybe(guestText, 4)])),
  })
  .map((texts) => withoutUndefined(texts) as FirewallTexts);
const OWN_LINK_LOCAL = "fe80::c0b:38ff:feb8:b322";
const generalFlows = someFlows(
  flowsOf(
    oneOf("host", "outside", "lan", "100", "100i1", "100i2", "101", "101", "110", "200", "201"),
    [
      oneOf("10.1.2.3", "10.1.2.4", "10.1.9.9", "10.9.9.9", "10.0.200.1", "172.16.1.2", "172.16.1.9"),
      oneOf("172.16.1.255", "10.1.255.255", "224.0.0.9", "0.0.0.0", "255.255.255.255", "10.1.2.3"),
      oneOf("2001:db8::3", "2001:db8::4", "2001:db9::1", "fe80::1", OWN_LINK_LOCAL, "ff02::1", "2001:db8::3"),
    ],
    oneOf("0e:0b:38:b8:b3:22", "02:00:00:00:00:09"),
  ),
);

test("Proxmox's own files: the same, with groups, sets, options, several NICs and bridges, both families", () => {
  fc.assert(
    fc.property(files, generalFlows, (texts, flows) => agreeOn(generalNode(texts), flows, texts)),
    { numRuns: NUM_RUNS },
  );
});

for (const [file, cases] of [
  ["pve-phoenix.jsonl", 8000],
  ["pve-general.jsonl", 7303],
] as const)
  test(`${file}: walking the compiled text of each configuration gives what Proxmox said`, (t) => {
    const vectors = sharedVectors(t, file);
    if (!vectors) return;
    const asked = vectors.flatMap(({ vector, flows, node, estateNode }) =>
      [node, ...(estateNode ? [estateNode] : [])].flatMap((each) => {
        const kernel = kernelOf(compileFirewall(each));
        return vector.cases.map((given, at) => ({ given, walked: walkAll(kernel, flowAt(flows, at), each) }));
      }),
    );
    assert.equal(
      vectors.reduce((sum, { vector }) => sum + vector.cases.length, 0),
      cases,
    );
    const wrong = asked.filter(
      ({ given: { expect, reject }, walked }) =>
        walked.verdict.toUpperCase() !== expect || (reject !== undefined && walked.with !== reject),
    );
    assert.deepEqual(wrong.slice(0, 5), []);
  });

function flowAt(flows: readonly Flow[], at: number): Flow {
  return flows[at] ?? assert.fail("a case without a flow");
}
