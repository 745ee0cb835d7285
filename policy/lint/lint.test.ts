import assert from "node:assert/strict";
import { test } from "node:test";
import { type FirewallTexts, generalNode } from "../../fixtures/general-node.ts";
import { LINTS, type LintId } from "./catalogue.ts";
import { lint } from "./lint.ts";
import type { Node } from "../proxmox/node.ts";

type Files = Readonly<Record<string, string>>;

interface Case {
  /** What the case is about, where a lint has several. */
  readonly title?: string;
  readonly lint: LintId;
  readonly files: Files;
  /** `file:line` of each finding of that lint. */
  readonly at: readonly string[];
  /** Words of the first one. */
  readonly says?: RegExp;
  /** The same but for what is wrong. */
  readonly twin: Files;
  /** Changes the hardware. */
  readonly hardware?: (node: Node) => Node;
}

const cluster = (...lines: string[]) => ({ "cluster.fw": `[OPTIONS]\nenable: 1\n${lines.join("\n")}\n` });
const guest = (...lines: string[]) => ({ "100.fw": `[OPTIONS]\nenable: 1\n${lines.join("\n")}\n` });
const container = (...lines: string[]) => ({ "200.fw": `[OPTIONS]\nenable: 1\n${lines.join("\n")}\n` });
const rules = (...lines: string[]) => guest("[RULES]", ...lines);

/** Of guest 100 only net0 has firewall=1. */
const onlyFirst = (node: Node): Node => ({
  ...node,
  nics: node.nics.map((nic) => ({ ...nic, flagged: nic.guestId !== "100" || nic.index === 0 })),
});

const WEB = "IN ACCEPT -p tcp -dport 80";
const never = (title: string, line: string, says: RegExp, twin: string): Case => ({
  title,
  lint: "never-matches",
  files: rules(line),
  at: ["100.fw:4"],
  says,
  twin: rules(twin),
});

const CASES: readonly Case[] = [
  {
    lint: "duplicate-rule",
    files: rules(WEB, "IN ACCEPT -p 6 --dport http # again"),
    at: ["100.fw:5"],
    says: /"IN ACCEPT -p 6 -dport http" repeats "IN ACCEPT -p tcp -dport 80" \(100\.fw:4:1/,
    twin: rules(WEB, "IN ACCEPT -p udp --dport http"),
  },
  {
    title: "a group twice",
    lint: "duplicate-rule",
    files: { ...cluster("[GROUP web]", WEB), ...rules("GROUP web", "GROUP web -i net0") },
    at: ["100.fw:5"],
    twin: { ...cluster("[GROUP web]", WEB), ...rules("GROUP web -i net1", "GROUP web -i net0") },
  },
  {
    title: "over host.fw and cluster.fw",
    lint: "duplicate-rule",
    files: { ...cluster("[RULES]", WEB), "host.fw": `[RULES]\n${WEB}\n` },
    at: ["cluster.fw:4"],
    twin: { ...cluster("[RULES]", `${WEB} -i vmbr0`), "host.fw": `[RULES]\n${WEB} -i vmbr1\n` },
  },
  {
    lint: "shadowed-rule",
    files: rules("IN DROP -p tcp -source 10.0.0.0/8", "IN ACCEPT -p tcp -dport 80 -source 10.1.0.0/16"),
    at: ["100.fw:5"],
    says: /is never reached: "IN DROP [^"]*" \(100\.fw:4:1[^)]*\) takes all its packets, and contradicts it: DROP/,
    twin: rules("IN DROP -p tcp -source 10.0.0.0/8", "IN ACCEPT -p tcp -dport 80 -source 11.1.0.0/16"),
  },
  {
    title: "by the same verdict",
    lint: "shadowed-rule",
    files: rules("IN ACCEPT -p tcp -dport 1:1024", "IN SSH(ACCEPT)"),
    at: ["100.fw:5"],
    says: /takes all its packets, as it would: ACCEPT/,
    twin: rules("IN ACCEPT -p tcp -dport 1:1024", "OUT SSH(ACCEPT)"),
  },
  {
    title: "a macro by two rules",
    lint: "shadowed-rule",
    files: rules("IN ACCEPT -p udp -dport 53", "IN DROP -p tcp -dport 1:100", "IN DNS(ACCEPT)"),
    at: ["100.fw:6"],
    says: /take all its packets, and in part contradict it: DROP/,
    twin: rules("IN ACCEPT -p udp -dport 53", "IN DROP -p tcp -dport 1:50", "IN DNS(ACCEPT)"),
  },
  {
    title: "by a set without its exclusion",
    lint: "shadowed-rule",
    files: guest(
      "[IPSET lan]",
      "10.0.0.0/8",
      "!10.1.0.0/16",
      "[RULES]",
      "IN DROP -source +lan",
      `${WEB} -source 10.2.0.0/16`,
    ),
    at: ["100.fw:8"],
    twin: guest(
      "[IPSET lan]",
      "10.0.0.0/8",
      "!10.1.0.0/16",
      "[RULES]",
      "IN DROP -source +lan",
      `${WEB} -source 10.0.0.0/9`,
    ),
  },
  {
    title: "by a rule of a group",
    lint: "shadowed-rule",
    files: { ...cluster("[GROUP shut]", "IN DROP"), ...rules("GROUP shut", WEB) },
    at: ["100.fw:5"],
    twin: { ...cluster("[GROUP shut]", "IN DROP"), ...rules("GROUP shut -i net1", WEB) },
  },
  {
    title: "not by IPv4 alone",
    lint: "shadowed-rule",
    files: rules("IN DROP -source 0.0.0.0/0", "IN DROP -source ::/0", WEB),
    at: ["100.fw:6"],
    twin: rules("IN DROP -source 0.0.0.0/0", WEB),
  },
  never(
    "an empty set",
    "IN ACCEPT -source +dc/void",
    /the set \+dc\/void holds no address/,
    "IN ACCEPT -source +dc/lan",
  ),
  never(
    "two families",
    "IN ACCEPT -source +dc/lan -dest +dc/six",
    /no address of one family/,
    "IN ACCEPT -source +dc/lan -dest +dc/lan",
  ),
  never(
    "a broadcast source",
    "IN ACCEPT -source 172.16.1.255",
    /smurf filter/,
    "IN ACCEPT -source 172.16.1.254",
  ),
  never(
    "a multicast source",
    "IN ACCEPT -p udp -source 224.0.0.0/8",
    /smurf filter/,
    "OUT ACCEPT -p udp -source 224.0.0.0/8",
  ),
  never("the blacklist", "IN ACCEPT -source 203.0.113.7", /blacklist/, "IN ACCEPT -source 203.0.112.7"),
  never(
    "an ICMP error",
    "IN ACCEPT -p icmp -icmp-type host-unreachable",
    /opens no connection/,
    "IN ACCEPT -p icmp -icmp-type echo-request",
  ),
  never(
    "DHCP",
    "IN DROP -p udp -sport 67 -dport 68 -source 0.0.0.0/0",
    /DHCP is accepted before/,
    "OUT DROP -p udp -sport 67 -dport 68 -source 0.0.0.0/0",
  ),
  never(
    "neighbour discovery",
    "IN DROP -p icmpv6 -icmp-type router-advertisement",
    /neighbour discovery/,
    "IN DROP -p icmpv6 -icmp-type echo-request",
  ),
  never(
    "router advertisements",
    "OUT ACCEPT -p icmpv6 -icmp-type router-advertisement",
    /radv/,
    "OUT ACCEPT -p icmpv6 -icmp-type echo-request",
  ),
  never("a NIC that is not there", `${WEB} -i net3`, /guest 100 has no net3/, `${WEB} -i net2`),
  {
    title: "a NIC without firewall=1",
    lint: "never-matches",
    files: rules(`${WEB} -i net1`),
    at: ["100.fw:4"],
    says: /net1 of guest 100 has no firewall=1/,
    twin: rules(`${WEB} -i net0`),
    hardware: (node) => ({
      ...node,
      nics: node.nics.map((nic) => ({ ...nic, flagged: nic.place !== "100i1" })),
    }),
  },
  {
    title: "the IP filter",
    lint: "never-matches",
    files: container("ipfilter: 1", "[RULES]", "OUT DROP -source 10.9.9.9"),
    at: ["200.fw:5"],
    says: /IP filter/,
    twin: container("ipfilter: 1", "[RULES]", "OUT DROP -source 10.0.200.0/24"),
  },
  {
    title: "IGMP at the host",
    lint: "never-matches",
    files: cluster("[RULES]", "IN DROP -p igmp"),
    at: ["cluster.fw:4"],
    twin: rules("IN DROP -p igmp"),
  },
  {
    title: "a port of a bridge",
    lint: "never-matches",
    files: cluster("[RULES]", `${WEB} -i tap100i0`),
    at: ["cluster.fw:4"],
    twin: cluster("[RULES]", `${WEB} -i vmbr0`),
  },
  {
    title: "in a group, wherever it is used",
    lint: "never-matches",
    files: {
      ...cluster("[GROUP ra]", "OUT ACCEPT -p icmpv6 -icmp-type router-advertisement"),
      ...rules("GROUP ra"),
    },
    at: ["cluster.fw:4"],
    twin: {
      ...cluster("[GROUP ra]", "OUT ACCEPT -p icmpv6 -icmp-type router-advertisement", "[RULES]", "GROUP ra"),
      ...rules("GROUP ra"),
    },
  },
  {
    lint: "redundant-accept",
    files: rules("OUT ACCEPT -p tcp -dport 443", "OUT DROP -p tcp -dport 25"),
    at: ["100.fw:4"],
    says: /policy_out of guest 100 is ACCEPT, by default/,
    twin: rules("OUT ACCEPT -p tcp -dport 443", "OUT DROP -p tcp -dport 1:1024"),
  },
  {
    title: "at the host",
    lint: "redundant-accept",
    files: cluster("policy_in: ACCEPT", "[GROUP shut]", "IN DROP -p udp", "[RULES]", WEB, "GROUP shut"),
    at: ["cluster.fw:7"],
    twin: cluster("policy_in: ACCEPT", "[GROUP shut]", "IN DROP -p tcp", "[RULES]", WEB, "GROUP shut"),
  },
  {
    title: "by the same packets under another verdict",
    lint: "shadowed-rule",
    files: rules("IN ACCEPT -p tcp -sport 1000 -dport 80", "IN DROP -p tcp -sport 1000 -dport 80"),
    at: ["100.fw:5"],
    twin: rules("IN ACCEPT -p tcp -sport 1000 -dport 80", "IN DROP -p tcp -dport 80"),
  },
  {
    title: "by the earliest of several",
    lint: "shadowed-rule",
    files: rules(
      "IN DROP -p tcp -dest 11.0.0.0/8",
      WEB,
      "IN DROP -p tcp -dest 10.0.0.0/8",
      `${WEB} -dest 10.1.0.0/16`,
    ),
    at: ["100.fw:7"],
    says: /\(100\.fw:5:1/,
    twin: rules(`${WEB} -dest 10.0.0.0/8`, `${WEB} -dest 11.1.0.0/16`),
  },
  {
    title: "by the management set, of which the files do not say all",
    lint: "shadowed-rule",
    files: cluster(
      "[IPSET management]",
      "10.0.0.0/8",
      "[RULES]",
      "IN DROP -source +management",
      `${WEB} -source +management`,
    ),
    at: ["cluster.fw:7"],
    twin: cluster(
      "[IPSET management]",
      "10.0.0.0/8",
      "[RULES]",
      "IN DROP -source 10.0.0.0/8",
      `${WEB} -source +management`,
    ),
  },
  {
    title: "not by another such set, by a group that can't be written, or where it never matches",
    lint: "shadowed-rule",
    files: rules("IN DROP", WEB),
    at: ["100.fw:5"],
    twin: {
      ...cluster(
        "[IPSET lan]",
        "10.0.0.0/8",
        "[IPSET management]",
        "[GROUP bad]",
        "IN DROP",
        "OUT DROP -dest +guest/lan",
        "[RULES]",
        "GROUP bad",
        WEB,
      ),
      ...guest(
        "[IPSET ipfilter-net0]",
        "[RULES]",
        "IN DROP -source +management",
        `${WEB} -source +ipfilter-net0`,
        "IN DROP",
        `${WEB} -i net9`,
      ),
    },
  },
  {
    title: "not a group that is unknown or can't be written",
    lint: "duplicate-rule",
    files: { ...cluster("[GROUP web]", WEB, "[RULES]", "GROUP web -i vmbr0", "GROUP web -i vmbr0") },
    at: ["cluster.fw:7"],
    twin: cluster(
      "[IPSET lan]",
      "[GROUP bad]",
      "OUT DROP -dest +guest/lan",
      "[RULES]",
      "GROUP bad",
      "GROUP bad",
      "GROUP gone",
      "GROUP gone",
    ),
  },
  {
    title: "an ICMP error, but for nf_conntrack_allow_invalid",
    lint: "never-matches",
    files: rules("IN DROP -p icmp -icmp-type echo-reply"),
    at: ["100.fw:4"],
    twin: {
      ...rules("IN DROP -p icmp -icmp-type echo-reply"),
      "host.fw": "[OPTIONS]\nnf_conntrack_allow_invalid: 1\n",
    },
  },
  {
    title: "what options leave to the rules",
    lint: "never-matches",
    files: guest(
      "ndp: 0",
      "[RULES]",
      "OUT DROP -p icmpv6 -icmp-type router-advertisement",
      "|IN DROP -source +void",
    ),
    at: ["100.fw:5"],
    twin: {
      ...guest(
        "dhcp: 0",
        "ndp: 0",
        "radv: 1",
        "[RULES]",
        "IN DROP -p udp -sport 67 -dport 68 -source 0.0.0.0/0",
        "OUT DROP -p icmpv6 -icmp-type router-advertisement",
      ),
      "host.fw": "[OPTIONS]\nnosmurfs: 0\n[RULES]\nIN DROP -source 224.0.0.9\n",
    },
  },
  {
    title: "an IP filter without IPv4, over the NICs that have one",
    lint: "never-matches",
    files: guest("ipfilter: 1", "[RULES]", "OUT DROP -p icmp", "OUT DROP -source 10.0.0.1"),
    at: ["100.fw:5", "100.fw:6"],
    twin: guest(
      "[IPSET ipfilter-net0]",
      "10.0.0.1",
      "[RULES]",
      "OUT DROP -source 10.0.0.1",
      "OUT DROP -p tcp",
    ),
    hardware: onlyFirst,
  },
  {
    title: "the IP filter of the one NIC that has firewall=1",
    lint: "never-matches",
    files: guest("[IPSET ipfilter-net0]", "10.0.0.1", "[RULES]", "OUT DROP -source 10.9.9.9"),
    at: ["100.fw:6"],
    twin: guest("[RULES]", "OUT DROP -source 10.9.9.9"),
    hardware: onlyFirst,
  },
  {
    title: "in a group, by the interface of each use",
    lint: "never-matches",
    files: { ...cluster("[GROUP web]", WEB), ...rules("GROUP web -i net7") },
    at: ["cluster.fw:4"],
    twin: cluster("[IPSET lan]", "10.0.0.0/8", "[GROUP idle]", "IN Ping(DROP) -source +lan"),
  },
  {
    title: "loopback",
    lint: "never-matches",
    files: cluster("[RULES]", `${WEB} -i lo`),
    at: ["cluster.fw:4"],
    twin: cluster("[RULES]", `|${WEB} -i lo`),
  },
  {
    title: "under a policy that is declared",
    lint: "redundant-accept",
    files: guest(
      "policy_out: ACCEPT",
      "[RULES]",
      "OUT ACCEPT -source 10.1.0.0/16",
      "OUT DROP -source 10.2.0.0/16",
    ),
    at: ["100.fw:5"],
    says: /\(100\.fw:3:1/,
    twin: rules(
      "OUT ACCEPT -p tcp -dport 1:1024",
      "OUT ACCEPT -source 10.1.0.0/16",
      "OUT DROP -p tcp -dport 25 -source 10.0.0.0/8",
    ),
  },
  {
    title: "a guest's own NIC is no limit",
    lint: "any-to-any",
    files: rules("IN ACCEPT -i net0"),
    at: ["100.fw:4"],
    twin: cluster("[RULES]", "IN ACCEPT -i vmbr1"),
  },
  {
    title: "not of a rule that is lost",
    lint: "zero-is-any",
    files: rules("IN ACCEPT -p tcp -sport 0"),
    at: ["100.fw:4"],
    twin: rules("IN ACCEPT -p tcp -sport 0 -source +guest/lan"),
  },
  {
    title: "not what a group or the kernel makes worse",
    lint: "lost-rule",
    files: rules("OUT ACCEPT -dest +guest/lan"),
    at: ["100.fw:4"],
    twin: {
      ...cluster("[IPSET lan]", "[GROUP bad]", "OUT DROP -dest +guest/lan"),
      ...guest("[ALIASES]", "odd 10.0.0.0/33", "[RULES]", "IN DROP -source odd", "GROUP bad"),
    },
  },
  {
    lint: "any-to-any",
    files: rules("IN ACCEPT"),
    at: ["100.fw:4"],
    twin: rules("IN ACCEPT -source 10.0.0.0/8"),
  },
  {
    title: "all ports of tcp",
    lint: "any-to-any",
    files: rules("IN ACCEPT -p tcp -source 0.0.0.0/0"),
    at: ["100.fw:4"],
    twin: rules("IN ACCEPT -p icmp", "IN ACCEPT -p tcp -dport 22", "IN DROP"),
  },
  {
    lint: "zero-is-any",
    files: rules("IN ACCEPT -p tcp -dport 0"),
    at: ["100.fw:4"],
    says: /means any destination port/,
    twin: rules("IN ACCEPT -p tcp -dport 1", "IN ACCEPT -p icmp -dport 0"),
  },
  {
    lint: "lost-rule",
    files: rules("IN ACCEPT -source +guest/lan"),
    at: ["100.fw:4"],
    says: /is left out: source \+guest\/lan is not defined in that scope/,
    twin: rules("IN ACCEPT -source +dc/lan"),
  },
  {
    lint: "failing-group",
    files: {
      ...cluster("[IPSET lan]", "10.0.0.0/8", "[GROUP bad]", "IN ACCEPT -source +guest/lan"),
      ...rules("GROUP bad"),
      ...container("[RULES]", "GROUP bad"),
    },
    at: ["cluster.fw:6"],
    says: /leaves open net0 of guest 100 \(inbound and outbound\), .*net0 of guest 200 \(outbound\)/,
    twin: {
      ...cluster("[IPSET lan]", "10.0.0.0/8", "[GROUP bad]", "IN ACCEPT -source +dc/lan"),
      ...rules("GROUP bad"),
    },
  },
  {
    title: "by its name's length",
    lint: "failing-group",
    files: rules(`GROUP ${"g".repeat(19)}`),
    at: ["100.fw:4"],
    twin: rules("GROUP gone"),
  },
  {
    lint: "group-on-interface",
    files: cluster("[GROUP web]", WEB, "[RULES]", "GROUP web -i vmbr1"),
    at: ["cluster.fw:6"],
    twin: { ...cluster("[GROUP web]", WEB, "[RULES]", "GROUP web"), ...rules("GROUP web -i net0") },
  },
  {
    lint: "unknown-group",
    files: { ...cluster("[GROUP web]", WEB), ...rules("GROUP Web", "GROUP web") },
    at: ["100.fw:4"],
    says: /no group Web is defined; web is \(cluster\.fw:3:1/,
    twin: { ...cluster("[GROUP web]", WEB), ...rules("GROUP web") },
  },
  {
    lint: "unused-alias",
    files: guest("[ALIASES]", "lan 10.0.0.0/8"),
    at: ["100.fw:4"],
    twin: guest("[ALIASES]", "lan 10.0.0.0/8", "[IPSET here]", "LAN", "[RULES]", "|IN ACCEPT -source +here"),
  },
  {
    title: "that another one hides",
    lint: "unused-alias",
    files: {
      ...cluster("[ALIASES]", "lan 10.0.0.0/8"),
      ...guest("[ALIASES]", "lan 10.0.0.0/8", "[RULES]", "IN ACCEPT -source lan"),
    },
    at: ["cluster.fw:4"],
    twin: cluster("[ALIASES]", "local_network 172.16.1.0/24"),
  },
  {
    lint: "unused-set",
    files: cluster("[IPSET lan]", "10.0.0.0/8"),
    at: ["cluster.fw:3"],
    twin: {
      ...cluster("[IPSET lan]", "10.0.0.0/8", "[IPSET management]", "[IPSET blacklist]"),
      ...rules("IN DROP -dest +lan"),
    },
  },
  {
    title: "by a name that means nothing there",
    lint: "unused-set",
    files: {
      ...cluster("[IPSET ipfilter-net0]", "10.0.0.1"),
      ...guest("[IPSET blacklist]", "10.0.0.1", "[IPSET ipfilter-net7]", "10.0.0.1"),
    },
    at: ["100.fw:3", "100.fw:5", "cluster.fw:3"],
    says: /only in cluster\.fw/,
    twin: guest("[IPSET ipfilter-net0]", "10.0.0.1"),
  },
  {
    lint: "unused-group",
    files: cluster("[GROUP web]", WEB),
    at: ["cluster.fw:3"],
    twin: { ...cluster("[GROUP web]", WEB), ...rules("GROUP web") },
  },
  {
    lint: "ignored-line",
    files: rules("IN ACCEPT -p tcp -dport  80"),
    at: ["100.fw:4"],
    says: /Proxmox ignores "IN ACCEPT -p tcp -dport {2}80": exactly one space/,
    twin: rules(WEB),
  },
  {
    title: "a set of the SDN",
    lint: "remark",
    files: rules("IN ACCEPT -p tcp -source +sdn/all -dport 80"),
    at: ["100.fw:4"],
    says: /which phx does not read/,
    twin: rules(WEB),
  },
  {
    lint: "kernel-refuses",
    files: rules("IN ACCEPT -p udplite -dport 80", "IN ACCEPT -p udplite -dport 90:91"),
    at: ["100.fw:4", "100.fw:5"],
    twin: rules("IN ACCEPT -p udplite -dport 80,90", "IN ACCEPT -p udplite", WEB),
  },
  {
    title: "one network twice",
    lint: "kernel-refuses",
    files: guest("[IPSET blocked]", "10.0.0.5/24", "!10.0.0.0/24"),
    at: ["100.fw:3"],
    says: /holds one network twice: 10\.0\.0\.5\/24 and 10\.0\.0\.0\/24/,
    twin: guest("[IPSET blocked]", "10.0.0.5/24", "10.0.0.0/25"),
  },
  {
    title: "the local network twice",
    lint: "kernel-refuses",
    files: cluster("[IPSET management]", "172.16.1.9/24"),
    at: ["cluster.fw:3"],
    twin: cluster("[IPSET management]", "172.16.1.0/24", "172.16.2.9/24"),
  },
  {
    title: "/0 by an alias",
    lint: "kernel-refuses",
    files: guest("[ALIASES]", "all 0.0.0.0/0", "[IPSET everyone]", "all"),
    at: ["100.fw:5"],
    twin: guest("[ALIASES]", "all 0.0.0.0/0", "[RULES]", "IN DROP -source all"),
  },
  {
    title: "a prefix out of range",
    lint: "kernel-refuses",
    files: guest("[ALIASES]", "odd 10.0.0.0/33", "[RULES]", "IN DROP -source odd"),
    at: ["100.fw:4"],
    twin: guest("[ALIASES]", "odd 10.0.0.0/32", "[RULES]", "IN DROP -source odd"),
  },
  {
    lint: "forward-rule",
    files: cluster("[RULES]", "FORWARD DROP -p tcp"),
    at: ["cluster.fw:4"],
    twin: cluster("[RULES]", "IN DROP -p tcp"),
  },
  {
    lint: "unfiltered-guest",
    files: { "100.fw": "[OPTIONS]\nenable: 0\n" },
    at: ["100.fw:2"],
    twin: guest(),
  },
  {
    title: "a NIC without firewall=1",
    lint: "unfiltered-guest",
    files: guest(),
    at: ["world:1"],
    says: /net1 of guest 100 is not filtered/,
    twin: guest(),
    hardware: (node) => ({
      ...node,
      nics: node.nics.map((nic) => ({ ...nic, flagged: nic.place !== "100i1" })),
    }),
  },
  {
    lint: "firewall-off",
    files: { "cluster.fw": "[OPTIONS]\nenable: 0\n", "host.fw": "[OPTIONS]\nenable: 0\n" },
    at: ["cluster.fw:2", "host.fw:2"],
    twin: { "host.fw": "[OPTIONS]\nenable: 1\n" },
  },
  {
    lint: "enable-is-time",
    files: { "cluster.fw": "[OPTIONS]\nenable: 2\n" },
    at: ["cluster.fw:2"],
    twin: cluster(),
  },
  {
    lint: "other-firewall",
    files: { "host.fw": "[OPTIONS]\nnftables: 1\n" },
    at: ["host.fw:2"],
    twin: { "host.fw": "[OPTIONS]\nnftables: 0\n" },
  },
  {
    lint: "open-policy",
    files: guest("policy_in: accept"),
    at: ["100.fw:3"],
    twin: guest("policy_in: REJECT", "policy_out: ACCEPT"),
  },
  {
    lint: "option-without-effect",
    files: cluster("policy_forward: DROP"),
    at: ["cluster.fw:3"],
    twin: cluster("policy_in: DROP"),
  },
  {
    title: "at the host and a guest",
    lint: "option-without-effect",
    files: {
      "host.fw":
        "[OPTIONS]\ntcp_flags_log_level: info\nprotection_synflood_rate: 9\nnf_conntrack_max: 40000\n",
      ...guest("ips_queues: 0", "ipfilter: 0", "[IPSET ipfilter-net0]", "10.0.0.1"),
    },
    at: ["100.fw:3", "100.fw:4", "host.fw:2", "host.fw:3", "host.fw:4"],
    twin: {
      "host.fw":
        "[OPTIONS]\ntcpflags: 1\ntcp_flags_log_level: info\nprotection_synflood: 1\nprotection_synflood_rate: 9\nnf_conntrack_max: 400000\n",
      ...guest("ips: 1", "ips_queues: 0", "ipfilter: 0"),
    },
  },
  {
    lint: "ipfilter-blocks-all",
    files: guest("ipfilter: 1"),
    at: ["100.fw:3", "100.fw:3", "100.fw:3"],
    twin: { ...container("ipfilter: 1"), ...guest("[IPSET ipfilter-net0]", "2001:db8::1") },
  },
  {
    lint: "shared-mac",
    files: {},
    at: ["world:1"],
    twin: {},
    hardware: (node) => ({
      ...node,
      nics: node.nics.map((nic) => ({
        ...nic,
        mac: nic.bridge === "vmbr0" && nic.kind === "vm" ? "02:00:00:00:00:01" : nic.mac,
      })),
    }),
  },
  {
    lint: "shared-address",
    files: {},
    at: ["world:1"],
    twin: {},
    hardware: (node) => ({
      ...node,
      nics: node.nics.map((nic) => ({ ...nic, addresses: nic.kind === "lxc" ? ["10.0.200.1"] : [] })),
    }),
  },
  { lint: "rule-without-comment", files: rules(WEB), at: ["100.fw:4"], twin: rules(`${WEB} # the shop`) },
  { lint: "disabled-rule", files: rules(`|${WEB}`), at: ["100.fw:4"], twin: rules(WEB) },
  {
    lint: "silent-reject",
    files: rules("IN REJECT -p icmp"),
    at: ["100.fw:4"],
    twin: rules("IN DROP -p icmp", "IN REJECT -p tcp", "IN REJECT", "IN Trcrt(REJECT)"),
  },
  {
    lint: "wrong-end",
    files: container("[RULES]", `${WEB} -dest 10.0.200.9`, "IN DROP -source 10.0.200.1"),
    at: ["200.fw:4", "200.fw:5"],
    says: /its dest is no address of guest 200/,
    twin: container(
      "[RULES]",
      `${WEB} -dest 10.0.200.0/28`,
      "IN DROP -source 10.0.200.2",
      "OUT DROP -dest 224.0.0.9 -source 0.0.0.0",
    ),
  },
  {
    lint: "unknown-interface",
    files: cluster("[RULES]", `${WEB} -i vmbr9`),
    at: ["cluster.fw:4"],
    twin: cluster("[RULES]", `${WEB} -i vmbr2`),
  },
  {
    lint: "weak-option",
    files: {
      ...guest("macfilter: 0", "radv: 1"),
      "host.fw": "[OPTIONS]\nnosmurfs: 0\nnf_conntrack_allow_invalid: 1\n",
    },
    at: ["100.fw:3", "100.fw:4", "host.fw:2", "host.fw:3"],
    twin: { ...guest("macfilter: 1", "radv: 0"), "host.fw": "[OPTIONS]\nnosmurfs: 1\n" },
  },
  {
    lint: "secret-in-file",
    files: guest("api_token: hunter2"),
    at: ["100.fw:3"],
    says: /^api_token holds a secret$/,
    twin: guest("public_key: any", "password:"),
  },
  {
    lint: "hidden-name",
    files: { ...cluster("[ALIASES]", "lan 10.0.0.0/8"), ...guest("[ALIASES]", "LAN 10.1.0.0/16") },
    at: ["100.fw:4"],
    twin: { ...cluster("[ALIASES]", "lan 10.0.0.0/8"), ...guest("[ALIASES]", "lan2 10.1.0.0/16") },
  },
];

/** Names that some cases use. */
const SHARED = [
  "[IPSET void]",
  "!10.0.0.0/8",
  "[IPSET lan]",
  "10.0.0.0/8",
  "[IPSET six]",
  "2001:db8::/32",
  "[IPSET blacklist]",
  "203.0.113.0/24",
];

function nodeOf(files: Files, hardware: Case["hardware"] = (node) => node): Node {
  const given: FirewallTexts = "cluster.fw" in files ? files : { ...cluster(...SHARED), ...files };
  return hardware(generalNode(given));
}

/** `file:line` of one lint's findings in files that the case gives; that guests have no file is no case's point. */
function findingsOf(files: Files, id: LintId, hardware?: Case["hardware"]) {
  const { findings } = lint(nodeOf(files, hardware), { kind: "proxmox", notes: [] });
  const own = findings.filter(
    ({ lint: each, message, position }) =>
      each === id &&
      !message.endsWith("has no firewall") &&
      (position.file in files || position.file === "world"),
  );
  return { own, at: own.map(({ position }) => `${position.file}:${position.line}`) };
}

for (const { title, lint: id, files, at, says = /./, twin, hardware } of CASES) {
  test(`${id}${title ? `: ${title}` : ""}`, () => {
    const found = findingsOf(files, id, hardware);
    assert.deepEqual(found.at, at);
    assert.match(found.own[0]?.message ?? "", says);
    assert.equal(found.own[0]?.level, LINTS[id].level);
    const isOfHardware = JSON.stringify(files) === JSON.stringify(twin);
    assert.deepEqual(findingsOf(twin, id, isOfHardware ? undefined : hardware).at, []);
  });
}

/** Lints that no .fw file of the general world shows: other tests have them. */
const ELSEWHERE: readonly LintId[] = ["forgeable-source", "remark", "unchecked"];

test("nothing follows from hardware that had to be assumed, nor from an address that is not known", () => {
  const files = {
    ...guest("ipfilter: 1", "[RULES]", `${WEB} -i net3`),
    ...container("[RULES]", `${WEB} -dest 10.9.9.9`),
  };
  const idsOf = (hardware: Case["hardware"]) => {
    const { findings } = lint(nodeOf(files, hardware), { kind: "proxmox", notes: [] });
    return new Set(findings.map((each) => each.lint));
  };
  const known = idsOf(undefined);
  for (const id of ["never-matches", "ipfilter-blocks-all", "wrong-end"] as const)
    assert.ok(known.has(id), id);
  const assumed = idsOf((node) => ({
    ...node,
    nics: node.nics.map((nic) => ({ ...nic, position: { ...nic.position, file: `${nic.guestId}.fw` } })),
  }));
  for (const id of ["never-matches", "ipfilter-blocks-all", "wrong-end"] as const)
    assert.ok(!assumed.has(id), id);
  const unaddressed = idsOf((node) => ({
    ...node,
    nics: node.nics.flatMap((nic) =>
      nic.guestId === "200" ? [nic, { ...nic, index: 1, addresses: [] }] : [nic],
    ),
  }));
  assert.ok(!unaddressed.has("wrong-end"));
});

test("one MAC on two bridges is no finding", () => {
  const sharing = (...places: string[]) => {
    const node = nodeOf({}, (given) => ({
      ...given,
      nics: given.nics.map((nic) =>
        places.includes(nic.place) ? { ...nic, mac: "02:00:00:00:00:01" } : nic,
      ),
    }));
    const { findings } = lint(node, { kind: "proxmox", notes: [] });
    return findings.filter((each) => each.lint === "shared-mac").length;
  };
  assert.deepEqual([sharing("101", "110"), sharing("100i1", "110")], [0, 1]);
});

test("every lint has a case", () => {
  const shown = new Set<string>([...CASES.map((each) => each.lint), ...ELSEWHERE]);
  assert.deepEqual(
    Object.keys(LINTS).filter((id) => !shown.has(id)),
    [],
  );
});
