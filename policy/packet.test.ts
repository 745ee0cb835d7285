import assert from "node:assert/strict";
import { test } from "node:test";
import type { Flow } from "./flow.ts";
import { packetOf, unsummed } from "./packet.ts";

const BASE: Flow = { from: "lan", to: "101", proto: "tcp", source: "10.0.0.1", dest: "10.0.0.2", dport: 80 };
const SIX = { source: "2001:db8::1", dest: "2001:db8::2" };

function stateOf(change: Partial<Flow>): string {
  return packetOf({ ...BASE, ...change }).state;
}

test("conntrack's word for a first TCP packet", () => {
  const states = {
    NEW: [["SYN"], ["ACK"], ["SYN", "URG"], ["ACK", "PSH"]],
    INVALID: [[], ["SYN", "ACK"], ["RST"], ["FIN", "ACK"], ["SYN", "RST"], ["SYN", "FIN"], ["FIN"], ["URG"]],
  } as const;
  for (const flags of states.NEW) assert.equal(stateOf({ flags }), "NEW", flags.join());
  for (const flags of states.INVALID) assert.equal(stateOf({ flags }), "INVALID", flags.join());
  assert.equal(stateOf({}), "NEW");
});

test("conntrack's word for a first ICMP message", () => {
  for (const icmpType of [8, 13, 15, 17])
    assert.equal(stateOf({ proto: "icmp", icmpType }), "NEW", `${icmpType}`);
  for (const icmpType of [0, 3, 4, 5, 9, 11, 12, 14, 18])
    assert.equal(stateOf({ proto: "icmp", icmpType }), "INVALID", `${icmpType}`);
  assert.equal(stateOf({ proto: "icmp", icmpType: 0, state: "RELATED" }), "RELATED");
});

test("IPv6: neighbour discovery is untracked, an echo-request new, an error invalid", () => {
  assert.equal(stateOf({ ...SIX, proto: "icmp", icmpType: 135 }), "UNTRACKED");
  for (const icmpType of [130, 143, 151, 152])
    assert.equal(stateOf({ ...SIX, proto: "icmp", icmpType }), "UNTRACKED", `${icmpType}`);
  for (const icmpType of [1, 129, 137, 150, 153])
    assert.equal(stateOf({ ...SIX, proto: "icmp", icmpType }), "INVALID", `${icmpType}`);
  for (const proto of [33, 47, 132]) assert.equal(stateOf({ proto }), "NEW", `${proto}`);
  assert.equal(stateOf({ proto: 136, dport: 80 }), "INVALID", "UDP-Lite");
  assert.equal(unsummed(packetOf({ ...BASE, proto: 136 })).state, "NEW", "UDP-Lite in OUTPUT");
  assert.equal(unsummed(packetOf({ ...BASE, proto: 136, state: "ESTABLISHED" })).state, "ESTABLISHED");
  assert.equal(stateOf({ ...SIX, proto: "icmp" }), "NEW");
  assert.equal(stateOf({ ...SIX, proto: "icmp", icmpType: 1 }), "INVALID");
  assert.equal(packetOf({ ...BASE, ...SIX, proto: "icmp" }).proto, 58);
});

test("two families, or what is no address, is the caller's defect", () => {
  assert.throws(() => packetOf({ ...BASE, source: "2001:db8::1" }), /one family/);
  assert.throws(() => packetOf({ ...BASE, dest: "10.0.0" }), /harness-bug/);
});
