import assert from "node:assert/strict";
import { test } from "node:test";
import { smallEstate } from "../fixtures/estates/small.ts";
import { decideOn } from "./decide.ts";
import type { Flow } from "./flow.ts";
import { type Corosync, nodeOf } from "./proxmox/node.ts";

const OWN = ["10.0.0.13", "10.1.0.13", "2001:db8::13"] as const;
const PEER = ["10.0.0.14", "10.1.0.14", "2001:db8::14"] as const;
const LINKS = OWN.map((own, link) => ({ own, peer: PEER[link] ?? "" }));
const IN: Flow = { from: "lan", to: "host", proto: "udp", source: PEER[0], dest: OWN[0], dport: 5405 };

function decided(change: Partial<Flow>, corosync?: Corosync): string {
  const closed = nodeOf(smallEstate({ policyIn: "DROP", policyOut: "DROP" }, {}));
  return decideOn(corosync ? { ...closed, corosync } : closed, { ...IN, ...change }).verdict;
}

test("corosync talks between the addresses of one link, at its two ports, in both directions (trap 35)", () => {
  const corosync = { multicast: false, links: LINKS };
  const rows: readonly (readonly [string, Partial<Flow>, string])[] = [
    ["the peer's link 0", {}, "accept"],
    ["the lower port", { dport: 5404 }, "accept"],
    ["below the ports", { dport: 5403 }, "drop"],
    ["above the ports", { dport: 5406 }, "drop"],
    ["not udp", { proto: "tcp" }, "drop"],
    ["the peer's link 1 to the own link 0", { source: PEER[1] }, "drop"],
    ["link 1", { source: PEER[1], dest: OWN[1] }, "accept"],
    ["link 2, IPv6", { source: PEER[2], dest: OWN[2] }, "accept"],
    ["outbound", { from: "host", to: "lan", source: OWN[0], dest: PEER[0] }, "accept"],
    ["outbound, reversed", { from: "host", to: "lan" }, "drop"],
    ["a multicast group", { dest: "239.192.0.1" }, "drop"],
  ];
  for (const [name, change, verdict] of rows) assert.equal(decided(change, corosync), verdict, name);
  assert.equal(decided({}), "drop", "without a cluster");
});

test("corosync's multicast transport opens its ports to groups of both families", () => {
  const corosync = { multicast: true, links: [] };
  assert.equal(decided({ dest: "239.192.0.1" }, corosync), "accept");
  assert.equal(decided({ source: PEER[2], dest: "ff05::1" }, corosync), "accept");
  assert.equal(decided({ dest: "239.192.0.1", dport: 5406 }, corosync), "drop");
  assert.equal(decided({}, corosync), "drop");
});
