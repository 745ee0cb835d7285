import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type SmallFirewall, smallEstate } from "../../fixtures/estates/small.ts";
import { generalNode } from "../../fixtures/general-node.ts";
import { firewallTexts, generalFlows } from "../../fixtures/random-firewall.ts";
import { randomFiles, randomFlow } from "../../fixtures/random-node.ts";
import { sharedVectors } from "../../fixtures/vectors.ts";
import { TRAP_FLOW, TRAPS } from "../../fixtures/traps.ts";
import { decideOn } from "../decide.ts";
import { explainDecision } from "../explain.ts";
import type { Flow } from "../flow.ts";
import { packetOf } from "../packet.ts";
import { type Node, nodeOf } from "../proxmox/node.ts";
import { agrees } from "../vectors.ts";
import { type DecidedSet, newSpaces, NodeSpace } from "./node-space.ts";
import { PacketSet } from "./packet-set.ts";
import { flowOfPacket } from "./witness.ts";

/** `byDecider` of each pair once. */
function remembered(space: NodeSpace): NodeSpace["byDecider"] {
  const known = new Map<string, readonly DecidedSet[]>();
  return (from, to, family) => {
    const key = `${from} ${to} ${family}`;
    const found = known.get(key) ?? space.byDecider(from, to, family);
    known.set(key, found);
    return found;
  };
}

/** Fails where the sets say otherwise than `decideOn`: whether it is accepted, or what decides it. */
function assertAgrees(node: Node, flows: readonly Flow[]): void {
  const space = new NodeSpace(node);
  const byDecider = remembered(space);
  for (const flow of flows) assertAgreesOn(node, space, byDecider, flow);
}

function assertAgreesOn(node: Node, space: NodeSpace, byDecider: NodeSpace["byDecider"], flow: Flow): void {
  const decision = decideOn(node, flow);
  const packet = packetOf(flow);
  const ownMac = node.nics.find(({ place }) => place === flow.from)?.mac;
  const isIn = space.accepted(flow.from, flow.to, packet.family).has(packet, ownMac);
  const said = () => `${JSON.stringify(flow)}\n${explainDecision(decision)}`;
  assert.equal(isIn, decision.verdict === "accept", said());
  const holding = byDecider(flow.from, flow.to, packet.family).filter(({ set }) => set.has(packet, ownMac));
  const { verdict, reject, decider, hops } = decision;
  const { hook, where } = hops.at(-1) ?? {};
  const expected = { hook, where, verdict, reject, decider };
  assert.deepEqual(
    holding.map(({ set: _set, ...each }) => ({ reject: undefined, ...each })),
    [expected],
    said(),
  );
}

for (const [number, [words, ...cases]] of Object.entries(TRAPS))
  test(`sets know trap ${number}: ${words}`, () => {
    for (const [, files, flow] of cases) assertAgrees(generalNode(files), [{ ...TRAP_FLOW, ...flow }]);
  });

const GROUP_GG = "[OPTIONS]\nenable: 1\n[group gg]\n";
const USES_GG = "[OPTIONS]\nenable: 1\n[RULES]\nGROUP gg\n";

test("sets know trap 1: what can't be written in a group opens the guests that use it", () => {
  const rules =
    "IN ACCEPT -p tcp -dport 80\nIN DROP -source +guest/lan\nIN ACCEPT -p tcp -dport 443\nOUT DROP";
  const node = generalNode({ "cluster.fw": GROUP_GG + rules, "100.fw": USES_GG, "101.fw": USES_GG });
  const flows = ["100", "101"].flatMap((guest) =>
    [80, 443].flatMap((dport) => [
      { ...TRAP_FLOW, to: guest, dport },
      { ...TRAP_FLOW, from: guest, to: "outside", dport },
    ]),
  );
  assertAgrees(node, flows);
  assert.deepEqual(new Set(flows.map((flow) => decideOn(node, flow).verdict)), new Set(["accept", "drop"]));
});

test("sets know trap 2: a group that is not entered accepts by an earlier hop's mark, which one that is entered clears", () => {
  const verdictWith = (hostRules: string, from: string): string => {
    const node = generalNode({
      "cluster.fw": `${GROUP_GG}IN ACCEPT -p tcp -dport 1`,
      "100.fw": "[OPTIONS]\nenable: 1\n",
      "host.fw": `[RULES]\n${hostRules}\n`,
    });
    const flow = { ...TRAP_FLOW, from, to: "host", dest: "172.16.1.2" };
    assertAgrees(node, [flow, { ...flow, dport: 1 }, { ...flow, state: "ESTABLISHED" }]);
    return decideOn(node, flow).verdict;
  };
  assert.equal(verdictWith("GROUP gg -i vmbr9", "100"), "accept");
  assert.equal(verdictWith("GROUP gg -i vmbr9", "outside"), "drop");
  assert.equal(verdictWith("GROUP gg -i vmbr0\nGROUP gg -i vmbr9", "100"), "drop");
});

test("random nodes: a packet is in the accepted set just where it is accepted, and in the set of the line that decides it", () => {
  const flows = fc.array(randomFlow, { minLength: 30, maxLength: 30 });
  fc.assert(
    fc.property(randomFiles, flows, (files, known) => {
      assertAgrees(generalNode(files), known);
    }),
    { numRuns: 60 },
  );
});

test("the same of both families, all states and flags, and packets that are their own replies", () => {
  fc.assert(
    fc.property(firewallTexts, generalFlows, (files, known) => {
      assertAgrees(generalNode(files), known);
    }),
    { numRuns: 60 },
  );
});

for (const [file, count] of [
  ["pve-phoenix.jsonl", 8000],
  ["pve-general.jsonl", 7303],
] as const)
  test(`the sets decide every case of ${file} as Proxmox did`, (t) => {
    const vectors = sharedVectors(t, file);
    if (!vectors) return;
    let cases = 0;
    const wrong: string[] = [];
    for (const { vector, node, estateNode, flows } of vectors) {
      const byDecider = remembered(new NodeSpace(node));
      const ofEstate = estateNode && new NodeSpace(estateNode);
      for (const [index, expected] of vector.cases.entries()) {
        const flow = flows[index];
        const said = flow && ofPacket(node, byDecider, flow);
        const isIn = flow && ofEstate?.accepted(flow.from, flow.to).has(packetOf(flow));
        const isRight =
          said &&
          agrees(said, expected) &&
          (isIn ?? said.verdict === "accept") === (said.verdict === "accept");
        if (!isRight) wrong.push(JSON.stringify({ id: vector.id, expected, said, isIn }));
        cases++;
      }
    }
    assert.deepEqual(wrong.slice(0, 5), []);
    assert.equal(cases, count);
  });

/** What the sets say of a packet; undefined where not just one holds it. */
function ofPacket(node: Node, byDecider: NodeSpace["byDecider"], flow: Flow): DecidedSet | undefined {
  const packet = packetOf(flow);
  const ownMac = node.nics.find(({ place }) => place === flow.from)?.mac;
  const holding = byDecider(flow.from, flow.to, packet.family).filter(({ set }) => set.has(packet, ownMac));
  return holding.length === 1 ? holding[0] : undefined;
}

test("what all lines decide is every packet, and no two decide the same", () => {
  fc.assert(
    fc.property(firewallTexts, (files) => {
      const space = new NodeSpace(generalNode(files));
      for (const [from, to] of [
        ["100", "host"],
        ["outside", "101"],
        ["host", "100i1"],
      ] as const)
        for (const family of [4, 6] as const) {
          const sets = space.byDecider(from, to, family);
          const total = sets.reduce((sum, { set }) => sum + set.count(), 0n);
          assert.equal(total, PacketSet.all(space.spaces[family]).count());
          const accepted = sets.filter(({ verdict }) => verdict === "accept").map(({ set }) => set);
          const all = accepted.reduce((sum, set) => sum.union(set), PacketSet.none(space.spaces[family]));
          assert.ok(all.equals(space.accepted(from, to, family)));
        }
    }),
    { numRuns: 40 },
  );
});

test("nodes that share their spaces can be compared: equal files make equal sets, a rule more its packets more", () => {
  const spaces = newSpaces();
  const setOf = (rules: string) =>
    new NodeSpace(generalNode({ "101.fw": `[OPTIONS]\nenable: 1\n[RULES]\n${rules}\n` }), spaces).accepted(
      "outside",
      "101",
    );
  const before = setOf("IN ACCEPT -p tcp -dport 80\nIN ACCEPT -p tcp -dport 443 -source 10.0.0.0/8");
  assert.equal(
    before.diagram,
    setOf("IN ACCEPT -p tcp -dport 443 -source 10.0.0.0/8\nIN ACCEPT -p tcp -dport 80").diagram,
  );
  const after = setOf("IN ACCEPT -p tcp -dport 80,443");
  assert.equal(
    after.subtract(before).flows().print(),
    "tcp 443 from anywhere except 10.0.0.0/8, 127.255.255.255, 172.16.1.255, 224.0.0.0/4, 255.255.255.255",
  );
  assert.ok(before.subtract(after).isEmpty);
  assert.throws(() => before.union(new NodeSpace(generalNode({})).accepted("outside", "101")), TypeError);
});

test("from every place of a class of senders the same is accepted, to any place beyond it", () => {
  const isOne = (files: Readonly<Record<string, string>>) => {
    const node = generalNode(files);
    const space = new NodeSpace(node);
    const all = ["lan", "host", ...node.nics.map(({ place }) => place)];
    for (const family of [4, 6] as const)
      for (const [first = "", ...others] of space.senders(family))
        for (const to of all.filter((place) => place !== first && !others.includes(place)))
          for (const other of others)
            assert.equal(
              space.accepted(other, to, family).diagram,
              space.accepted(first, to, family).diagram,
            );
  };
  fc.assert(fc.property(firewallTexts, isOne), { numRuns: 40 });
  fc.assert(fc.property(randomFiles, isOne), { numRuns: 20 });
});

test("a workshop that is cleared on the way forgets nothing that is asked again", () => {
  const guests = Array.from({ length: 200 }, (_, guest): [string, SmallFirewall] => {
    const rules = Array.from({ length: 12 }, (_each, index) => ({
      type: "in" as const,
      action: index % 4 === 3 ? ("DROP" as const) : ("ACCEPT" as const),
      proto: index % 2 === 0 ? "tcp" : "udp",
      port: `${guest * 7 + index * 131 + 1}`,
      source: `10.${(guest * 3 + index) % 200}.0.0/16`,
    }));
    return [`${100 + guest}`, { rules }];
  });
  const node = nodeOf(smallEstate({}, Object.fromEntries(guests)));
  const spaces = newSpaces();
  const all = new NodeSpace(node, spaces);
  for (const [id] of guests)
    assert.equal(
      all.accepted("lan", id).diagram,
      new NodeSpace(node, spaces).accepted("lan", id).diagram,
      id,
    );
});

test("guests that send alike are one class, and one that may not is another", () => {
  const on = "[OPTIONS]\nenable: 1\n";
  const node = generalNode({
    "100.fw": on,
    "101.fw": on,
    "200.fw": `${on}[RULES]\nOUT DROP -p tcp -dport 25\n`,
  });
  const senders = new NodeSpace(node).senders();
  const classOf = (place: string) => senders.find((each) => each.includes(place));
  assert.equal(classOf("100"), classOf("101"));
  assert.notEqual(classOf("200"), classOf("100"));
  assert.deepEqual(classOf("lan")?.slice(0, 2), ["lan", "outside"]);
});

test("a witness of a set is a packet that the model decides so", () => {
  fc.assert(
    fc.property(firewallTexts, (files) => {
      const node = generalNode(files);
      const space = new NodeSpace(node);
      for (const [from, to] of [
        ["101", "host"],
        ["outside", "101"],
      ] as const)
        for (const family of [4, 6] as const)
          for (const { set, verdict, decider } of space.byDecider(from, to, family)) {
            const ownMac = node.nics.find(({ place }) => place === from)?.mac;
            const packet = set.witness(ownMac === undefined ? {} : { ownMac });
            assert.ok(packet);
            const decision = decideOn(node, flowOfPacket(packet, from, to));
            assert.deepEqual([decision.verdict, decision.decider], [verdict, decider]);
          }
    }),
    { numRuns: 40 },
  );
});
