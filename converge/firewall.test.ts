import assert from "node:assert/strict";
import { test } from "node:test";
import { smallEstate } from "../fixtures/estates/small.ts";
import { CLEAR, clusterText, compiled, guestText, hooked, linesOf } from "../fixtures/compiled.ts";
import { generalNode } from "../fixtures/general-node.ts";
import { type Node, nodeOf } from "../policy/proxmox/node.ts";
import { compileFirewall } from "./firewall.ts";

const RULES = [
  { type: "in", action: "ACCEPT", proto: "tcp", source: "10.0.0.12,10.0.0.153", port: "80,443" },
  { type: "in", action: "ACCEPT", proto: "udp", source: "10.0.0.100-10.0.0.160", port: "8000:8010" },
  { type: "in", action: "REJECT", proto: "tcp", dest: "10.0.0.0/25", port: "ssh" },
  { type: "in", action: "ACCEPT", proto: "icmp", icmpType: "echo-request" },
  { type: "in", action: "ACCEPT", macro: "Ping" },
  { type: "in", action: "DROP", proto: "gre" },
  { type: "out", action: "DROP", proto: "tcp", sport: "0", port: "25" },
  { type: "out", action: "ACCEPT" },
] as const;

const ESTATE = smallEstate(
  {
    rules: [
      { type: "in", action: "ACCEPT", proto: "udp", source: "10.0.0.0/24", port: "53", iface: "vmbr0" },
    ],
  },
  {
    "101": { rules: RULES },
    "102": { policyIn: "REJECT", policyOut: "DROP" },
    "103": "absent",
    "104": { enabled: false },
  },
);

test("a guest's IN chain has Proxmox's order: standing accept, rules as declared, policy", () => {
  assert.deepEqual(linesOf(compileFirewall(nodeOf(ESTATE)).iptables, "veth101i0-IN"), [
    "-j CONNMARK --set-xmark 101",
    "-p udp --sport 67 --dport 68 -j ACCEPT",
    "-s 10.0.0.12,10.0.0.153 -p tcp -m multiport --dports 80,443 -j ACCEPT",
    "-m iprange --src-range 10.0.0.100-10.0.0.160 -p udp --dport 8000:8010 -j ACCEPT",
    "-d 10.0.0.0/25 -p tcp --dport 22 -j PVEFW-reject",
    "-p icmp -m icmp --icmp-type echo-request -j ACCEPT",
    "-p icmp -m icmp --icmp-type echo-request -j ACCEPT",
    "-p gre -j DROP",
    "-j PVEFW-Drop",
    "-j DROP",
  ]);
});

test("a guest's OUT chain accepts by mark, after DHCP and the MAC filter", () => {
  assert.deepEqual(linesOf(compileFirewall(nodeOf(ESTATE)).iptables, "veth101i0-OUT"), [
    "-j CONNMARK --set-xmark 101",
    "-p udp --sport 68 --dport 67 -g PVEFW-SET-ACCEPT-MARK",
    "-m mac ! --mac-source 52:54:00:00:00:65 -j DROP",
    "-j MARK --set-xmark 0x0/0x80000000",
    "-p tcp --dport 25 -j DROP",
    "-g PVEFW-SET-ACCEPT-MARK",
    "-g PVEFW-SET-ACCEPT-MARK",
  ]);
});

test("the IPv6 half leaves out what names IPv4, and has neighbour discovery", () => {
  assert.deepEqual(linesOf(compileFirewall(nodeOf(ESTATE)).ip6tables, "veth101i0-IN"), [
    "-j CONNMARK --set-xmark 101",
    "-p udp --sport 547 --dport 546 -j ACCEPT",
    "-p icmpv6 -m icmp6 --icmpv6-type router-solicitation -j ACCEPT",
    "-p icmpv6 -m icmp6 --icmpv6-type router-advertisement -j ACCEPT",
    "-p icmpv6 -m icmp6 --icmpv6-type neighbor-solicitation -j ACCEPT",
    "-p icmpv6 -m icmp6 --icmpv6-type neighbor-advertisement -j ACCEPT",
    "-p icmpv6 -m icmp6 --icmpv6-type echo-request -j ACCEPT",
    "-p gre -j DROP",
    "-j PVEFW-Drop",
    "-j DROP",
  ]);
});

test("guests without a firewall have no chain, and a firewall that is off compiles to nothing", () => {
  const { iptables } = compileFirewall(nodeOf(ESTATE));
  assert.doesNotMatch(iptables, /veth10[34]/);
  const off = compileFirewall(nodeOf(smallEstate({ enabled: false }, { "101": {} })));
  assert.doesNotMatch(off.iptables + off.ip6tables, /PVEFW/);
});

test("guests and their NICs are written in the order of their names as text, VMs first", () => {
  const ids = ["101", "1000", "200"];
  const nics = ids.flatMap((guestId) =>
    [2, 10].map((index) => {
      const kind = guestId === "200" ? ("lxc" as const) : ("vm" as const);
      return { guestId, index, kind, tap: `${kind === "lxc" ? "veth" : "tap"}${guestId}i${index}` };
    }),
  );
  const files = Object.fromEntries(ids.map((id) => [`${id}.fw`, guestText("")]));
  const node = generalNode(files);
  const [some] = node.nics;
  assert.ok(some);
  const many: Node = { ...node, nics: nics.map((nic) => ({ ...some, ...nic, place: nic.tap })) };
  assert.deepEqual(hooked(compileFirewall(many).iptables, "IN"), [
    "tap1000i10",
    "tap1000i2",
    "tap101i10",
    "tap101i2",
    "veth200i10",
    "veth200i2",
  ]);
});

test("a rule with -i is for that NIC; one without for all", () => {
  const { iptables } = compiled({ "100.fw": guestText("IN ACCEPT -p 6 -i net1\nIN ACCEPT -p 17") });
  const ruled = (nic: string) => linesOf(iptables, `tap100${nic}-IN`).slice(2, -2);
  assert.deepEqual(["i0", "i1", "i2"].map(ruled), [
    ["-p 17 -j ACCEPT"],
    ["-p 6 -j ACCEPT", "-p 17 -j ACCEPT"],
    ["-p 17 -j ACCEPT"],
  ]);
});

test("traps 4 to 7: DHCP, then the MAC, then the IP filter, then the mark, then the rules", () => {
  const { iptables, ip6tables } = compiled({ "101.fw": guestText("OUT ACCEPT", "ipfilter: 1\nradv: 1") });
  assert.deepEqual(linesOf(iptables, "tap101i0-OUT").slice(1, -1), [
    "-p udp --sport 68 --dport 67 -g PVEFW-SET-ACCEPT-MARK",
    "-m mac ! --mac-source 0e:0b:38:b8:b3:22 -j DROP",
    "-m set ! --match-set PVEFW-101-ipfilter-net0-v4 src -j DROP",
    CLEAR,
    "-g PVEFW-SET-ACCEPT-MARK",
  ]);
  const discovery = linesOf(ip6tables, "tap101i0-OUT").slice(5, 9);
  assert.deepEqual(
    discovery.map((line) => /type (\S+)/.exec(line)?.[1]),
    ["router-solicitation", "router-advertisement", "neighbor-solicitation", "neighbor-advertisement"],
  );
  const bare = compiled({ "101.fw": guestText("", "dhcp: 0\nmacfilter: 0\nndp: 0") });
  assert.deepEqual(linesOf(bare.iptables, "tap101i0-OUT").slice(1), [CLEAR, "-g PVEFW-SET-ACCEPT-MARK"]);
  assert.deepEqual(linesOf(bare.ip6tables, "tap101i0-IN").slice(1), ["-j PVEFW-Drop", "-j DROP"]);
});

test("trap 6: an ipfilter set filters its NIC alone, in the guest's own file alone", () => {
  const { iptables } = compiled({
    "cluster.fw": clusterText("[IPSET ipfilter-net1]\n10.0.0.1"),
    "100.fw": `[OPTIONS]\nenable: 1\n[IPSET ipfilter-net0]\n`,
  });
  assert.deepEqual(iptables.match(/^-A \S+ -m set ! .*$/gm), [
    "-A tap100i0-OUT -m set ! --match-set PVEFW-100-ipfilter-net0-v4 src -j DROP",
  ]);
});

test("trap 8: the blacklist stands first where a guest is asked, whether its firewall is on or not", () => {
  const { iptables } = compiled({ "cluster.fw": clusterText("[IPSET blacklist]\n10.0.0.1") });
  const set = "-m set --match-set PVEFW-0-blacklist-v4 src -j PVEFW-blacklist";
  assert.equal(linesOf(iptables, "PVEFW-FWBR-IN")[0], set);
  assert.equal(linesOf(iptables, "PVEFW-HOST-IN")[3], set);
  assert.deepEqual(linesOf(iptables, "PVEFW-blacklist"), ["-j DROP"]);
  const inGuest = compiled({ "101.fw": "[OPTIONS]\nenable: 1\n[IPSET blacklist]\n10.0.0.1\n" });
  assert.doesNotMatch(inGuest.iptables, /blacklist/);
});

test("options of host.fw: tcpflags, nosmurfs, nf_conntrack_allow_invalid, enable: 0", () => {
  const host = (options: string) => compiled({ "host.fw": `[OPTIONS]\n${options}\n` }).iptables;
  assert.deepEqual(linesOf(host("tcpflags: 1\nnosmurfs: 0"), "PVEFW-FWBR-IN"), ["-p tcp -j PVEFW-tcpflags"]);
  const invalid = "-m conntrack --ctstate INVALID -j DROP";
  const allowing = host("nf_conntrack_allow_invalid: 1");
  assert.equal(linesOf(allowing, "PVEFW-FORWARD").includes(invalid), false);
  assert.equal(linesOf(allowing, "PVEFW-HOST-IN").includes(invalid), true, "trap 28");
  assert.doesNotMatch(host("enable: 0"), /HOST/);
  assert.match(host("enable: 0"), /PVEFW-FWBR-IN/);
});

test("ips: what is accepted inbound is queued, established traffic too; DHCP is not", () => {
  const { iptables } = compiled({ "101.fw": guestText("IN ACCEPT -p 6", "ips: 1\nips_queues: 2:5") });
  const queue = "-j NFQUEUE --queue-balance 2:5 --queue-bypass";
  assert.deepEqual(linesOf(iptables, "tap101i0-IN").slice(1, 3), [
    "-p udp --sport 67 --dport 68 -j ACCEPT",
    `-p 6 ${queue}`,
  ]);
  assert.equal(
    linesOf(iptables, "PVEFW-FORWARD")[0],
    "-m conntrack --ctstate RELATED,ESTABLISHED -j PVEFW-IPS",
  );
  assert.deepEqual(linesOf(iptables, "PVEFW-IPS"), [
    `-m physdev --physdev-is-bridged --physdev-out tap101i0 ${queue}`,
  ]);
});

test("trap 35: corosync between the two addresses of one link, in the links' family", () => {
  const node: Node = {
    ...generalNode({}),
    corosync: {
      multicast: true,
      links: [
        { own: "10.0.0.1", peer: "10.0.0.2" },
        { own: "fd00::1", peer: "fd00::2" },
      ],
    },
  };
  const { iptables, ip6tables } = compileFirewall(node);
  const ports = "-p udp --dport 5404:5405 -j RETURN";
  const lines = (text: string, chain: string) => linesOf(text, chain).filter((line) => line.endsWith(ports));
  const multicast = `-m addrtype --dst-type MULTICAST ${ports}`;
  assert.deepEqual(lines(iptables, "PVEFW-HOST-IN"), [multicast, `-s 10.0.0.2 -d 10.0.0.1 ${ports}`]);
  assert.deepEqual(lines(ip6tables, "PVEFW-HOST-OUT"), [multicast, `-s fd00::1 -d fd00::2 ${ports}`]);
});

test("ports and ICMP types: a single port before a list, 0 is no port, but ICMP type 0", () => {
  const rules = [
    "IN DROP -p tcp -dport 80,http-alt -sport 40000",
    "IN DROP -p tcp -dport 0",
    "IN DROP -p gre -dport 0",
    "IN DROP -p icmp -dport 0",
    "IN DROP -p icmp -icmp-type 0",
    "IN DHCPv6(DROP)",
  ].join("\n");
  const { iptables, ip6tables } = compiled({ "101.fw": guestText(rules, "dhcp: 0\nndp: 0") });
  assert.deepEqual(linesOf(iptables, "tap101i0-IN").slice(1, -2), [
    "-p tcp --sport 40000 -m multiport --dports 80,8080 -j DROP",
    "-p tcp -j DROP",
    "-p icmp -m icmp --icmp-type 0 -j DROP",
    "-p icmp -m icmp --icmp-type 0 -j DROP",
  ]);
  assert.ok(linesOf(ip6tables, "tap101i0-IN").includes("-p udp --dport 546:547 --sport 546:547 -j DROP"));
});

test("the raw table only where host.fw asks: SYN limit and conntrack's helpers, by family", () => {
  assert.doesNotMatch(compiled({}).iptables, /raw/);
  const options = "protection_synflood: 1\nprotection_synflood_rate: 50\nnf_conntrack_helpers: ftp,irc";
  const { iptables, ip6tables } = compiled({ "host.fw": `[OPTIONS]\n${options}\n` });
  assert.match(iptables, /^\*raw\n:PREROUTING ACCEPT/);
  assert.match(
    linesOf(iptables, "PVEFW-PREROUTING")[0] ?? "",
    /--hashlimit-above 50\/sec --hashlimit-burst 1000 .*srcmask 32/,
  );
  assert.deepEqual(linesOf(iptables, "PVEFW-PREROUTING").slice(1), [
    "-p tcp -m tcp --dport 21 -j CT --helper ftp",
    "-p tcp -m tcp --dport 6667 -j CT --helper irc",
  ]);
  assert.deepEqual(linesOf(ip6tables, "PVEFW-PREROUTING").slice(1), [
    "-p tcp -m tcp --dport 21 -j CT --helper ftp",
  ]);
});
