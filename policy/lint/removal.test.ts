import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type FirewallTexts, generalNode } from "../../fixtures/general-node.ts";
import { decideOn } from "../decide.ts";
import type { Position } from "../estate.ts";
import type { Flow } from "../flow.ts";
import type { FirewallFile } from "../proxmox/file.ts";
import type { Node } from "../proxmox/node.ts";
import { lint } from "./lint.ts";

/* Small pools, so that rules meet: what is called duplicate, shadowed, redundant or unmatchable must decide nothing. */

const oneOf = <const T extends readonly unknown[]>(...values: T): fc.Arbitrary<T[number]> =>
  fc.constantFrom<T[number][]>(...values);
const words = (...parts: fc.Arbitrary<string>[]) =>
  fc.tuple(...parts).map((each) => each.filter((word) => word !== "").join(" "));

const end = (option: string, scope: "guest" | "cluster") =>
  fc.oneof(
    { arbitrary: fc.constant(""), weight: 4 },
    {
      arbitrary: oneOf(
        "10.0.0.0/8",
        "10.1.0.0/16",
        "10.1.2.3",
        "10.1.2.3,10.9.9.9",
        "10.0.0.0-10.1.255.255",
        "172.16.1.0/24",
        "172.16.1.255",
        "224.0.0.9",
        "0.0.0.0/0",
        "2001:db8::/32",
        "2001:db8::1",
        "::/0",
        "net",
        "+lan",
        "+six",
        "+void",
        "+management",
        ...(scope === "guest" ? ["guest/net", "+guest/own", "+ipfilter-net0", "+guest/lan"] : ["+guest/own"]),
      ).map((value) => `${option} ${value}`),
      weight: 5,
    },
  );

const what = oneOf(
  "",
  "-p tcp",
  "-p tcp -dport 80",
  "-p tcp -dport 22,80",
  "-p tcp -dport 1:100",
  "-p tcp -dport 0",
  "-p tcp -sport 40000",
  "-p udp -dport 53",
  "-p udp -sport 67 -dport 68",
  "-p udp -sport 68 -dport 67",
  "-p icmp",
  "-p icmp -icmp-type echo-request",
  "-p icmp -icmp-type port-unreachable",
  "-p icmp -icmp-type echo-reply",
  "-p icmp -dport 8",
  "-p icmpv6",
  "-p icmpv6 -icmp-type router-advertisement",
  "-p icmpv6 -icmp-type neighbor-solicitation",
  "-p icmpv6 -icmp-type destination-unreachable",
  "-p igmp",
  "-p 47",
);
const ACTIONS = ["ACCEPT", "ACCEPT", "DROP", "REJECT"] as const;
const MACROS = ["DNS(ACCEPT)", "Ping(DROP)", "SSH(ACCEPT)", "NeighborDiscovery(DROP)"] as const;

type Scope = "cluster" | "guest" | "group";

const INTERFACES = {
  cluster: oneOf("", "", "", "-i vmbr0", "-i vmbr1", "-i lo", "-i tap100i0"),
  guest: oneOf("", "", "", "-i net0", "-i net1", "-i net9"),
  group: fc.constant(""),
} as const;

function rule(scope: Scope): fc.Arbitrary<string> {
  const ends = scope === "guest" ? "guest" : "cluster";
  const tail = [end("-source", ends), end("-dest", ends), INTERFACES[scope]] as const;
  const plain = words(oneOf("IN", "IN", "OUT"), oneOf(...ACTIONS), what, ...tail);
  const macro = words(oneOf("IN", "OUT"), oneOf(...MACROS), ...tail);
  const group = words(oneOf("GROUP ga", "GROUP gb", "GROUP none"), INTERFACES[scope]);
  return scope === "group"
    ? fc.oneof({ arbitrary: plain, weight: 6 }, { arbitrary: macro, weight: 1 })
    : fc.oneof(
        { arbitrary: plain, weight: 6 },
        { arbitrary: macro, weight: 1 },
        { arbitrary: group, weight: 1 },
      );
}

const section = (header: string, lines: fc.Arbitrary<readonly string[]>) =>
  lines.map((each) => `[${header}]\n${each.join("\n")}`);
const rules = (scope: Scope, most: number) =>
  section("RULES", fc.array(rule(scope), { minLength: 1, maxLength: most }));
const options = (...keys: readonly string[]) =>
  fc.tuple(...keys.map((key) => oneOf("", "", `${key}: 0`, `${key}: 1`))).map((each) => each.join("\n"));
const policies = words(
  oneOf("", "policy_in: ACCEPT\n", "policy_in: REJECT\n"),
  oneOf("", "policy_out: DROP\n"),
);
const whole = (...parts: fc.Arbitrary<string>[]) =>
  fc.tuple(fc.constant("[OPTIONS]"), ...parts).map((each) => `${each.join("\n")}\n`);

const SETS = `[ALIASES]
net 10.1.0.0/16
[IPSET lan]
10.0.0.0/8
!10.1.0.0/16
10.1.2.0/24
[IPSET six]
2001:db8::/32
[IPSET void]
!10.0.0.0/8`;
const OWN = "[ALIASES]\nnet 172.16.1.0/24\n[IPSET own]\n10.1.2.3\n2001:db8::/64\n[IPSET lan]\n172.16.1.0/24";

const group = (name: string) => section(`GROUP ${name}`, fc.array(rule("group"), { maxLength: 3 }));
const clusterFile = whole(
  fc.constant("enable: 1"),
  policies,
  fc.constant(SETS),
  oneOf("", "[IPSET management]\n10.1.2.3", "[IPSET blacklist]\n10.1.0.0/16\n!10.1.2.3"),
  group("ga"),
  group("gb"),
  rules("cluster", 5),
);
const hostFile = whole(
  options("nosmurfs", "ndp", "nf_conntrack_allow_invalid", "tcpflags"),
  rules("cluster", 4),
);
const guestFile = whole(
  fc.constant("enable: 1"),
  policies,
  options("dhcp", "ndp", "radv", "macfilter", "ipfilter"),
  fc.constant(OWN),
  oneOf("", "", "[IPSET ipfilter-net0]\n10.1.0.0/16"),
  rules("guest", 8),
);

const files: fc.Arbitrary<FirewallTexts> = fc.record({
  "cluster.fw": clusterFile,
  "host.fw": hostFile,
  "100.fw": guestFile,
  "200.fw": guestFile,
});

const PLACES = ["host", "outside", "lan", "100", "100i1", "101", "200"] as const;
const V4 = [
  "10.0.0.7",
  "10.1.2.3",
  "10.1.9.9",
  "10.9.9.9",
  "172.16.1.2",
  "172.16.1.3",
  "172.16.1.255",
  "224.0.0.9",
  "0.0.0.0",
];
const V6 = ["2001:db8::1", "2001:db8:9::1", "fe80::1", "ff02::1"];
const header = fc.oneof(
  fc.record({
    proto: oneOf("tcp", "udp"),
    dport: oneOf(22, 53, 67, 68, 80, 90, 443),
    sport: oneOf(40_000, 67, 68),
  }),
  fc.record({
    proto: fc.constant("icmp" as const),
    icmpType: oneOf(0, 3, 8, 13, 1, 128, 134, 135),
    icmpCode: oneOf(0, 3),
  }),
  fc.record({ proto: oneOf(2, 47) }),
);
const flow: fc.Arbitrary<Flow> = fc
  .tuple(
    fc.oneof(
      { arbitrary: fc.record({ source: oneOf(...V4), dest: oneOf(...V4) }), weight: 3 },
      { arbitrary: fc.record({ source: oneOf(...V6), dest: oneOf(...V6) }), weight: 1 },
    ),
    fc.record({ from: oneOf(...PLACES), to: oneOf(...PLACES) }),
    header,
  )
  .map(([ends, places, rest]) => ({ ...places, ...ends, ...rest }));
const flows = fc.array(flow, { minLength: 150, maxLength: 150 });

const WITHOUT_EFFECT = new Set(["duplicate-rule", "shadowed-rule", "never-matches", "redundant-accept"]);

function without(file: FirewallFile, position: Position): FirewallFile {
  const others = <T extends { readonly position: Position }>(all: readonly T[]) =>
    all.filter((each) => each.position !== position);
  const groups = [...file.groups].map(
    ([name, each]) => [name, { ...each, rules: others(each.rules) }] as const,
  );
  return { ...file, rules: others(file.rules), groups: new Map(groups) };
}

function nodeWithout(node: Node, position: Position): Node {
  const guests = [...node.guests].map(([id, file]) => [id, without(file, position)] as const);
  return {
    ...node,
    cluster: without(node.cluster, position),
    hostFile: without(node.hostFile, position),
    guests: new Map(guests),
  };
}

const said = (node: Node, each: Flow) => {
  const { verdict, reject } = decideOn(node, each);
  return `${verdict} ${reject}`;
};

test("without the rules that are called without effect, one or all, every packet is decided as before", () => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(files, flows, (texts, packets) => {
      const node = generalNode(texts);
      const { findings } = lint(node, { kind: "proxmox", notes: [] });
      const idle = findings.filter(({ lint: id }) => WITHOUT_EFFECT.has(id));
      const all = idle.reduce((left, { position }) => nodeWithout(left, position), node);
      for (const packet of packets) assert.equal(said(all, packet), said(node, packet), "all at once");
      for (const { lint: id, position, message } of idle) {
        seen.set(id, (seen.get(id) ?? 0) + 1);
        const changed = nodeWithout(node, position);
        for (const packet of packets)
          assert.equal(said(changed, packet), said(node, packet), `${message}: ${JSON.stringify(packet)}`);
      }
    }),
    { numRuns: 150 },
  );
  for (const id of WITHOUT_EFFECT) assert.ok((seen.get(id) ?? 0) > 3, `${id}: ${seen.get(id)} cases`);
});
