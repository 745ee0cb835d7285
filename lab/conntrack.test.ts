import "../fixtures/own-labs.ts";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { labName } from "../fixtures/network-lab.ts";
import { conntrackFill, flushConntrack, forgetFlows } from "./conntrack.ts";
import { FilterCounters } from "./filter-counters.ts";
import { createLab, type Lab } from "./lab.ts";
import { AF_INET, AF_INET6, bindInet, sendAll, SOCK_DGRAM, sockaddrIn, sockaddrIn6, socket } from "./libc.ts";
import { within } from "./namespace.ts";
import { createNamespaces, runBatches } from "./network.ts";
import { run } from "./process.ts";

const needsRoot = { skip: process.getuid?.() !== 0 && "only root can make a lab" };
const ACCEPTED = [7, 8, 9];

async function withRules(rules: string) {
  const owned = await createLab(labName());
  await createNamespaces(owned.lab, ["one", "two"]);
  for (const namespace of ["one", "two"]) {
    await runBatches(owned.lab, [{ namespace, tool: "ip", lines: ["link set lo up"] }]);
    await run(owned.lab, namespace, ["iptables-legacy-restore"], rules);
  }
  return owned;
}

/** Datagrams to the namespace's own ports, one each. */
function sendTo(lab: Lab, namespace: string, ports: readonly number[], sport = 40_000): void {
  const fd = within(lab, namespace, () => socket(AF_INET, SOCK_DGRAM, 0));
  bindInet(fd, "127.0.0.1", sport);
  for (const port of ports) sendAll(fd, [Buffer.from("x")], [sockaddrIn("127.0.0.1", port)]);
}

const known = (lab: Lab, namespace: string) =>
  within(lab, namespace, () => Number(readFileSync("/proc/sys/net/netfilter/nf_conntrack_count", "utf8")));

const TRACKING = "*filter\n-A OUTPUT -m conntrack --ctstate INVALID -j DROP\nCOMMIT\n";

test("empties one namespace's connection table and no other's", needsRoot, async () => {
  await using owned = await withRules(TRACKING);
  const { lab } = owned;
  for (const namespace of ["one", "two"]) sendTo(lab, namespace, ACCEPTED);
  assert.deepEqual([known(lab, "one"), known(lab, "two")], [3, 3]);
  flushConntrack(lab, "one");
  assert.deepEqual([known(lab, "one"), known(lab, "two")], [0, 3]);
  flushConntrack(lab, "one");
  assert.equal(known(lab, "one"), 0);
});

const ENDS = `*filter
:CHAIN -
-A OUTPUT -p udp --dport 1 -j DROP
-A OUTPUT -j CHAIN
-A CHAIN -p udp --dport 2 -j REJECT
-A CHAIN -p udp --dport 3 -j RETURN
-A CHAIN -p udp --dport 4 -j ACCEPT
-A CHAIN -p udp --dport 5:6 -j DROP
COMMIT
`;

test("counts what lines that drop or reject took, and nothing else", needsRoot, async () => {
  await using owned = await withRules(ENDS);
  const counters = new FilterCounters(owned.lab, "one");
  assert.deepEqual(counters.ends(), { drops: 0, rejects: 0 });
  sendTo(owned.lab, "one", [1, 2, 2, 3, 4, 5, 6, 6]);
  assert.deepEqual(counters.ends(), { drops: 4, rejects: 2 });
});

test("of IPv6 it forgets all flows, and none of IPv4", needsRoot, async () => {
  await using owned = await withRules(TRACKING);
  const { lab } = owned;
  await run(lab, "one", ["ip6tables-legacy-restore"], TRACKING);
  sendTo(lab, "one", ACCEPTED);
  const fd = within(lab, "one", () => socket(AF_INET6, SOCK_DGRAM, 0));
  const loopback = Buffer.from([...Array<number>(15).fill(0), 1]);
  const to = sockaddrIn6(loopback);
  to.writeUInt16BE(9, 2);
  sendAll(fd, [Buffer.from("x")], [to]);
  assert.equal(conntrackFill(lab, "one")?.count, 4);
  forgetFlows(lab, "one", { source: loopback, dest: loopback, protocol: 17, sport: 40_000 });
  assert.equal(conntrackFill(lab, "one")?.count, 3);
});

test("forgets one sender's flows and leaves the rest", needsRoot, async () => {
  await using owned = await withRules(TRACKING);
  const { lab } = owned;
  sendTo(lab, "one", ACCEPTED);
  const local = Buffer.from([127, 0, 0, 1]);
  const UDP = 17;
  for (const other of [
    { protocol: UDP, sport: 40_001 },
    { protocol: 6, sport: 40_000 },
  ])
    forgetFlows(lab, "one", { source: local, dest: local, ...other });
  forgetFlows(lab, "one", {
    source: local,
    dest: Buffer.from([127, 0, 0, 2]),
    protocol: UDP,
    sport: 40_000,
  });
  assert.equal(conntrackFill(lab, "one")?.count, 3);
  forgetFlows(lab, "one", { source: local, dest: local, protocol: UDP, sport: 40_000 });
  assert.equal(conntrackFill(lab, "one")?.count, 0);
});

test(
  "without a source port it forgets those of all ports, with one those of that port alone",
  needsRoot,
  async () => {
    await using owned = await withRules(TRACKING);
    const { lab } = owned;
    const local = Buffer.from([127, 0, 0, 1]);
    const all = { source: local, dest: local, protocol: 17 };
    for (const [index, sport] of [40_000, 40_001, 40_002].entries())
      sendTo(lab, "one", ACCEPTED.slice(index), sport);
    sendTo(lab, "two", ACCEPTED);
    assert.equal(conntrackFill(lab, "one")?.count, 6);
    forgetFlows(lab, "one", { ...all, sport: 40_001 });
    assert.equal(conntrackFill(lab, "one")?.count, 4);
    forgetFlows(lab, "one", { ...all, protocol: 6 });
    forgetFlows(lab, "one", { ...all, dest: Buffer.from([127, 0, 0, 2]) });
    assert.equal(conntrackFill(lab, "one")?.count, 4);
    forgetFlows(lab, "one", all);
    assert.deepEqual([conntrackFill(lab, "one")?.count, conntrackFill(lab, "two")?.count], [0, 3]);
  },
);
