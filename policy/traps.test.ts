import assert from "node:assert/strict";
import { test } from "node:test";
import { type FirewallTexts, generalNode } from "../fixtures/general-node.ts";
import { decideOn } from "./decide.ts";
import { explainDecision } from "./explain.ts";
import type { Flow } from "./flow.ts";

type Verdict = "accept" | "drop" | "reject";
type Case = readonly [why: string, files: FirewallTexts, flow: Partial<Flow>, verdict: Verdict];
type Trap = readonly [words: string, ...cases: readonly Case[]];

/** From beyond the uplink to VM 101. */
const FLOW: Flow = {
  from: "outside",
  to: "101",
  proto: "tcp",
  source: "100.100.1.2",
  dest: "100.200.3.4",
  sport: 40000,
  dport: 12345,
};
const TO_HOST = { to: "host", dest: "172.16.1.2" } as const;
const FROM_HOST = { from: "host", to: "outside", source: "172.16.1.2" } as const;
const FROM_101 = { from: "101", to: "outside" } as const;
const LOCAL = "172.16.1.9";
const PING = { proto: "icmp" } as const;
const V6 = { source: "2001:db8::2", dest: "2001:db8::4" } as const;
const FOREIGN = { ...FROM_101, sourceMac: "02:00:00:00:00:01" } as const;

/** cluster.fw with the firewall on. */
function cluster(body: string, options = ""): FirewallTexts {
  return { "cluster.fw": `[OPTIONS]\nenable: 1\n${options}\n${body}\n` };
}

/** 101.fw with its firewall on. */
function guest(rules: string, options = "", more: FirewallTexts = {}): FirewallTexts {
  return { "101.fw": `[OPTIONS]\nenable: 1\n${options}\n[RULES]\n${rules}\n`, ...more };
}

/** 101.fw with sections before its rules. */
function guestWith(sections: string, rules: string, more: FirewallTexts = {}): FirewallTexts {
  return { "101.fw": `[OPTIONS]\nenable: 1\n${sections}\n[RULES]\n${rules}\n`, ...more };
}

const EUI64 = "fe80::c0b:38ff:feb8:b322";

const SET = guestWith(
  "[IPSET web]\n!10.1.2.3\n10.1.2.0/24\n!10.1.0.0/16\n10.0.0.0/8",
  "IN ACCEPT -source +web",
);
const ALLOW_INVALID = { "host.fw": "[OPTIONS]\nnf_conntrack_allow_invalid: 1\n" };
const MANAGEMENT = cluster("[IPSET management]\n100.200.3.4", "policy_out: DROP");

/** `web` is 100.100.1.2 to the cluster, 100.100.1.3 to VM 101. */
function shadowed(rules: string): FirewallTexts {
  const shared = cluster("[ALIASES]\nweb 100.100.1.2\n[group gg]\nIN ACCEPT -source web");
  return guestWith("[ALIASES]\nweb 100.100.1.3", rules, shared);
}

/** The numbers are those of `pve-firewall.md` section 13. */
const TRAPS: Readonly<Record<number, Trap>> = {
  3: ["-dport 0 means any port", ["", guest("IN ACCEPT -p tcp -dport 0"), {}, "accept"]],
  4: [
    "dhcp is on unless it is 0, before macfilter and ipfilter",
    [
      "a foreign MAC asks for a lease",
      guest(""),
      { ...FOREIGN, proto: "udp", sport: 68, dport: 67 },
      "accept",
    ],
    ["a foreign MAC with tcp", guest(""), FOREIGN, "drop"],
    ["dhcp: 0", guest("", "dhcp: 0"), { ...FOREIGN, proto: "udp", sport: 68, dport: 67 }, "drop"],
    ["ipfilter too", guest("", "ipfilter: 1"), { ...FROM_101, proto: "udp", sport: 68, dport: 67 }, "accept"],
  ],
  5: [
    "ipfilter: 1 on a VM blocks all its IPv4",
    ["IPv4", guest("", "ipfilter: 1"), FROM_101, "drop"],
    ["IPv6", guest("", "ipfilter: 1"), { ...FROM_101, ...V6 }, "drop"],
    ["its own link-local", guest("", "ipfilter: 1"), { ...FROM_101, ...V6, source: EUI64 }, "accept"],
    ["another link-local", guest("", "ipfilter: 1"), { ...FROM_101, ...V6, source: "fe80::1" }, "drop"],
    [
      "a container's own",
      { "200.fw": "[OPTIONS]\nenable: 1\nipfilter: 1\n" },
      { from: "200", to: "outside", source: "10.0.200.1" },
      "accept",
    ],
  ],
  6: [
    "a mere [IPSET ipfilter-net0] filters net0",
    ["listed", guestWith("[IPSET ipfilter-net0]\n100.100.1.2", ""), FROM_101, "accept"],
    ["not listed", guestWith("[IPSET ipfilter-net0]\n100.100.1.3", ""), FROM_101, "drop"],
    ["empty", guestWith("[IPSET ipfilter-net0]", ""), FROM_101, "drop"],
    [
      "net0 is not net1",
      { "100.fw": "[OPTIONS]\nenable: 1\n[IPSET ipfilter-net0]\n" },
      { from: "100i1", to: "110" },
      "accept",
    ],
    ["in cluster.fw", guest("", "", cluster("[IPSET ipfilter-net0]\n100.100.1.3")), FROM_101, "accept"],
  ],
  7: [
    "no rule beats macfilter, ipfilter or ESTABLISHED",
    ["macfilter", guest("OUT ACCEPT"), FOREIGN, "drop"],
    ["ipfilter", guest("OUT ACCEPT", "ipfilter: 1"), FROM_101, "drop"],
    ["ESTABLISHED", guest("IN DROP"), { state: "ESTABLISHED" }, "accept"],
  ],
  8: [
    "blacklist protects a flagged guest whose firewall is off, inbound only",
    ["no 101.fw", cluster("[IPSET blacklist]\n100.100.1.2"), {}, "drop"],
    [
      "enable: 0",
      { ...cluster("[IPSET blacklist]\n100.100.1.2"), "101.fw": "[OPTIONS]\nenable: 0\n" },
      {},
      "drop",
    ],
    ["another source", cluster("[IPSET blacklist]\n100.100.1.3"), {}, "accept"],
    ["outbound", cluster("[IPSET blacklist]\n100.100.1.2"), FROM_101, "accept"],
    ["ESTABLISHED", cluster("[IPSET blacklist]\n100.100.1.2"), { state: "ESTABLISHED" }, "accept"],
    ["in 101.fw", guestWith("policy_in: ACCEPT\n[IPSET blacklist]\n100.100.1.2", ""), {}, "accept"],
    ["before a rule", guest("IN ACCEPT", "", cluster("[IPSET blacklist]\n100.100.1.2")), {}, "drop"],
  ],
  9: [
    "rules precede the management exceptions",
    ["ssh", {}, { ...TO_HOST, source: LOCAL, dport: 22 }, "accept"],
    ["cluster IN DROP", cluster("[RULES]\nIN DROP"), { ...TO_HOST, source: LOCAL, dport: 22 }, "drop"],
    [
      "host IN REJECT",
      { "host.fw": "[RULES]\nIN REJECT" },
      { ...TO_HOST, source: LOCAL, dport: 22 },
      "reject",
    ],
  ],
  10: [
    "cluster.fw's rules and policies are not the guests'",
    ["rules", guest("", "", cluster("[RULES]\nIN ACCEPT")), {}, "drop"],
    ["policies", guest("", "", cluster("", "policy_in: ACCEPT")), {}, "drop"],
    ["policy_out", guest("", "", cluster("", "policy_out: DROP")), FROM_101, "accept"],
    ["a group is shared", guest("GROUP gg", "", cluster("[group gg]\nIN ACCEPT")), {}, "accept"],
  ],
  11: [
    "host.fw's rules before cluster.fw's",
    ["host ACCEPT", { ...cluster("[RULES]\nIN DROP"), "host.fw": "[RULES]\nIN ACCEPT" }, TO_HOST, "accept"],
    ["host DROP", { ...cluster("[RULES]\nIN ACCEPT"), "host.fw": "[RULES]\nIN DROP" }, TO_HOST, "drop"],
  ],
  12: [
    "case: groups and sets lower, aliases any, verdicts upper, macros any",
    ["GROUP WebSrv", guest("GROUP WebSrv", "", cluster("[group WebSrv]\nIN ACCEPT")), {}, "drop"],
    ["GROUP websrv", guest("GROUP websrv", "", cluster("[group WebSrv]\nIN ACCEPT")), {}, "accept"],
    ["+MySet", guestWith("[IPSET MySet]\n100.100.1.2", "IN ACCEPT -source +MySet"), {}, "drop"],
    ["+myset", guestWith("[IPSET MySet]\n100.100.1.2", "IN ACCEPT -source +myset"), {}, "accept"],
    ["an alias", guestWith("[ALIASES]\nMyHost 100.100.1.2", "IN ACCEPT -source mYhOST"), {}, "accept"],
    ["IN accept", guest("IN accept"), {}, "drop"],
    ["in ACCEPT", guest("in ACCEPT"), {}, "accept"],
    ["http(ACCEPT)", guest("IN hTTp(ACCEPT)"), { dport: 80 }, "accept"],
    ["HTTP(accept)", guest("IN HTTP(accept)"), { dport: 80 }, "drop"],
  ],
  13: [
    "one space inside an option, one blank in an alias line",
    ["-dport  80", guest("IN ACCEPT -p tcp -dport  80"), { dport: 80 }, "drop"],
    ["a tab", guest("IN ACCEPT -p tcp -dport\t80"), { dport: 80 }, "drop"],
    ["blanks between options", guest("IN  ACCEPT   -p tcp \t -dport 80"), { dport: 80 }, "accept"],
    ["two blanks in an alias", guestWith("[ALIASES]\nweb  100.100.1.2", "IN ACCEPT -source web"), {}, "drop"],
  ],
  14: [
    "a trailing comment kills options and plain headers",
    ["enable: 1 # on", { "101.fw": "[OPTIONS]\nenable: 1 # on\n" }, {}, "accept"],
    ["[RULES] # all", { "101.fw": "[OPTIONS]\nenable: 1\n[RULES] # all\nIN ACCEPT\n" }, {}, "drop"],
    ["a rule", guest("IN ACCEPT # all"), {}, "accept"],
    ["[group gg] # web", guest("GROUP gg # use", "", cluster("[group gg] # web\nIN ACCEPT")), {}, "accept"],
    ["an entry", guestWith("[IPSET web] # set\n100.100.1.2 # one", "IN ACCEPT -source +web"), {}, "accept"],
  ],
  15: [
    "forward references in cluster.fw fail for aliases and sets, not for groups",
    ["an alias", cluster("[RULES]\nIN ACCEPT -source web\n[ALIASES]\nweb 100.100.1.2"), TO_HOST, "drop"],
    [
      "the alias before",
      cluster("[ALIASES]\nweb 100.100.1.2\n[RULES]\nIN ACCEPT -source web"),
      TO_HOST,
      "accept",
    ],
    ["a set", cluster("[RULES]\nIN ACCEPT -source +web\n[IPSET web]\n100.100.1.2"), TO_HOST, "drop"],
    ["a group", cluster("[RULES]\nGROUP gg\n[group gg]\nIN ACCEPT"), TO_HOST, "accept"],
  ],
  16: [
    "local_network and +management are no names unless the user defines them",
    [
      "local_network",
      cluster("[RULES]\nIN ACCEPT -source local_network"),
      { ...TO_HOST, source: LOCAL },
      "drop",
    ],
    ["+management", cluster("[RULES]\nIN ACCEPT -source +management"), { ...TO_HOST, source: LOCAL }, "drop"],
    [
      "defined",
      cluster("[ALIASES]\nlocal_network 172.16.1.0/24\n[RULES]\nIN ACCEPT -source local_network"),
      { ...TO_HOST, source: LOCAL },
      "accept",
    ],
    [
      "defined, and filled",
      cluster("[IPSET management]\n[RULES]\nIN ACCEPT -source +management"),
      { ...TO_HOST, source: LOCAL },
      "accept",
    ],
  ],
  17: [
    "REJECT on ICMP, to broadcast or from multicast is a DROP",
    ["ping", guest("IN REJECT"), PING, "drop"],
    ["broadcast", guest("IN REJECT"), { source: LOCAL, dest: "172.16.1.255" }, "drop"],
    ["multicast source", guest("OUT REJECT"), { ...FROM_101, source: "224.0.0.5" }, "drop"],
    ["tcp", guest("IN REJECT"), {}, "reject"],
  ],
  18: [
    "policy REJECT still drops what a rule REJECT rejects",
    ["rule, udp 1900", guest("IN REJECT"), { proto: "udp", dport: 1900 }, "reject"],
    ["policy, udp 1900", guest("", "policy_in: REJECT"), { proto: "udp", dport: 1900 }, "drop"],
    ["policy, udp from 53", guest("", "policy_in: REJECT"), { proto: "udp", sport: 53 }, "drop"],
    ["rule, udp from 53", guest("IN REJECT"), { proto: "udp", sport: 53 }, "reject"],
    ["policy, a bare ACK", guest("", "policy_in: REJECT"), { flags: ["ACK"] }, "drop"],
    ["rule, a bare ACK", guest("IN REJECT"), { flags: ["ACK"] }, "reject"],
    ["policy, multicast", guest("", "policy_in: REJECT"), { proto: "udp", dest: "224.1.1.1" }, "drop"],
    ["policy, tcp", guest("", "policy_in: REJECT"), {}, "reject"],
  ],
  19: [
    "host bits: an error in a rule, fine in a set or alias",
    ["rule", guest("IN ACCEPT -source 100.100.1.5/24"), {}, "drop"],
    ["set", guestWith("[IPSET web]\n100.100.1.5/24", "IN ACCEPT -source +web"), {}, "accept"],
    ["alias", guestWith("[ALIASES]\nweb 100.100.1.5/24", "IN ACCEPT -source web"), {}, "accept"],
  ],
  20: [
    "! is the longest prefix, whatever the order",
    ["10/8", SET, { source: "10.9.9.9" }, "accept"],
    ["!10.1/16", SET, { source: "10.1.9.9" }, "drop"],
    ["10.1.2/24", SET, { source: "10.1.2.4" }, "accept"],
    ["!10.1.2.3", SET, { source: "10.1.2.3" }, "drop"],
  ],
  21: [
    "a /0 entry is dropped from a set, 0.0.0.0/0 is fine in a rule",
    ["set", guestWith("[IPSET all]\n0.0.0.0/0", "IN ACCEPT -source +all"), {}, "drop"],
    ["rule", guest("IN ACCEPT -source 0.0.0.0/0"), {}, "accept"],
  ],
  22: [
    "an ICMP type by number works in -dport alone, and with the name icmp alone",
    ["-icmp-type 8", guest("IN ACCEPT -p icmp -icmp-type 8"), PING, "drop"],
    ["-icmp-type echo-request", guest("IN ACCEPT -p icmp -icmp-type echo-request"), PING, "accept"],
    ["-dport 8", guest("IN ACCEPT -p icmp -dport 8"), PING, "accept"],
    ["-p 1 -dport 8", guest("IN ACCEPT -p 1 -dport 8"), PING, "drop"],
    ["-p 1", guest("IN ACCEPT -p 1"), PING, "accept"],
  ],
  23: [
    "a macro never supplies the missing -p",
    ["without", guest("IN SSH(ACCEPT) -sport 1000"), { sport: 1000, dport: 22 }, "drop"],
    ["with", guest("IN SSH(ACCEPT) -p tcp -sport 1000"), { sport: 1000, dport: 22 }, "accept"],
  ],
  24: [
    "a rule without address or ICMP is for IPv6 too",
    ["", guest("IN ACCEPT -p tcp -dport 80"), { ...V6, dport: 80 }, "accept"],
    ["with an address", guest("IN ACCEPT -p tcp -dport 80 -source 0.0.0.0/0"), { ...V6, dport: 80 }, "drop"],
  ],
  25: [
    "a guest's definitions shadow the cluster's, but not inside groups",
    ["shadowed", shadowed("IN ACCEPT -source web"), { source: "100.100.1.3" }, "accept"],
    ["the cluster's", shadowed("IN ACCEPT -source web"), {}, "drop"],
    ["dc/", shadowed("IN ACCEPT -source dc/web"), {}, "accept"],
    ["in a group", shadowed("GROUP gg"), {}, "accept"],
    ["in a group, the guest's", shadowed("GROUP gg"), { source: "100.100.1.3" }, "drop"],
  ],
  26: [
    "an unknown header ends no section",
    ["[group x] in 101.fw", guest("[group x]\nIN ACCEPT"), {}, "accept"],
    ["[IPSET x] in host.fw", { "host.fw": "[RULES]\n[IPSET x]\nIN ACCEPT" }, TO_HOST, "accept"],
  ],
  27: [
    "the last definition wins, in a set the first entry",
    ["group", guest("GROUP gg", "", cluster("[group gg]\nIN ACCEPT\n[group gg]\nIN DROP")), {}, "drop"],
    [
      "set",
      guestWith("[IPSET web]\n100.100.1.2\n[IPSET web]\n100.100.1.3", "IN ACCEPT -source +web"),
      {},
      "drop",
    ],
    [
      "entry",
      guestWith("[IPSET web]\n100.100.0.0/16\n!100.100.0.0/16", "IN ACCEPT -source +web"),
      {},
      "accept",
    ],
  ],
  28: [
    "nf_conntrack_allow_invalid is for FORWARD alone",
    ["a guest", guest("IN ACCEPT", "", ALLOW_INVALID), { flags: ["RST"] }, "accept"],
    ["a guest without it", guest("IN ACCEPT"), { flags: ["RST"] }, "drop"],
    [
      "the host",
      { ...cluster("[RULES]\nIN ACCEPT"), ...ALLOW_INVALID },
      { ...TO_HOST, flags: ["RST"] },
      "drop",
    ],
    [
      "from the host",
      { ...cluster("[RULES]\nOUT ACCEPT"), ...ALLOW_INVALID },
      { ...FROM_HOST, flags: ["RST"] },
      "drop",
    ],
  ],
  29: [
    "IGMP is accepted for the host, not for guests",
    ["host", {}, { ...TO_HOST, proto: 2 }, "accept"],
    ["from the host", cluster("", "policy_out: DROP"), { ...FROM_HOST, proto: 2 }, "accept"],
    ["guest", guest(""), { proto: 2 }, "drop"],
  ],
  30: [
    "-i of the host names the bridge",
    ["eth0", cluster("[RULES]\nIN ACCEPT -i eth0"), TO_HOST, "drop"],
    ["vmbr0", cluster("[RULES]\nIN ACCEPT -i vmbr0"), TO_HOST, "accept"],
    ["fwbr", cluster("[RULES]\nIN ACCEPT -i tap101i0"), { ...TO_HOST, from: "101" }, "drop"],
  ],
  31: [
    "migration ports are open inbound from management alone; outbound asks local_network",
    ["inbound", {}, { ...TO_HOST, source: LOCAL, dport: 60000 }, "accept"],
    ["inbound from elsewhere", {}, { ...TO_HOST, dport: 60000 }, "drop"],
    ["outbound", cluster("", "policy_out: DROP"), { ...FROM_HOST, dest: LOCAL, dport: 60000 }, "drop"],
    ["outbound ssh", cluster("", "policy_out: DROP"), { ...FROM_HOST, dest: LOCAL, dport: 22 }, "accept"],
    ["management inbound", MANAGEMENT, { ...TO_HOST, source: "100.200.3.4", dport: 22 }, "accept"],
    ["management outbound", MANAGEMENT, { ...FROM_HOST, dport: 22 }, "drop"],
  ],
  33: [
    "enable: 2 is ignored in a guest's and the host's file, and off in the cluster's",
    ["guest", { "101.fw": "[OPTIONS]\nenable: 2\n" }, {}, "accept"],
    ["host", { "host.fw": "[OPTIONS]\nenable: 2\n" }, TO_HOST, "drop"],
    ["host, 0", { "host.fw": "[OPTIONS]\nenable: 0\n" }, TO_HOST, "accept"],
    ["cluster", { "cluster.fw": "[OPTIONS]\nenable: 2\n" }, TO_HOST, "accept"],
  ],
  34: [
    "a log setting changes no verdict",
    ["rule", guest("IN ACCEPT -log emerg -p tcp -dport 80"), { dport: 80 }, "accept"],
    ["policy", guest("", "log_level_in: emerg"), {}, "drop"],
    [
      "options of the host",
      { "host.fw": "[OPTIONS]\nlog_level_in: info\nsmurf_log_level: err\n" },
      TO_HOST,
      "drop",
    ],
  ],
  36: [
    "smurfs are filtered unless nosmurfs is 0, by the host's own broadcast addresses",
    ["on", guest("IN ACCEPT"), { source: "172.16.1.255" }, "drop"],
    [
      "nosmurfs: 0",
      guest("IN ACCEPT", "", { "host.fw": "[OPTIONS]\nnosmurfs: 0\n" }),
      { source: "172.16.1.255" },
      "accept",
    ],
    ["another network's broadcast", guest("IN ACCEPT"), { source: "10.0.0.255" }, "accept"],
    ["all ones", guest("IN ACCEPT"), { source: "255.255.255.255" }, "drop"],
    ["multicast", guest("IN ACCEPT"), { source: "224.0.0.9" }, "drop"],
    ["none", guest("IN ACCEPT"), { source: "0.0.0.0" }, "accept"],
  ],
};

/** 1 and 2 break what holds of other rules: properties.test.ts. 35: standing.test.ts. */
const ELSEWHERE = [1, 2, 35];
/** The kernel refuses the rules that these make: no packet is decided by them. */
const NO_DECISION = [32];

for (const [number, [words, ...cases]] of Object.entries(TRAPS))
  test(`trap ${number}: ${words}`, () => {
    for (const [why, files, flow, verdict] of cases) {
      const decision = decideOn(generalNode(files), { ...FLOW, ...flow });
      assert.equal(decision.verdict, verdict, `${why}: ${explainDecision(decision)}`);
    }
  });

test("every trap has a test", () => {
  const told = [...Object.keys(TRAPS).map(Number), ...ELSEWHERE, ...NO_DECISION];
  assert.deepEqual(
    told.sort((a, b) => a - b),
    Array.from({ length: 36 }, (_, index) => index + 1),
  );
});
