import assert from "node:assert/strict";
import { test } from "node:test";
import { type SmallRule, smallEstate } from "../fixtures/estates/small.ts";
import { decide } from "./decide.ts";
import { explainDecision } from "./explain.ts";
import type { Flow } from "./flow.ts";

const WEB: SmallRule = { type: "in", action: "ACCEPT", proto: "tcp", port: "80,443" };
const ESTATE = smallEstate(
  {},
  {
    "101": { rules: [WEB] },
    "102": { policyIn: "REJECT", rules: [{ type: "out", action: "REJECT", proto: "tcp", port: "25" }] },
    "103": "absent",
    "104": { enabled: false },
  },
);

const TO_WEB: Flow = {
  from: "lan",
  to: "101",
  proto: "tcp",
  source: "10.0.0.50",
  dest: "10.0.0.101",
  dport: 443,
};
const FROM_WAN: Flow = { ...TO_WEB, from: "wan", source: "203.0.113.10" };

interface Row {
  readonly name: string;
  readonly flow: Partial<Flow>;
  readonly verdict: string;
  readonly chain: string;
  readonly kind: string;
}

function row(name: string, flow: Partial<Flow>, verdict: string, kind: string, chain: string): Row {
  return { name, flow, verdict, kind, chain };
}

const TO_HOST = { to: "host", dest: "10.0.0.13" } as const;
const ROWS: readonly Row[] = [
  row("declared port", {}, "accept", "rule", "veth101i0-IN"),
  row("undeclared port", { dport: 8000 }, "drop", "policy", "veth101i0-IN"),
  row("NetBIOS is counted in the shared chain", { dport: 445 }, "drop", "policy", "PVEFW-Drop"),
  row(
    "broadcast is counted in its own chain",
    { dest: "10.0.0.255", dport: 9 },
    "drop",
    "policy",
    "PVEFW-DropBroadcast",
  ),
  row("a stray ACK passes a rule", { flags: ["ACK"] }, "accept", "rule", "veth101i0-IN"),
  row("a stray ACK beside the rules", { flags: ["ACK"], dport: 1 }, "drop", "policy", "PVEFW-Drop"),
  row("SYN+ACK is INVALID", { flags: ["SYN", "ACK"] }, "drop", "builtin", "PVEFW-FORWARD"),
  row("a reply needs no rule", { dport: 8000, state: "ESTABLISHED" }, "accept", "builtin", "PVEFW-FORWARD"),
  row("an unsolicited echo-reply", { proto: "icmp", icmpType: 0 }, "drop", "builtin", "PVEFW-FORWARD"),
  row("a smurf", { source: "10.0.0.255" }, "drop", "builtin", "PVEFW-smurflog"),
  row("DHCP towards a guest", { proto: "udp", sport: 67, dport: 68 }, "accept", "standing", "veth101i0-IN"),
  row("policy REJECT of tcp", { to: "102" }, "reject", "policy", "PVEFW-reject"),
  row("policy REJECT of ICMP is silent", { to: "102", proto: "icmp" }, "drop", "policy", "PVEFW-reject"),
  row(
    "policy REJECT of udp 1900",
    { to: "102", proto: "udp", dport: 1900 },
    "drop",
    "policy",
    "PVEFW-Reject",
  ),
  row("no firewall section", { to: "103", dport: 1 }, "accept", "unfiltered", "none"),
  row("firewall off", { to: "104", dport: 1 }, "accept", "unfiltered", "none"),
  row("SSH of the host from the subnet", { ...TO_HOST, dport: 22 }, "accept", "standing", "PVEFW-HOST-IN"),
  row("migration ports end at 60050", { ...TO_HOST, dport: 60051 }, "drop", "policy", "PVEFW-HOST-IN"),
  row(
    "SSH of the host from outside",
    { ...TO_HOST, from: "wan", source: "203.0.113.10", dport: 22 },
    "drop",
    "policy",
    "PVEFW-HOST-IN",
  ),
  row(
    "SSH of the host, forged",
    { ...TO_HOST, from: "wan", dport: 22 },
    "drop",
    "gateway",
    "gateway reverse path",
  ),
  row(
    "an outbound rule rejects",
    { from: "102", source: "10.0.0.102", dport: 25 },
    "reject",
    "rule",
    "PVEFW-reject",
  ),
  row(
    "a foreign MAC",
    { from: "102", source: "10.0.0.102", sourceMac: "02:00:00:00:00:01" },
    "drop",
    "builtin",
    "veth102i0-OUT",
  ),
  row(
    "DHCP beats the MAC filter",
    { from: "102", to: "lan", proto: "udp", sport: 68, dport: 67, sourceMac: "02:00:00:00:00:01" },
    "accept",
    "builtin",
    "PVEFW-FORWARD",
  ),
  row(
    "a guest that forges a foreign source at the gateway",
    { from: "102", to: "wan", source: "198.51.100.7" },
    "drop",
    "gateway",
    "gateway reverse path",
  ),
  row(
    "a guest that forges the gateway's own address at the gateway",
    { from: "102", to: "wan", source: "10.0.0.1" },
    "drop",
    "gateway",
    "gateway reverse path",
  ),
];

for (const { name, flow, verdict, kind, chain } of ROWS)
  test(name, () => {
    const decision = decide(ESTATE, { ...TO_WEB, ...flow });
    const said = { verdict: decision.verdict, kind: decision.decider.kind, chain: decision.decider.chain };
    assert.deepEqual(said, { verdict, kind, chain }, explainDecision(decision));
  });

test("the path names every hop, the gateway first", () => {
  const { hops } = decide(ESTATE, FROM_WAN);
  assert.deepEqual(
    hops.map(({ hook, where }) => `${hook} ${where}`),
    ["GATEWAY from beyond the gateway", "FORWARD across vmbr0", "FORWARD into guest 101"],
  );
  const between = decide(ESTATE, { ...TO_WEB, from: "102", source: "10.0.0.102" });
  assert.deepEqual(
    between.hops.map(({ where }) => where),
    ["out of guest 102", "across vmbr0", "into guest 101"],
  );
});

test("the gateway stops what can't come from outside, and nothing else", () => {
  const sources = ["10.0.0.1", "10.0.0.50", "0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"];
  for (const source of sources) {
    const { verdict, decider } = decide(ESTATE, { ...FROM_WAN, source });
    assert.deepEqual([verdict, decider.kind], ["drop", "gateway"], source);
  }
  assert.equal(decide(ESTATE, { ...FROM_WAN, source: "8.8.8.8" }).verdict, "accept");
});

test("the vectors' NIC flags put a disabled guest behind the common filters, the declared ones don't", () => {
  const smurf: Flow = { ...TO_WEB, from: "host", to: "104", source: "10.0.0.255" };
  assert.equal(decide(ESTATE, smurf, "all").decider.chain, "PVEFW-smurflog");
  assert.equal(decide(ESTATE, smurf, "declared").verdict, "accept");
});

test("a firewall that is off filters nothing, and the decision says where that is declared", () => {
  const off = smallEstate({ enabled: false }, { "101": {} });
  const { verdict, decider } = decide(off, TO_WEB);
  assert.equal(verdict, "accept");
  assert.equal(decider.kind === "unfiltered" && decider.position.pointer, "/host/firewall");
});

test("a packet that is its own reply is judged by its first hop alone", () => {
  const own: Flow = { ...TO_WEB, from: "102", source: "10.0.0.101", sport: 9, dport: 9 };
  assert.equal(decide(ESTATE, own).verdict, "accept");
  assert.equal(decide(ESTATE, { ...own, sport: 8 }).verdict, "drop");
});

test("an explanation reads as sentences with positions", () => {
  assert.equal(
    explainDecision(decide(ESTATE, { ...FROM_WAN, dport: 80 })),
    `accept
  1. GATEWAY from beyond the gateway: accept, by the gateway (the source's reverse path is right)
  2. FORWARD across vmbr0: accept, by a line of Proxmox's own (no guest's chain hangs on vmbr0), chain PVEFW-FORWARD
  3. FORWARD into guest 101: accept, by rule "IN ACCEPT -p tcp -dport 80,443" at small.json:1:1 /guests/101/firewall/rules/0, chain veth101i0-IN`,
  );
});
