import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type FirewallTexts, generalNode } from "../../fixtures/general-node.ts";
import { decideOn } from "../decide.ts";
import type { Position, Rule } from "../estate.ts";
import type { Flow } from "../flow.ts";
import { matches } from "../match.ts";
import { packetOf } from "../packet.ts";
import type { FirewallFile } from "../proxmox/file.ts";
import type { Node } from "../proxmox/node.ts";
import type { RuleScope } from "../proxmox/scope.ts";
import { readRule } from "../rule.ts";
import type { LintFinding } from "./finding.ts";
import { Ground } from "./ground.ts";
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
        "dc/net",
        "dc/near",
        "guest/near",
        "+guest/spare",
        ...(scope === "guest"
          ? ["guest/net", "dc/far", "+dc/own", "+guest/own", "+ipfilter-net0", "+guest/lan"]
          : ["guest/net", "+guest/lan", "+guest/own"]),
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

const CHANGES: Readonly<Record<string, (line: string) => string>> = {
  same: (line) => line,
  contrary: (line) => line.replace(/ACCEPT|DROP|REJECT/, (was) => (was === "ACCEPT" ? "DROP" : "ACCEPT")),
  source: (line) => (line.includes("-source") ? line : `${line} -source 10.1.2.3`),
  dest: (line) => (line.includes("-dest") ? line : `${line} -dest 10.9.9.9`),
  sport: (line) => (/-p tcp/.test(line) && !line.includes("-sport") ? `${line} -sport 40000` : line),
  nic: (line) => (line.includes("-i ") ? line : `${line} -i net0`),
  bridge: (line) => (line.includes("-i ") ? line : `${line} -i vmbr0`),
  wider: (line) => line.replace(/ -(?:source|dest|sport|dport|icmp-type|i) \S+/, ""),
};

/** Some rules, and after them some of these again, the same or a little changed. */
function lines(scope: Scope, most: number): fc.Arbitrary<readonly string[]> {
  const again = fc.tuple(fc.nat({ max: most - 1 }), oneOf(...Object.values(CHANGES)));
  return fc
    .tuple(fc.array(rule(scope), { maxLength: most }), fc.array(again, { maxLength: 4 }))
    .map(([first, later]) => [
      ...first,
      ...later.flatMap(([at, change]) => first.slice(at, at + 1).map(change)),
    ]);
}

const section = (header: string, content: fc.Arbitrary<readonly string[]>) =>
  content.map((each) => `[${header}]\n${each.join("\n")}`);
const rules = (scope: Scope, most: number) => section("RULES", lines(scope, most));
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
near 10.9.0.0/16
[IPSET spare]
10.9.9.9
[IPSET lan]
10.0.0.0/8
!10.1.0.0/16
10.1.2.0/24
[IPSET six]
2001:db8::/32
[IPSET void]
!10.0.0.0/8`;
const OWN =
  "[ALIASES]\nnet 172.16.1.0/24\nfar 10.9.9.9\n[IPSET own]\n10.1.2.3\n2001:db8::/64\n[IPSET lan]\n172.16.1.0/24";

const group = (name: string) => section(`GROUP ${name}`, lines("group", 3));
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
const ENDS = [V4, V6].flatMap((all) => all.flatMap((source) => all.map((dest) => ({ source, dest }))));

type Header = Omit<Flow, "from" | "to" | "source" | "dest">;

const HEADERS: readonly Header[] = [
  ...(["tcp", "udp"] as const).flatMap((proto) =>
    [22, 53, 67, 68, 80, 90, 443].flatMap((dport) =>
      [40_000, 67, 68, 9].map((sport) => ({ proto, dport, sport })),
    ),
  ),
  ...[0, 3, 8, 13, 1, 128, 134, 135].flatMap((icmpType) =>
    [0, 3].map((icmpCode) => ({ proto: "icmp" as const, icmpType, icmpCode })),
  ),
  { proto: 2 },
  { proto: 47 },
];
const PACKETS = ENDS.flatMap((ends) =>
  HEADERS.map((header) => {
    const flow = { from: "", to: "", ...ends, ...header };
    return { flow, packet: packetOf(flow) };
  }),
);

const PLACES = ["host", "outside", "100", "100i1", "101", "200"] as const;
const WAYS = PLACES.flatMap((from) => PLACES.map((to) => ({ from, to })));

/** Packets that the rule itself asks for, from everywhere to everywhere; the numbers choose some of the many. */
function flowsFor(
  { rule, scope }: Pick<Idle, "rule" | "scope">,
  numbers: readonly number[],
): readonly Flow[] {
  const asked = readRule(rule, scope).matches;
  const own = PACKETS.filter(({ packet }) =>
    asked.some((match) => matches(match, packet, match.device ?? "")),
  );
  const pool = own.length > 0 ? own : PACKETS;
  return numbers.flatMap((number) => {
    const way = WAYS[number % WAYS.length];
    const chosen = pool[Math.floor(number / WAYS.length) % pool.length];
    return way && chosen ? [{ ...chosen.flow, ...way }] : [];
  });
}

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

interface Idle {
  readonly finding: LintFinding;
  readonly rule: Rule;
  readonly scope: RuleScope;
}

/** The rules that are called without effect. A GROUP line that repeats another has no packets of its own. */
function idleRules(node: Node): readonly Idle[] {
  const { findings } = lint(node, { kind: "proxmox", notes: [] });
  const places = new Map(
    new Ground(node).places.flatMap(({ rules: all, scope }) =>
      all.flatMap((rule) =>
        rule.type === "in" || rule.type === "out" ? [[rule.position, { rule, scope }]] : [],
      ),
    ),
  );
  return findings.flatMap((finding) => {
    const place = WITHOUT_EFFECT.has(finding.lint) ? places.get(finding.position) : undefined;
    return place ? [{ finding, ...place }] : [];
  });
}

test("without the rules that are called without effect, one or all, every packet is decided as before", () => {
  const seen = new Map<string, number>();
  const numbers = fc.array(fc.nat({ max: 1_000_000 }), { minLength: 60, maxLength: 60 });
  fc.assert(
    fc.property(files, numbers, (texts, chosen) => {
      const node = generalNode(texts);
      const idle = idleRules(node);
      const without = idle.map(({ finding }) => nodeWithout(node, finding.position));
      const all = idle.reduce((left, { finding }) => nodeWithout(left, finding.position), node);
      for (const [index, each] of idle.entries()) {
        const { lint: id, message } = each.finding;
        seen.set(id, (seen.get(id) ?? 0) + 1);
        for (const flow of flowsFor(each, chosen)) {
          const before = said(node, flow);
          for (const changed of [without[index] ?? node, all])
            assert.equal(said(changed, flow), before, `${message}: ${JSON.stringify(flow)}`);
        }
      }
    }),
    { numRuns: 200 },
  );
  for (const id of WITHOUT_EFFECT) assert.ok((seen.get(id) ?? 0) > 10, `${id}: ${seen.get(id)} cases`);
});

const NAMES = new Set(["unused-alias", "unused-set", "unused-group"]);

/** The texts without what a finding stands at: an alias's line, or a section up to the next. */
function textsWithout(
  texts: FirewallTexts,
  { lint: id, position: { file, line } }: LintFinding,
): FirewallTexts {
  const all = (texts[file] ?? "").split("\n");
  const next = all.findIndex((each, index) => index >= line && each.startsWith("["));
  const end = id === "unused-alias" ? line : next < 0 ? all.length : next;
  return { ...texts, [file]: [...all.slice(0, line - 1), ...all.slice(end)].join("\n") };
}

test("without an alias, a set or a group that is called unused, read again, every packet is decided as before", () => {
  const seen = new Map<string, number>();
  const numbers = fc.array(fc.nat({ max: 1_000_000 }), { minLength: 6, maxLength: 6 });
  fc.assert(
    fc.property(files, numbers, (texts, chosen) => {
      const node = generalNode(texts);
      const flows = new Ground(node).places.flatMap(({ rules: all, scope }) =>
        all.flatMap((rule) =>
          (rule.type === "in" || rule.type === "out") &&
          /[+/]|net|near|far/.test(`${rule.source} ${rule.dest}`)
            ? flowsFor({ rule, scope }, chosen)
            : [],
        ),
      );
      const before = flows.map((flow) => said(node, flow));
      const { findings } = lint(node, { kind: "proxmox", notes: [] });
      for (const finding of findings.filter(({ lint: id }) => NAMES.has(id))) {
        seen.set(finding.lint, (seen.get(finding.lint) ?? 0) + 1);
        const changed = generalNode(textsWithout(texts, finding));
        assert.deepEqual(
          flows.map((flow) => said(changed, flow)),
          before,
          finding.message,
        );
      }
    }),
    { numRuns: 100 },
  );
  for (const id of NAMES) assert.ok((seen.get(id) ?? 0) > 10, `${id}: ${seen.get(id)} cases`);
});
