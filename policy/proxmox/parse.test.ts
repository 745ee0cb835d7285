import assert from "node:assert/strict";
import { test } from "node:test";
import { proxmoxFiles } from "../../fixtures/proxmox-files.ts";
import { ruleLine } from "../rule-line.ts";
import type { Definitions, FileKind, FirewallFile } from "./file.ts";
import { parseFirewallFile } from "./parse.ts";

const FILE_NAMES = { cluster: "cluster.fw", host: "host.fw", guest: "101.fw" } as const;

function parse(kind: FileKind, text: string, dc?: Definitions): FirewallFile {
  return parseFirewallFile(kind, FILE_NAMES[kind], text, dc);
}

/** What is kept, a line each, in the order options, aliases, sets, groups, rules. */
function kept({ options, aliases, sets, groups, rules }: FirewallFile): string[] {
  return [
    ...[...options].map(([key, { value }]) => `${key}=${value}`),
    ...[...aliases].map(([key, { cidr, family }]) => `${key}=${cidr} v${family}`),
    ...[...sets.values()].map(
      ({ name, entries }) =>
        `+${name}: ${entries.map((each) => `${each.nomatch ? "!" : ""}${each.address}`).join(" ")}`,
    ),
    ...[...groups.values()].map(({ name, rules: own }) => `${name}: ${own.map(ruleLine).join(", ")}`),
    ...rules.map(ruleLine),
  ];
}

/** Smallest text, what is left of it, and why each other line is not: `line:column section reason`. */
type Row = readonly [
  title: string,
  kind: FileKind,
  text: string,
  kept: readonly string[],
  ignored?: readonly RegExp[],
];

const LEXING: readonly Row[] = [
  [
    "blanks around a line, comments, empty lines",
    "guest",
    "\t [OPTIONS] \t\n\n  # x\n\t enable: 1  ",
    ["enable=1"],
  ],
  [
    "headers in any case",
    "guest",
    "[options]\nenable: 1\n[Rules]\nin ACCEPT\n[iPsEt ab]\n10.0.0.1",
    ["enable=1", "+ab: 10.0.0.1", "IN ACCEPT"],
  ],
  [
    "trap 14: a comment behind a header",
    "guest",
    "[OPTIONS] # on\nenable: 1",
    [],
    [/^1:1  .*comment behind/, /^2:1  no section/],
  ],
  [
    "trap 14: but not behind one with a name",
    "cluster",
    "[IPSET ab] # x\n10.0.0.1\n[GROUP cd]# y\nIN DROP",
    ["+ab: 10.0.0.1", "cd: IN DROP"],
  ],
  [
    "a CR spoils a header",
    "guest",
    "[OPTIONS]\r\nenable: 1\r\n\r\n[RULES]\r\nIN ACCEPT\r\n",
    [],
    [/^1:1  .*carriage return/, /^2:1/, /^4:1/, /^5:1/],
  ],
  [
    "a CR behind what follows a header is white space",
    "guest",
    "[OPTIONS]\nenable: 1\r\n[RULES]\nIN ACCEPT -p tcp\r\n",
    ["enable=1", "IN ACCEPT -p tcp"],
  ],
  [
    "a byte order mark spoils the first line alone",
    "guest",
    "\uFEFF[OPTIONS]\nenable: 1\n[RULES]\nIN DROP",
    ["IN DROP"],
    [/^1:1  .*byte order mark/, /^2:1  no section/],
  ],
  [
    "content above every header",
    "guest",
    "enable: 1\nIN ACCEPT",
    [],
    [/^1:1  no section/, /^2:1  no section/],
  ],
  [
    "no blank but Perl's",
    "guest",
    "[RULES]\nIN\u00a0ACCEPT\nIN ACCEPT\u2028-p tcp",
    [],
    [/type and an action/, /unknown from here on: tcp/],
  ],
  ["nothing at all", "guest", "", []],
];

const SECTIONS: readonly Row[] = [
  [
    "trap 26: a group's header in a guest's file is none",
    "guest",
    "[RULES]\nIN DROP\n[group x]\nIN ACCEPT",
    ["IN DROP", "IN ACCEPT"],
    [/^3:1 \[RULES\] no section header of a guest's/],
  ],
  [
    "host.fw stays in its rules",
    "host",
    "[RULES]\nIN DROP\n[IPSET ab]\n10.0.0.1\n[ALIASES]\na1 10.0.0.1\nOUT DROP",
    ["IN DROP", "OUT DROP"],
    [/^3:1 .* no section header of host/, /^4:1/, /^5:1 .* no section header/, /^6:1/],
  ],
  [
    "an unknown header",
    "cluster",
    "[RULES]\n[NATS]\nIN DROP",
    ["IN DROP"],
    [/^2:1 \[RULES\] no section header of cluster.fw/],
  ],
  [
    "trap 27: the last definition of a set and a group",
    "cluster",
    "[IPSET ab]\n10.0.0.1\n[IPSET AB]\n10.0.0.2\n[group gg]\nIN DROP\n[group gg]\nOUT DROP",
    ["+ab: 10.0.0.2", "gg: OUT DROP"],
    [/^1:1 \[IPSET ab\] .*stands again on line 3/, /^2:1/, /^5:1/, /^6:1 \[GROUP gg\]/],
  ],
  [
    "rules, options and aliases accumulate",
    "guest",
    "[RULES]\nIN DROP\n[OPTIONS]\nenable: 0\ndhcp: 0\n[ALIASES]\naa 10.0.0.1\n[RULES]\nOUT DROP\n[OPTIONS]\nENABLE: 1\n[ALIASES]\nAA 10.0.0.2",
    ["enable=1", "dhcp=0", "aa=10.0.0.2 v4", "IN DROP", "OUT DROP"],
    [/^4:1 \[OPTIONS\] enable stands again on line 11/, /^7:1 \[ALIASES\] aa stands again on line 13/],
  ],
  [
    "a bad name drops its section",
    "cluster",
    `[OPTIONS]\n[IPSET 1a]\n10.0.0.1\n[GROUP ${"g".repeat(19)}]\nIN DROP\n[IPSET a]\n[IPSET ${"s".repeat(65)}]\nenable: 1`,
    [],
    [
      /^2:1  the name is/,
      /^3:1  its section was dropped/,
      /^4:1  .*at most 18/,
      /^5:1/,
      /^6:1/,
      /^7:1  .*at most 64/,
      /^8:1/,
    ],
  ],
  [
    "names at their longest",
    "cluster",
    `[GROUP ${"g".repeat(18)}]\n[IPSET ${"s".repeat(64)}]`,
    [`+${"s".repeat(64)}: `, `${"g".repeat(18)}: `],
  ],
  [
    "a name needs a blank before it",
    "cluster",
    "[RULES]\n[IPSETab]\n[IPSET ab]x\n[IPSET a b]\n[IPSET\t cc]",
    ["+cc: "],
    [/./, /./, /./],
  ],
];

const OPTIONS: readonly Row[] = [
  [
    "blanks behind the colon, values in any case",
    "guest",
    "[OPTIONS]\npolicy_in:drop\nPOLICY_OUT:\t Reject\nlog_level_in: WARNING\nlog_level_out:",
    ["policy_in=DROP", "policy_out=REJECT", "log_level_in=warning", "log_level_out="],
  ],
  [
    "trap 14: a comment behind an option",
    "guest",
    "[OPTIONS]\nenable: 1 # on",
    [],
    [/^2:1 \[OPTIONS\] enable takes 0 or 1, and no comment/],
  ],
  [
    "a blank before the colon, no colon",
    "guest",
    "[OPTIONS]\nenable : 1\nenable 1",
    [],
    [/colon right after/, /colon right after/],
  ],
  [
    "trap 33: 2 on a guest and on a host",
    "guest",
    "[OPTIONS]\nenable: 2\ndhcp: yes",
    [],
    [/0 or 1/, /0 or 1/],
  ],
  ["trap 33: 2 on the host", "host", "[OPTIONS]\nenable: 2", [], [/0 or 1/]],
  [
    "trap 33: 2 on the cluster is a time",
    "cluster",
    "[OPTIONS]\nenable: 2\nebtables: 0",
    ["enable=2", "ebtables=0"],
  ],
  ["a number's zeros", "cluster", "[OPTIONS]\nenable: 001", ["enable=1"]],
  [
    "policies of the cluster",
    "cluster",
    "[OPTIONS]\npolicy_in: ACCEPT\npolicy_forward: reject\npolicy_out: DENY",
    ["policy_in=ACCEPT", "policy_forward=REJECT"],
    [/policy_out takes ACCEPT, DROP or REJECT/],
  ],
  [
    "log_ratelimit",
    "cluster",
    "[OPTIONS]\nlog_ratelimit: enable=1,rate=1/second,burst=5",
    ["log_ratelimit=enable=1,rate=1/second,burst=5"],
  ],
  [
    "log_ratelimit without a unit",
    "cluster",
    "[OPTIONS]\nlog_ratelimit: 1,rate=1",
    [],
    [/log_ratelimit takes/],
  ],
  [
    "options of the other files",
    "host",
    "[OPTIONS]\npolicy_in: DROP\ndhcp: 1\nnftables: 1",
    ["nftables=1"],
    [/host.fw has no option policy_in/, /no option dhcp/],
  ],
  [
    "a host's numbers and helpers",
    "host",
    "[OPTIONS]\nnf_conntrack_max: 300000\nnf_conntrack_helpers: FTP,tftp\nprotection_synflood: 1\nprotection_synflood_rate: -1",
    ["nf_conntrack_max=300000", "nf_conntrack_helpers=ftp,tftp", "protection_synflood=1"],
    [/a whole number/],
  ],
  ["an unknown helper", "host", "[OPTIONS]\nnf_conntrack_helpers: http", [], [/comma list of amanda/]],
  [
    "a guest's queues and frames",
    "guest",
    "[OPTIONS]\nips: 1\nips_queues: 0:3\nlayer2_protocols: ARP,802_1Q",
    ["ips=1", "ips_queues=0:3", "layer2_protocols=ARP,802_1Q"],
  ],
  [
    "an unknown frame",
    "guest",
    "[OPTIONS]\nlayer2_protocols: arp\nips_queues: 1-3",
    [],
    [/ethertypes/, /N or N:M/],
  ],
];

const ALIASES: readonly Row[] = [
  [
    "an address, networks of both families",
    "cluster",
    "[ALIASES]\na1 10.0.0.1\nB2\t10.0.0.5/24 # x\nc3 2001:db8::/32",
    ["a1=10.0.0.1 v4", "b2=10.0.0.5/24 v4", "c3=2001:db8::/32 v6"],
  ],
  [
    "/32 and /128 are dropped, other prefixes are not looked at",
    "cluster",
    "[ALIASES]\na1 10.0.0.1/32\na2 ::1/128\na3 10.0.0.0/33\na4 0.0.0.0/0",
    ["a1=10.0.0.1 v4", "a2=::1 v6", "a3=10.0.0.0/33 v4", "a4=0.0.0.0/0 v4"],
  ],
  ["trap 13: two blanks", "cluster", "[ALIASES]\na1  10.0.0.1", [], [/exactly one blank/]],
  [
    "no ranges, lists or names",
    "cluster",
    "[ALIASES]\na1 10.0.0.1-10.0.0.2\na2 10.0.0.1,10.0.0.2\na3 a1\na4",
    [],
    [/no address/, /no address/, /no address/, /an alias is/],
  ],
];

const SETS: readonly Row[] = [
  [
    "entries",
    "cluster",
    "[IPSET ab]\n10.0.0.1 # one\n! 10.0.0.5/24\n!2001:db8::/32\n10.0.0.2/32",
    ["+ab: 10.0.0.1 !10.0.0.5/24 !2001:db8::/32 10.0.0.2"],
  ],
  [
    "trap 21: a prefix of 0",
    "cluster",
    "[IPSET ab]\n0.0.0.0/0\n::/0\n10.0.0.0/00",
    ["+ab: "],
    [/prefix of 0/, /prefix of 0/, /prefix of 0/],
  ],
  [
    "trap 27: the first of two equal entries, whatever its mark",
    "cluster",
    "[IPSET ab]\n10.1.0.0/16\n!10.1.0.0/16\n10.0.0.1/32\n10.0.0.1",
    ["+ab: 10.1.0.0/16 10.0.0.1"],
    [/^3:1 \[IPSET ab\] 10.1.0.0\/16 stands above/, /^5:1/],
  ],
  [
    "trap 32: one network twice once masked is kept, and fails to load",
    "cluster",
    "[IPSET ab]\n10.0.0.5/24\n10.0.0.0/24",
    ["+ab: 10.0.0.5/24 10.0.0.0/24"],
  ],
  [
    "no ranges, lists, sets, unknown names",
    "cluster",
    "[IPSET ab]\n10.0.0.1-10.0.0.2\n10.0.0.1,10.0.0.2\n+cd\nnone\n10.0.0.1 10.0.0.2\n!",
    ["+ab: "],
    [
      /no address/,
      /no address/,
      /can't hold a set/,
      /no such alias none/,
      /an entry is/,
      /no address|an entry/,
    ],
  ],
  [
    "an alias must stand above",
    "cluster",
    "[IPSET ab]\nlate\n[ALIASES]\nlate 10.0.0.1\n[IPSET cd]\nLATE\ndc/late\nguest/late",
    ["late=10.0.0.1 v4", "+ab: ", "+cd: LATE dc/late"],
    [/^2:1 .*no such alias late/, /^8:1 .*no such alias guest\/late/],
  ],
  ["trap 6: a guest's ipfilter set", "guest", "[IPSET ipfilter-net0]", ["+ipfilter-net0: "]],
];

const RULES: readonly Row[] = [
  [
    "types and macros in any case",
    "guest",
    "[RULES]\nin ACCEPT\nOut ssh(DROP)\nGroup web -i net0",
    ["IN ACCEPT", "OUT ssh(DROP)", "GROUP web -i net0"],
  ],
  [
    "every option, in any order, the last of two counts",
    "cluster",
    "[RULES]\nIN ACCEPT --log info -dport 80 --dport 81 -sport 1:2 --proto tcp -i vmbr0 --dest 10.0.0.1 -source 10.0.0.2 # hi",
    ["IN ACCEPT -i vmbr0 -p tcp -source 10.0.0.2 -dest 10.0.0.1 -dport 81 -sport 1:2 -log info"],
  ],
  [
    "a level needs no blank behind it",
    "guest",
    "[RULES]\nIN ACCEPT -log info-p tcp",
    ["IN ACCEPT -p tcp -log info"],
  ],
  [
    "a comment begins at the first #, even inside a word",
    "guest",
    "[RULES]\nIN ACCEPT -p tcp#p -dport 80",
    ["IN ACCEPT -p tcp"],
  ],
  ["disabled rules are kept", "guest", "[RULES]\n|IN DROP\n|group ab", ["|IN DROP", "|GROUP ab"]],
  [
    "a disabled rule's bar touches its type",
    "guest",
    "[RULES]\n| IN DROP\n|\n||IN DROP",
    [],
    [/must touch the type/, /type and an action/, /unknown type/],
  ],
  [
    "trap 13: one space inside an option",
    "guest",
    "[RULES]\nIN ACCEPT -p tcp -dport  80\nIN ACCEPT -p\ttcp\nIN ACCEPT -p",
    [],
    [/exactly one space/, /exactly one space/, /exactly one space/],
  ],
  [
    "options that do not exist",
    "guest",
    "[RULES]\nIN ACCEPT -s 10.0.0.1\nIN ACCEPT -P tcp\nIN ACCEPT --i net0\nIN ACCEPT 80\nIN ACCEPT -log loud",
    [],
    [/unknown from here on: -s/, /-P tcp/, /--i net0/, /80/, /-log loud/],
  ],
  [
    "trap 12: verdicts in upper case; DENY is none",
    "guest",
    "[RULES]\nIN accept\nIN SSH(accept)\nIN DENY\nIN SSH (ACCEPT)",
    [],
    [/unknown action accept/, /unknown action SSH\(accept\)/, /the word is DROP/, /from here on: \(ACCEPT\)/],
  ],
  [
    "trap 12: a set is named in lower case",
    "cluster",
    "[IPSET Lan]\n[RULES]\nIN ACCEPT -source +lan\nIN DROP -source +Lan",
    ["+lan: ", "IN ACCEPT -source +lan"],
    [/\+Lan: no such ipset/],
  ],
  [
    "trap 12: an alias in any case",
    "cluster",
    "[ALIASES]\nWeb 10.0.0.1\n[RULES]\nIN ACCEPT -source wEB",
    ["web=10.0.0.1 v4", "IN ACCEPT -source wEB"],
  ],
  [
    "trap 15: names below the rule; groups anywhere",
    "cluster",
    "[RULES]\nIN ACCEPT -source web\nIN ACCEPT -source +lan\nGROUP gg\n[ALIASES]\nweb 10.0.0.1\n[IPSET lan]\n[group gg]\nIN ACCEPT -source web",
    ["web=10.0.0.1 v4", "+lan: ", "gg: IN ACCEPT -source web", "GROUP gg"],
    [/^2:1 \[RULES\] .*web: no such alias/, /^3:1 .*\+lan: no such ipset/],
  ],
  [
    "trap 16: what Proxmox defines itself is not there yet",
    "cluster",
    "[RULES]\nIN ACCEPT -source local_network\nIN ACCEPT -source +management",
    [],
    [/no such alias/, /no such ipset/],
  ],
  ["trap 3: port 0", "guest", "[RULES]\nIN ACCEPT -p tcp -dport 0", ["IN ACCEPT -p tcp -dport 0"]],
  [
    "an address and an interface of 0 are none",
    "guest",
    "[RULES]\nIN ACCEPT -source 0 -dest 0 -i 0",
    ["IN ACCEPT"],
  ],
  [
    "trap 19: host bits",
    "guest",
    "[RULES]\nIN ACCEPT -source 10.0.0.5/24\nIN ACCEPT -source 0.0.0.0/0",
    ["IN ACCEPT -source 0.0.0.0/0"],
    [/without host bits/],
  ],
  [
    "trap 22: ICMP types",
    "guest",
    "[RULES]\nIN ACCEPT -p icmp -icmp-type 8\nIN ACCEPT -p icmp -dport 8\nIN ACCEPT -p 1 -dport 8",
    ["IN ACCEPT -p icmp -dport 8"],
    [/unknown ICMP type 8/, /a port needs a protocol/],
  ],
  [
    "trap 23: a macro lends no protocol",
    "guest",
    "[RULES]\nIN SSH(ACCEPT) -sport 1000\nIN SSH(ACCEPT) -p tcp -sport 1000",
    ["IN SSH(ACCEPT) -p tcp -sport 1000"],
    [/a port needs a protocol/],
  ],
  [
    "trap 32: a single port of udplite is kept, and fails to load",
    "guest",
    "[RULES]\nIN ACCEPT -p udplite -dport 80",
    ["IN ACCEPT -p udplite -dport 80"],
  ],
  [
    "trap 9: the order of rules is the file's",
    "cluster",
    "[RULES]\nIN DROP\n[RULES]\nIN ACCEPT",
    ["IN DROP", "IN ACCEPT"],
  ],
  [
    "forward rules: not in a guest's file",
    "guest",
    "[RULES]\nFORWARD ACCEPT\nIN DROP",
    ["IN DROP"],
    [/no forward rules/],
  ],
  [
    "forward rules elsewhere",
    "cluster",
    "[group gg]\nFORWARD DROP\n[RULES]\nforward ACCEPT",
    ["gg: FORWARD DROP", "FORWARD ACCEPT"],
  ],
  [
    "inside a group: no interface, no group",
    "cluster",
    "[group gg]\nIN DROP -i vmbr0\nGROUP hh\nIN DROP",
    ["gg: IN DROP"],
    [/no interface/, /may not use a group/],
  ],
  [
    "behind a group's name only an interface",
    "cluster",
    "[RULES]\nGROUP gg -p tcp\nGROUP gg -i vmbr0\nGROUP g\nGROUP +gg",
    ["GROUP gg -i vmbr0"],
    [/only `-i INTERFACE`/, /no name of a group/, /no name of a group/],
  ],
  [
    "interfaces",
    "guest",
    "[RULES]\nIN DROP -i net1\nIN DROP -i eth0\nGROUP gg -i vmbr0",
    ["IN DROP -i net1"],
    [/no netN/, /no netN/],
  ],
  [
    "a host's interfaces",
    "host",
    "[RULES]\nIN DROP -i vmbr0.5\nIN DROP -i vmbr+\nIN DROP -i v",
    ["IN DROP -i vmbr0.5"],
    [/no interface/, /no interface/],
  ],
];

const ROWS = { LEXING, SECTIONS, OPTIONS, ALIASES, SETS, RULES };

for (const [topic, rows] of Object.entries(ROWS))
  test(`what Proxmox keeps of a file and why it passes over the rest: ${topic.toLowerCase()}`, () => {
    for (const [title, kind, text, expected, reasons = []] of rows) {
      const file = parse(kind, text);
      assert.deepEqual(kept(file), expected, title);
      const told = file.ignored.map(
        ({ position: { line, column, pointer }, reason }) => `${line}:${column} ${pointer} ${reason}`,
      );
      assert.equal(told.length, reasons.length, `${title}: ${told.join("\n")}`);
      for (const [index, reason] of reasons.entries()) assert.match(told[index] ?? "", reason, title);
    }
  });

test("a guest and the host see the whole cluster.fw; a guest's own definitions come first", () => {
  const dc = parse("cluster", "[RULES]\n[ALIASES]\nweb 10.0.0.1\n[IPSET lan]\n10.0.0.0/8");
  const text =
    "[RULES]\nIN ACCEPT -source web\nIN ACCEPT -source +dc/lan\nIN ACCEPT -source +guest/lan\nIN ACCEPT -source own";
  assert.equal(parse("host", text, dc).rules.length, 3);
  assert.equal(parse("guest", text, dc).rules.length, 3);
  const shadowed =
    "[ALIASES]\nweb 2001:db8::1\nown 10.0.0.9\n[IPSET set]\nweb\nguest/own\ndc/own\n[RULES]\nIN ACCEPT -source web -dest 2001:db8::2\nIN ACCEPT -source dc/web -dest 10.0.0.3";
  const guest = parse("guest", shadowed, dc);
  assert.deepEqual(kept(guest).slice(2), [
    "+set: web guest/own",
    "IN ACCEPT -source web -dest 2001:db8::2",
    "IN ACCEPT -source dc/web -dest 10.0.0.3",
  ]);
});

test("an alias that changes its family below a rule takes the rule's effect", () => {
  const file = parse(
    "cluster",
    "[ALIASES]\nweb 10.0.0.1\n[group gg]\nIN DROP -source web\n[RULES]\nIN DROP -source web -dest 10.0.0.2\n[ALIASES]\nweb ::1",
  );
  assert.deepEqual(kept(file), ["web=::1 v6", "gg: IN DROP -source web"]);
  assert.deepEqual(
    file.ignored.map(({ position }) => position.line),
    [2, 6],
  );
});

test("lines that are passed over come in the file's order, whenever that was known", () => {
  const file = parse("cluster", "[ALIASES]\nweb 10.0.0.1\nnone\n[RULES]\nnone\n[ALIASES]\nweb 10.0.0.2");
  assert.deepEqual(
    file.ignored.map(({ position }) => position.line),
    [2, 3, 5],
  );
});

test("a set's comment stays where its second header has none", () => {
  assert.equal(parse("cluster", "[IPSET lan] # x\n[IPSET lan]").sets.get("lan")?.comment, "x");
});

test("a no-break space is no blank around a comment", () => {
  assert.equal(parse("guest", "[RULES]\nIN DROP #\u00a0x\u00a0 ").rules[0]?.comment, "\u00a0x\u00a0");
});

test("comments are kept with what they stand beside, positions are the line's own", () => {
  const file = parse(
    "cluster",
    "[ALIASES]\n  web 10.0.0.1 #  a # b \n[IPSET lan] # set\n!web #  entry\n[group gg]#g\n\tIN DROP # rule\n[RULES]\nIN DROP #",
  );
  assert.equal(file.aliases.get("web")?.comment, "a # b");
  assert.deepEqual(file.aliases.get("web")?.position, {
    file: "cluster.fw",
    line: 2,
    column: 3,
    pointer: "[ALIASES]",
  });
  assert.equal(file.sets.get("lan")?.comment, "set");
  assert.equal(file.sets.get("lan")?.entries[0]?.comment, "entry");
  assert.equal(file.groups.get("gg")?.comment, "g");
  assert.equal(file.groups.get("gg")?.rules[0]?.comment, "rule");
  assert.deepEqual(file.groups.get("gg")?.rules[0]?.position, {
    file: "cluster.fw",
    line: 6,
    column: 2,
    pointer: "[GROUP gg]",
  });
  assert.equal("comment" in (file.rules[0] ?? {}), false);
});

test("every line of the vectors' files is kept, a header, or ignored for a reason", (t) => {
  const vectors = proxmoxFiles(t);
  if (!vectors) return;
  assert.equal(vectors.length, 250);
  for (const { id, files } of vectors) {
    const dc = parse("cluster", files["cluster.fw"] ?? "");
    for (const [name, text] of Object.entries(files)) {
      const kind = name === "cluster.fw" ? "cluster" : name === "host.fw" ? "host" : "guest";
      const file = parseFirewallFile(kind, name, text, dc);
      const lines = text.split("\n").filter((line) => !/^\s*(?:#|\[.*\]$|$)/.test(line)).length;
      const sets = [...file.sets.values()].reduce((sum, { entries }) => sum + entries.length, 0);
      const groups = [...file.groups.values()].reduce((sum, { rules }) => sum + rules.length, 0);
      const found =
        file.options.size + file.aliases.size + sets + groups + file.rules.length + file.ignored.length;
      assert.equal(found, lines, `${id} ${name}`);
      for (const { reason } of file.ignored) assert.doesNotMatch(reason, /section|unknown from here/);
    }
  }
});

const PARTS = ["a", " ", "\r", "#", "[", "[ipset ]", "-p tcp ", "10.0.0.1,", "IN ACCEPT -source ", "1:", "!"];
const STARTS = [
  "[RULES]\n",
  "[RULES]\nIN ACCEPT -source ",
  "[IPSET lan]\n",
  "[ALIASES]\n",
  "[OPTIONS]\nenable: ",
];

function cpuSeconds(run: () => void): number {
  const before = process.threadCpuUsage();
  run();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1e6;
}

test("a long line, whatever it is made of, takes its time once", () => {
  for (const part of PARTS) {
    const text = part.repeat(Math.ceil(4_000_000 / part.length));
    for (const start of STARTS)
      assert.ok(cpuSeconds(() => parse("cluster", start + text)) < 2, `${start}${part}`);
  }
  assert.ok(cpuSeconds(() => parse("cluster", `[RULES]\nIN ACCEPT ${"x".repeat(50_000_000)}`)) < 5);
});

test("100,000 rules that name a set of 1,000 are read in 5 s at most", () => {
  const entries = Array.from({ length: 1000 }, (_, index) => `10.0.${index >> 8}.${index & 255}\n`);
  const rules = "IN ACCEPT -p tcp -source +lan -dport 80,443 # x\n".repeat(100_000);
  const text = `[IPSET lan]\n${entries.join("")}[RULES]\n${rules}`;
  const seconds = cpuSeconds(() => assert.equal(parse("cluster", text).rules.length, 100_000));
  assert.ok(seconds < 5, `${seconds} s`);
});
