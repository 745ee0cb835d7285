import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { smallEstate } from "../fixtures/estates/small.ts";
import { readEstate } from "../policy/read.ts";
import { type CompiledFirewall, compileFirewall } from "./firewall.ts";

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

function linesOf(text: string, chain: string): string[] {
  const start = `-A ${chain} `;
  return text
    .split("\n")
    .filter((line) => line.startsWith(start))
    .map((line) => line.slice(start.length));
}

test("a guest's IN chain has Proxmox's order: standing accept, rules as declared, policy", () => {
  assert.deepEqual(linesOf(compileFirewall(ESTATE).iptables, "veth101i0-IN"), [
    "-j CONNMARK --set-xmark 101",
    "-p udp --sport 67 --dport 68 -j ACCEPT",
    "-s 10.0.0.12,10.0.0.153 -p tcp -m multiport --dports 80,443 -j ACCEPT",
    "-m iprange --src-range 10.0.0.100-10.0.0.160 -p udp --dport 8000:8010 -j ACCEPT",
    "-d 10.0.0.0/25 -p tcp --dport 22 -g PVEFW-reject",
    "-p icmp -m icmp --icmp-type echo-request -j ACCEPT",
    "-p icmp -m icmp --icmp-type echo-request -j ACCEPT",
    "-p gre -j DROP",
    "-j PVEFW-Drop",
    "-j DROP",
  ]);
});

test("a guest's OUT chain accepts by mark, after DHCP and the MAC filter", () => {
  assert.deepEqual(linesOf(compileFirewall(ESTATE).iptables, "veth101i0-OUT"), [
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
  assert.deepEqual(linesOf(compileFirewall(ESTATE).ip6tables, "veth101i0-IN"), [
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
  const { iptables } = compileFirewall(ESTATE);
  assert.doesNotMatch(iptables, /veth10[34]/);
  const off = compileFirewall(smallEstate({ enabled: false }, { "101": {} }));
  assert.doesNotMatch(off.iptables + off.ip6tables, /PVEFW/);
});

/** Loads the text twice in a network namespace that ends with the shell, and prints what the kernel then holds. */
const LOAD = `
set -eu
load() { printf %s "$SETS" | ipset restore -exist; printf %s "$FOUR" | iptables-legacy-restore; printf %s "$SIX" | ip6tables-legacy-restore; }
show() { iptables-legacy-save | grep -v '^#'; ip6tables-legacy-save | grep -v '^#'; ipset save | sed 's/initval [^ ]*//'; }
load; show; echo =====; load; show`;

function loadTwice({ ipset, iptables, ip6tables }: CompiledFirewall): readonly [string, string] {
  const env = { ...process.env, SETS: ipset, FOUR: iptables, SIX: ip6tables };
  const { status, stdout, stderr } = spawnSync("unshare", ["--net", "sh", "-c", LOAD], {
    env,
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  const [first = "", second = ""] = stdout.split("=====\n");
  return [first, second];
}

const REFERENCE = readEstate(fileURLToPath(new URL("../fixtures/estates/reference", import.meta.url)));

for (const [name, estate] of [
  ["the small estate", ESTATE],
  ["the reference estate", REFERENCE],
] as const)
  test(`the kernel takes ${name}, and loading it twice changes nothing`, (t) => {
    if (process.getuid?.() !== 0) {
      console.error("not root: the compiled firewall was not loaded");
      t.todo("needs root");
      return;
    }
    const [first, second] = loadTwice(compileFirewall(estate));
    assert.equal(second, first);
    for (const hook of ["INPUT", "FORWARD", "OUTPUT"])
      assert.equal(first.split(`-A ${hook} -j PVEFW-${hook}\n`).length, 3, `${hook} hooked once a family`);
    assert.match(first, /^add PVEFW-0-management-v4 10\.0\.0\.0\/24$/m);
    assert.doesNotMatch(first, /_swap/);
  });
