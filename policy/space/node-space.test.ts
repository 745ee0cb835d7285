import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { generalNode } from "../../fixtures/general-node.ts";
import { firewallTexts, generalFlows } from "../../fixtures/random-firewall.ts";
import { randomFiles, randomFlow } from "../../fixtures/random-node.ts";
import { TRAP_FLOW, TRAPS } from "../../fixtures/traps.ts";
import { decideOn } from "../decide.ts";
import { explainDecision } from "../explain.ts";
import type { Flow } from "../flow.ts";
import { packetOf } from "../packet.ts";
import type { Node } from "../proxmox/node.ts";
import { type DecidedSet, NodeSpace } from "./node-space.ts";

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
