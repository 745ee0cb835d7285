import assert from "node:assert/strict";
import { test } from "node:test";
import { type SmallGuests, type SmallRule, smallEstate } from "../../fixtures/estates/small.ts";
import { type FirewallTexts, generalNode } from "../../fixtures/general-node.ts";
import { lint } from "../lint/lint.ts";
import { nodeOf } from "../proxmox/node.ts";
import { coverageOf } from "./coverage.ts";
import type { RuleShare } from "./rule-share.ts";

function guest(rules: string, more = "", options = "enable: 1"): FirewallTexts {
  return {
    "cluster.fw": `[OPTIONS]\nenable: 1\n${more}\n`,
    "101.fw": `[OPTIONS]\n${options}\n[IPSET none]\n[RULES]\n${rules}\n`,
  };
}

function sharesOf(files: FirewallTexts): readonly RuleShare[] {
  return coverageOf(generalNode(files)).rules;
}

const brief = ({ line, verdict, level }: RuleShare) => [line, verdict, level] as const;

test("what a rule decides, what of that it alone decides, and what would become of it", () => {
  const [first, second] = sharesOf(
    guest("IN ACCEPT -p tcp -dport 1:100\nIN REJECT -p tcp -dport 50:150", "", "enable: 1\nipfilter: 0"),
  );
  const lines = ({ decides }: RuleShare) =>
    decides.map((each) => [each.family, each.lines[0]?.replace(/ from.*/, "")]);
  assert.ok(first && second);
  assert.deepEqual(lines(first), [
    [4, "tcp 1-100"],
    [6, "tcp 1-100"],
  ]);
  assert.deepEqual(lines(second), [
    [4, "tcp 101-150"],
    [6, "tcp 101-150"],
  ]);
  const differing = first.without
    .filter(({ family }) => family === 6)
    .map(({ lines: [line], is, would, by, isAll }) => [line, is, would, by.kind, isAll]);
  // Of IPv6 the policy rejects tcp 43 too, as the rule would.
  assert.deepEqual(differing, [
    ["tcp 43, 50-100", "accept", "reject (tcp-reset)", "rule", false],
    ["tcp 1-42, 44-49", "accept", "drop", "policy", false],
  ]);
});

const SHADOW = "IN ACCEPT -p tcp -dport 1:100\nIN DROP -p tcp -dport 101:200\nIN ACCEPT -p udp -dport 9\n";

/** The last rule's reason, in these words. */
const DEAD: readonly (readonly [words: string, files: FirewallTexts, reason: string, why: RegExp])[] = [
  ["switched off", guest("|IN ACCEPT"), "switched-off", /^it is switched off$/],
  [
    "a GROUP line that is switched off",
    guest("|GROUP gg", "[group gg]\nIN ACCEPT"),
    "switched-off",
    /GROUP line .*101\.fw:5/,
  ],
  ["a group that nobody uses", guest("", "[group gg]\nIN ACCEPT"), "no-use", /no GROUP line/],
  ["an empty set", guest("IN ACCEPT -source +none"), "no-match", /^the set \+none holds no address$/],
  [
    "an ICMP type that opens nothing",
    guest("IN ACCEPT -p icmp -icmp-type echo-reply"),
    "taken-before",
    /opens no connection/,
  ],
  [
    "a source that the blacklist has",
    guest("IN ACCEPT -source 10.0.0.1", "[IPSET blacklist]\n10.0.0.0/8"),
    "taken-before",
    /^the set blacklist drops its source before$/,
  ],
  ["a NIC that the guest has not", guest("IN ACCEPT -i net7"), "no-match", /net7/],
  [
    "a port in a bridge's place",
    { "host.fw": "[RULES]\nIN ACCEPT -i tap101i0" },
    "no-match",
    /port of a bridge/,
  ],
  [
    "the guest's firewall is off",
    guest("IN ACCEPT", "", "enable: 0"),
    "unfiltered",
    /^the firewall of guest 101 is off$/,
  ],
  [
    "the whole firewall is off",
    { ...guest("IN ACCEPT"), "cluster.fw": "[OPTIONS]\nenable: 0\n" },
    "unfiltered",
    /whole firewall is off/,
  ],
  [
    "the host's firewall is off",
    { "host.fw": "[OPTIONS]\nenable: 0\n[RULES]\nIN ACCEPT" },
    "unfiltered",
    /host's own firewall is off/,
  ],
  ["a rule that can't be written", guest("IN ACCEPT -p icmp -dport 300"), "unwritten", /can't be written/],
  [
    "one earlier rule",
    guest("IN ACCEPT -p tcp\nIN DROP -p tcp -dport 80"),
    "shadowed",
    /^it is never reached: "IN ACCEPT -p tcp" \(101\.fw:5:1[^)]*\) takes all its packets, and contradicts it$/,
  ],
  [
    "two earlier rules together, and no third",
    guest(`${SHADOW}IN ACCEPT -p tcp -dport 50:150`),
    "shadowed",
    /^it is never reached: "IN ACCEPT -p tcp -dport 1:100" \([^)]*\) and "IN DROP -p tcp -dport 101:200" \([^)]*\) together take all its packets, and in part contradict it$/,
  ],
  [
    "a rule that the others make idle is not named",
    guest(`IN DROP -p tcp -dport 60\n${SHADOW}IN ACCEPT -p tcp -dport 50:150`),
    "shadowed",
    /^it is never reached: "IN ACCEPT -p tcp -dport 1:100" \([^)]*\) and "IN DROP -p tcp -dport 101:200"/,
  ],
  [
    "a group's rule and an own one",
    guest(
      "GROUP gg\nIN ACCEPT -p tcp -dport 51:100\nIN ACCEPT -p tcp -dport 1:100",
      "[group gg]\nIN ACCEPT -p tcp -dport 1:50",
    ),
    "shadowed",
    /\(cluster\.fw:\d+:1[^)]*\) and .*\(101\.fw:6:1[^)]*\) together take all its packets, as it would: ACCEPT$/,
  ],
];

for (const [words, files, reason, why] of DEAD)
  test(`dead: ${words}`, () => {
    const last = sharesOf(files).at(-1);
    assert.deepEqual(
      [last?.verdict, last?.reason, last?.level],
      ["dead", reason, reason === "switched-off" ? "note" : "finding"],
    );
    assert.match(last?.why ?? "", why);
    assert.deepEqual([last?.decides, last?.without], [[], []]);
  });

test("redundant: an ACCEPT that a later line gives is a finding, a DROP a note, and the later one is named", () => {
  const shares = sharesOf(guest("IN DROP -p udp\nIN ACCEPT -p tcp -dport 80\nIN ACCEPT -p tcp\nIN DROP"));
  assert.deepEqual(shares.map(brief), [
    ["IN DROP -p udp", "redundant", "note"],
    ["IN ACCEPT -p tcp -dport 80", "redundant", "finding"],
    ["IN ACCEPT -p tcp", "alone", "fine"],
    ["IN DROP", "redundant", "note"],
  ]);
  assert.match(shares[1]?.why ?? "", /by rule "IN ACCEPT -p tcp" at 101\.fw:7:1/);
});

test("a group's rule has a share at each place that uses it; where one needs it, its idleness elsewhere is a note", () => {
  const files = {
    ...guest("IN ACCEPT -p tcp\nGROUP gg", "[group gg]\nIN ACCEPT -p tcp -dport 80"),
    "200.fw": "[OPTIONS]\nenable: 1\n[RULES]\nGROUP gg\n",
  };
  const own = sharesOf(files).filter(({ use }) => use);
  assert.deepEqual(
    own.map(({ place, verdict, level }) => [place, verdict, level]),
    [
      ["guest 101", "dead", "note"],
      ["guest 200", "alone", "fine"],
    ],
  );
});

test("a DROP under a policy of DROP is needed where a GROUP line takes what bears a mark", () => {
  const host = "[RULES]\nIN DROP -p tcp -dport 80\nGROUP gg -i vmbr9\n";
  const open = { "101.fw": "[OPTIONS]\nenable: 1\n" };
  const cluster = { "cluster.fw": "[OPTIONS]\nenable: 1\n[group gg]\nIN ACCEPT -p tcp -dport 22\n" };
  const [marked] = sharesOf({ ...cluster, ...open, "host.fw": host });
  assert.deepEqual(
    [marked?.verdict, marked?.without.map(({ marked: bears, would }) => [bears, would])],
    [
      "alone",
      [
        [true, "accept"],
        [true, "accept"],
      ],
    ],
  );
  const [unmarked] = sharesOf({ ...cluster, "host.fw": host });
  assert.equal(unmarked?.verdict, "redundant");
});

const accept = (more: Partial<SmallRule>): SmallRule => ({
  type: "in",
  action: "ACCEPT",
  proto: "tcp",
  port: "80",
  ...more,
});

/** Of a Phoenix estate the first share of guest 101. */
function firstOf(rules: readonly SmallRule[], others: SmallGuests = {}): RuleShare | undefined {
  const estate = smallEstate({}, { "101": { rules }, "102": {}, ...others });
  return coverageOf(nodeOf(estate), { estate }).rules[0];
}

test("unsent: a source or a destination that nobody has is a note, in the lint's words", () => {
  const rows: readonly (readonly [SmallRule, RegExp])[] = [
    [accept({ dest: "10.0.0.102" }), /^its dest is no address of guest 101/],
    [accept({ source: "10.0.0.101" }), /^no place of the estate has such a source/],
    [accept({ type: "out", action: "DROP", source: "10.0.0.102" }), /^its source is no address of guest 101/],
  ];
  for (const [rule, why] of rows) {
    const share = firstOf([rule]);
    assert.deepEqual([share?.verdict, share?.level], ["unsent", "note"]);
    assert.match(share?.why ?? "", why);
  }
  for (const rule of [
    accept({ source: "10.0.0.102" }),
    accept({ source: "10.0.0.77" }),
    accept({ source: "203.0.113.0/24" }),
    accept({ dest: "224.0.0.9", source: "10.0.0.0/24" }),
  ])
    assert.equal(firstOf([rule])?.verdict, "alone", JSON.stringify(rule));
});

test("stopped: an ACCEPT whose packets the sender's own OUT drops, or the receiver's IN", () => {
  const shut = { policyOut: "DROP" } as const;
  const stopped = firstOf([accept({ source: "10.0.0.102" })], { "102": shut });
  assert.deepEqual([stopped?.verdict, stopped?.level], ["stopped", "finding"]);
  assert.match(
    stopped?.why ?? "",
    /^another hop stops its packets whoever sends them, for example FORWARD out of guest 102: drop/,
  );
  assert.equal(
    firstOf([accept({ source: "10.0.0.102,10.0.0.103" })], { "102": shut, "103": {} })?.verdict,
    "alone",
  );
  const one = (rule: SmallRule) => {
    const estate = smallEstate(
      {},
      { "101": { policyOut: "DROP", rules: [rule] }, "102": { rules: [accept({ port: "443" })] } },
    );
    return coverageOf(nodeOf(estate), { estate }).rules[0];
  };
  assert.equal(one(accept({ type: "out", dest: "10.0.0.102" }))?.verdict, "stopped");
  assert.equal(one(accept({ type: "out", dest: "10.0.0.102", port: "443" }))?.verdict, "alone");
});

test("a place with more rules than are worked out is told and not passed over", () => {
  const files = guest(
    Array.from({ length: 21 }, (_, port) => `IN ACCEPT -p tcp -dport ${port + 1}`).join("\n"),
  );
  const { rules, unchecked } = coverageOf(generalNode({ ...files, "host.fw": "[RULES]\nIN ACCEPT" }), {
    mostLines: 20,
  });
  assert.deepEqual(
    rules.map(({ place }) => place),
    ["the host"],
  );
  assert.deepEqual(
    unchecked.map(({ place, rules: count }) => [place, count]),
    [["guest 101", 21]],
  );
});

const IDLE: ReadonlySet<string> = new Set(["shadowed-rule", "never-matches", "redundant-accept"]);

test("what the lint calls shadowed, never matching or redundant decides nothing alone", () => {
  const rules = `${SHADOW}IN DROP -p tcp -dport 7\nIN ACCEPT -source +none\nOUT ACCEPT -p tcp\nIN ACCEPT -p icmp -icmp-type echo-reply`;
  const node = generalNode(guest(rules));
  const { findings } = lint(node, { kind: "proxmox", notes: [] });
  const idle = findings.filter(({ lint: id }) => IDLE.has(id)).map(({ position }) => position.line);
  const shares = coverageOf(node).rules.filter(({ level }) => level === "finding");
  assert.deepEqual(
    shares.map(({ position }) => position.line),
    idle,
  );
  assert.equal(idle.length, 4);
});

test("what is its own reply comes to a guest's IN rules as of an established flow, to its OUT rules as NEW", () => {
  const end = "-p tcp -source 10.1.2.3 -dest 10.1.2.3 -sport 80 -dport 80";
  const [into, out] = sharesOf(guest(`IN ACCEPT ${end}\nOUT DROP ${end}`));
  assert.deepEqual([into?.verdict, into?.reason, out?.verdict], ["dead", "no-match", "alone"]);
});
