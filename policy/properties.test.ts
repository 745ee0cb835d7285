import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type SmallFirewall, type SmallRule, smallEstate } from "../fixtures/estates/small.ts";
import { type FirewallTexts, generalNode } from "../fixtures/general-node.ts";
import { decide, decideOn } from "./decide.ts";
import type { Estate, Policy } from "./estate.ts";
import { explainDecision } from "./explain.ts";
import type { Decision, Flow } from "./flow.ts";
import { NO_DEFINITIONS } from "./proxmox/file.ts";
import { readRule } from "./rule.ts";

/** Whose rules a property is about, and a flow's ends that ask them. */
const SITES = [
  { owner: "host", type: "in", from: "lan", to: "host" },
  { owner: "host", type: "out", from: "host", to: "lan" },
  { owner: "host", type: "in", from: "101", to: "host" },
  { owner: "101", type: "in", from: "lan", to: "101" },
  { owner: "101", type: "in", from: "102", to: "101" },
  { owner: "101", type: "out", from: "101", to: "102" },
  { owner: "101", type: "out", from: "101", to: "host" },
] as const;
type Site = (typeof SITES)[number];

const V4 = [
  "10.0.0.13",
  "10.0.0.50",
  "10.0.0.101",
  "10.0.0.102",
  "10.0.0.255",
  "224.0.0.9",
  "203.0.113.10",
] as const;
const V6 = ["2001:db8::13", "2001:db8::101", "fe80::1", "ff02::1"] as const;
const PORTS = [22, 53, 80, 443, 445, 1900, 8006, 60000] as const;

const policy = fc.constantFrom<Policy>("ACCEPT", "DROP", "REJECT");
const option = <T extends string>(...values: T[]) =>
  fc.option(fc.constantFrom(...values), { nil: undefined });

const address4 = option(
  "10.0.0.0/24",
  "10.0.0.50",
  "0.0.0.0/0",
  "10.0.0.40-10.0.0.110",
  "10.0.0.101,10.0.0.102",
);
const ends4 = { source: address4, dest: address4 };
const address6 = option("2001:db8::/64", "fe80::1", "::/0");
const ends6 = { source: address6, dest: address6 };
const icmpType = option("echo-request", "time-exceeded");
const ports = {
  port: option("80", "22,443", "1:1024", "445", "domain"),
  sport: option("40000", "1024:65535", "0"),
};

const condition = fc.oneof(
  fc.record({ proto: fc.constantFrom("tcp", "udp"), ...ports, ...ends4 }),
  fc.record({ proto: fc.constantFrom("tcp", "udp"), ...ports, ...ends6 }),
  fc.record({ proto: fc.constant("icmp"), icmpType, ...ends4 }),
  fc.record({ proto: fc.constant("ipv6-icmp"), icmpType, ...ends6 }),
  fc.record({
    macro: fc.constantFrom("SSH", "DNS", "Ping", "SMB"),
    source: option("10.0.0.0/24"),
    log: option("info"),
  }),
  fc.record({ proto: option("47", "2"), iface: option("net0"), ...ends4 }),
);
const head = fc.record({
  type: fc.constantFrom("in" as const, "out" as const),
  action: policy,
  enabled: fc.constantFrom(true, true, true, false),
});

/** Rules of every form; those in error are left out. */
const rule: fc.Arbitrary<SmallRule> = fc
  .tuple(head, condition)
  .map(([first, rest]) => ({
    ...first,
    ...(Object.fromEntries(
      Object.entries(rest).filter(([, value]) => value !== undefined),
    ) as Partial<SmallRule>),
  }))
  .filter(isErrorFree);

function isErrorFree(given: SmallRule): boolean {
  const position = { file: "small.json", line: 1, column: 1, pointer: "" };
  const { errors, failure } = readRule(
    { enabled: true, ...given, position },
    { place: "guest", dc: NO_DEFINITIONS },
  );
  return errors.length === 0 && failure === undefined;
}

const ends = fc.oneof(
  fc.record({ source: fc.constantFrom(...V4), dest: fc.constantFrom(...V4) }),
  fc.record({ source: fc.constantFrom(...V6), dest: fc.constantFrom(...V6) }),
);
const packet: fc.Arbitrary<Omit<Flow, "from" | "to">> = fc
  .tuple(
    ends,
    fc.record({
      proto: fc.constantFrom<Flow["proto"]>("tcp", "udp", "icmp", 47, 2),
      sport: fc.constantFrom(40000, 53, 68),
      dport: fc.constantFrom(...PORTS),
      flags: fc.constantFrom<Flow["flags"] & {}>(["SYN"], ["SYN"], ["ACK"], ["RST"]),
    }),
  )
  .map(([pair, header]) => ({ ...pair, ...header }));

const policies = { policyIn: policy, policyOut: policy };
const firewall: fc.Arbitrary<SmallFirewall> = fc.record({
  ...policies,
  rules: fc.array(rule, { maxLength: 6 }),
});
const site = fc.constantFrom(...SITES);

interface Firewalls {
  readonly host: SmallFirewall;
  readonly "101": SmallFirewall;
  readonly "102": SmallFirewall;
}
const firewalls: fc.Arbitrary<Firewalls> = fc.record({ host: firewall, "101": firewall, "102": firewall });

function estateOf({ host, ...guests }: Firewalls): Estate {
  return smallEstate(host, guests);
}

function withRules(all: Firewalls, { owner }: Site, rules: readonly SmallRule[]): Firewalls {
  return { ...all, [owner]: { ...all[owner], rules } };
}

function outcome(all: Firewalls, { from, to }: Site, header: Omit<Flow, "from" | "to">): Decision {
  return decide(estateOf(all), { ...header, from, to });
}

/** A decision without the names and places in it. */
function verdictsOf({ verdict, reject, hops }: Decision): unknown {
  return { verdict, reject, hops: hops.map((hop) => hop.verdict) };
}

test("renaming a guest, or giving it another id, changes no verdict", () => {
  const name = fc.constantFrom("nginx", "Step-CA", "", "101");
  const id = fc.integer({ min: 100, max: 999_999_999 }).map(String);
  fc.assert(
    fc.property(firewalls, site, packet, name, id, (all, where, header, newName, newId) => {
      fc.pre(newId !== "102");
      const before = estateOf(all);
      const guests = before.guests.map((guest) =>
        guest.id === "101" ? { ...guest, name: newName, id: newId } : guest,
      );
      const place = (end: string): string => (end === "101" ? newId : end);
      const after = decide(
        { ...before, guests },
        { ...header, from: place(where.from), to: place(where.to) },
      );
      assert.deepEqual(verdictsOf(after), verdictsOf(outcome(all, where, header)));
    }),
    { numRuns: 1000 },
  );
});

/** The rule that takes just this packet at a site: of its protocol alone, with its port where it has one. */
function catching(where: Site, { proto, dport }: Omit<Flow, "from" | "to">, action: Policy): SmallRule {
  const ports = proto === "tcp" || proto === "udp" ? { port: `${dport}` } : {};
  return { type: where.type, action, ...(proto === "icmp" ? {} : { proto: `${proto}`, ...ports }) };
}

test("outside groups: a rule after one that matches changes nothing", () => {
  fc.assert(
    fc.property(firewalls, site, packet, policy, fc.array(rule), (all, where, header, action, added) => {
      const rules = [...(all[where.owner].rules ?? []), catching(where, header, action)];
      const before = outcome(withRules(all, where, rules), where, header);
      const after = outcome(withRules(all, where, [...rules, ...added]), where, header);
      assert.deepEqual(after, before);
    }),
    { numRuns: 1000 },
  );
});

test("outside groups: an ACCEPT never removes a flow, a DROP never adds one", () => {
  fc.assert(
    fc.property(
      firewalls,
      site,
      packet,
      rule,
      fc.boolean(),
      fc.nat(),
      (all, where, header, any, catches, at) => {
        const before = outcome(all, where, header).verdict === "accept";
        const action: Policy = before ? "ACCEPT" : "DROP";
        const rules = all[where.owner].rules ?? [];
        const inserted = catches ? catching(where, header, action) : { ...any, action };
        const changed = withRules(all, where, rules.toSpliced(at % (rules.length + 1), 0, inserted));
        assert.equal(outcome(changed, where, header).verdict === "accept", before);
      },
    ),
    { numRuns: 1000 },
  );
});

const TO_101: Flow = {
  from: "outside",
  to: "101",
  proto: "tcp",
  source: "100.100.1.2",
  dest: "100.200.3.4",
  dport: 12345,
};
const GUEST = "[OPTIONS]\nenable: 1\n[RULES]\nGROUP gg\n";

function verdictOn(files: FirewallTexts, flow: Flow): string {
  return decideOn(generalNode(files), flow).verdict;
}

/** cluster.fw with the alias and the set `lan`, and the group gg. */
function group(...rules: readonly string[]): string {
  return [
    "[OPTIONS]\nenable: 1\n[ALIASES]\nlan 10.0.0.0/8\n[IPSET lan]\n10.0.0.0/8\n[group gg]",
    ...rules,
  ].join("\n");
}

test("trap 1: in a group a DROP that can't be written opens every guest that uses it", () => {
  const closed = { "cluster.fw": group(), "101.fw": GUEST };
  const from101: Flow = { ...TO_101, from: "101", to: "outside", sourceMac: "02:00:00:00:00:01" };
  assert.deepEqual([verdictOn(closed, TO_101), verdictOn(closed, from101)], ["drop", "drop"]);
  for (const lost of [
    "IN DROP -source +guest/lan",
    "IN DROP -source guest/lan",
    "IN DROP -p icmp -dport 300",
  ]) {
    const open = { ...closed, "cluster.fw": group(lost) };
    assert.deepEqual([verdictOn(open, TO_101), verdictOn(open, from101)], ["accept", "accept"], lost);
    const byItself = { ...closed, "101.fw": GUEST.replace("GROUP gg", lost) };
    assert.equal(verdictOn(byItself, TO_101), "drop", `${lost}, outside a group`);
  }
});

test("trap 1: a group's name of more than 18 characters opens the guest that uses it", () => {
  const name = "a2345678901234567890";
  const files = { "cluster.fw": group(), "101.fw": GUEST.replace("gg", name) };
  assert.equal(verdictOn({ ...files, "101.fw": GUEST.replace("gg", name.slice(0, 18)) }, TO_101), "drop");
  assert.equal(verdictOn(files, TO_101), "accept");
});

test("trap 1: a guest's further NICs are open with its first", () => {
  const files = { "cluster.fw": group("IN DROP -source +guest/lan"), "100.fw": GUEST };
  for (const to of ["100", "100i1", "100i2"]) assert.equal(verdictOn(files, { ...TO_101, to }), "accept", to);
});

test("trap 1: after a failed owner the group's later users have its IN rules as far as they came, and no OUT chain", () => {
  const lost = group(
    "IN ACCEPT -p tcp -dport 80",
    "IN DROP -source +guest/lan",
    "IN ACCEPT -p tcp -dport 443",
    "OUT DROP",
  );
  const files = { "cluster.fw": lost, "100.fw": GUEST, "101.fw": GUEST };
  const to = (place: string, dport: number): string => verdictOn(files, { ...TO_101, to: place, dport });
  assert.deepEqual([to("100", 443), to("101", 80), to("101", 443)], ["accept", "accept", "drop"]);
  assert.equal(verdictOn(files, { ...TO_101, from: "101", to: "outside" }), "accept");
});

test("trap 1: where the host used it first, guests keep IN and lose OUT", () => {
  const lost = `${group("IN ACCEPT -p tcp -dport 80", "IN DROP -source +guest/lan", "OUT DROP")}\n[RULES]\nGROUP gg`;
  const files = { "cluster.fw": lost, "101.fw": GUEST };
  assert.deepEqual(
    [80, 12345].map((dport) => verdictOn(files, { ...TO_101, dport })),
    ["accept", "drop"],
  );
  assert.equal(verdictOn(files, { ...TO_101, from: "101", to: "outside" }), "accept");
});

test("trap 2: on the host a group that is not entered accepts what bears an earlier hop's mark", () => {
  const files = { "cluster.fw": group("IN ACCEPT -p tcp -dport 1"), "100.fw": "[OPTIONS]\nenable: 1\n" };
  const used = { ...files, "host.fw": "[RULES]\nGROUP gg -i vmbr9\n" };
  const toHost: Flow = { ...TO_101, from: "100", to: "host", dest: "172.16.1.2" };
  assert.equal(verdictOn(files, toHost), "drop", "without the rule");
  const marked = decideOn(generalNode(used), toHost);
  assert.equal(marked.verdict, "accept", explainDecision(marked));
  assert.equal(
    verdictOn(used, { ...toHost, from: "outside" }),
    "drop",
    "a sender without a firewall has no mark",
  );
  const entered = { ...files, "host.fw": "[RULES]\nGROUP gg -i vmbr0\n" };
  assert.equal(verdictOn(entered, toHost), "drop", "a group that is entered clears the mark");
});
