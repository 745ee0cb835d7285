/** What a rule alone decides, held against the node without it: by packets, and by the sets of all that gets through. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { generalNode } from "../../fixtures/general-node.ts";
import { randomEstate } from "../../fixtures/random-estate.ts";
import { randomFiles, randomFlow } from "../../fixtures/random-node.ts";
import { TRAP_FLOW, TRAPS } from "../../fixtures/traps.ts";
import { nodeWithout } from "../../fixtures/without-rule.ts";
import { decideOn } from "../decide.ts";
import type { Flow, Place } from "../flow.ts";
import { DIRECTIONS, Ground } from "../lint/ground.ts";
import { modelOf } from "../model.ts";
import type { Pass } from "../passes.ts";
import { type Node, nodeOf } from "../proxmox/node.ts";
import { NodeSpace, newSpaces } from "../space/node-space.ts";
import { openingsOf } from "../space/openings.ts";
import { PacketSet } from "../space/packet-set.ts";
import { coverageOf } from "./coverage.ts";
import { hopName, hopsOf } from "./hop.ts";
import { nameOf } from "./outcomes.ts";
import type { Otherwise, RuleShare } from "./rule-share.ts";

/** Of each declared rule all its shares: a group's rule has one for each GROUP line. */
function byRule(node: Node): readonly (readonly RuleShare[])[] {
  const { rules, unchecked } = coverageOf(node);
  assert.deepEqual(unchecked, []);
  return [...Map.groupBy(rules, ({ position }) => position).values()];
}

function said(node: Node, flow: Flow): string {
  return nameOf(decideOn(node, flow));
}

/** A group that can't be written takes its users' filter with it: without its rule they have one. */
const isUnwritten = ({ reason }: RuleShare) => reason === "unwritten";

const PAIRS: readonly (readonly [Place, Place])[] = [
  ["outside", "101"],
  ["lan", "host"],
  ["100", "host"],
  ["100i1", "host"],
  ["host", "201"],
  ["host", "110"],
  ["200", "100i2"],
];
const PHOENIX_PAIRS: readonly (readonly [Place, Place])[] = [
  ["wan", "101"],
  ["102", "host"],
  ["host", "103"],
  ["103", "102"],
];

/** Both nodes let the same first packets through, all of them, in both families. */
function assertSame(node: Node, other: Node, pairs: typeof PAIRS, words: string): void {
  const spaces = newSpaces();
  const [one, two] = [node, other].map((each) => new NodeSpace(each, spaces));
  for (const family of [4, 6] as const) {
    const first = new PacketSet(spaces[family], openingsOf(spaces[family]));
    for (const [from, to] of pairs) {
      const [a, b] = [one, two].map((each) => each?.accepted(from, to, family).intersect(first));
      assert.ok(a && b && a.equals(b), `${words}: ${from} to ${to}, IPv${family}`);
    }
  }
}

/** The hop of a node where a share's witness is, by its words. */
function passOf(node: Node, place: string, { where, marked }: Otherwise, family: 4 | 6): Pass {
  const model = modelOf(node);
  const ground = new Ground(node).places.find(({ title }) => title === place);
  assert.ok(ground);
  const nics = [...model.nics.values()].filter(({ nic }) => nic.guestId === ground.name);
  const hops = DIRECTIONS.flatMap((direction) => hopsOf(model, ground, nics, direction));
  const found = hops.find(
    (hop) => hopName(hop.pass) === where && hop.family === family && (hop.marked || !marked),
  );
  assert.ok(found, where);
  return found.pass;
}

/** Its witness is decided at its hop as the share says, with the rule and without. */
function assertWitness(node: Node, share: RuleShare, each: Otherwise): void {
  const { witness, marked } = each;
  const pass = passOf(node, share.place, each, each.family);
  const without = passOf(
    nodeWithout(node, share.position),
    share.place,
    { ...each, marked: false },
    each.family,
  );
  const words = `${share.place} ${share.line} ${each.where} ${each.lines.join("; ")}`;
  assert.equal(nameOf(pass.rule(witness, { marked })), each.is, words);
  assert.equal(nameOf(without.rule(witness, { marked })), each.would, words);
}

const seen = new Map<string, number>();

function assertRule(
  node: Node,
  shares: readonly RuleShare[],
  flows: readonly Flow[],
  pairs: typeof PAIRS,
): void {
  const [first] = shares;
  assert.ok(first);
  for (const share of shares)
    seen.set(share.reason ?? share.verdict, (seen.get(share.reason ?? share.verdict) ?? 0) + 1);
  if (shares.some(isUnwritten)) return;
  for (const share of shares) {
    assert.equal(share.verdict === "dead", share.decides.length === 0);
    // A group's rule that two GROUP lines of a place bring in is gone from both.
    if (shares.filter(({ place }) => place === share.place).length === 1)
      for (const each of share.without) assertWitness(node, share, each);
  }
  if (shares.some(({ without }) => without.length > 0)) return;
  if (new Set(shares.map(({ place }) => place)).size < shares.length) return;
  const other = nodeWithout(node, first.position);
  const words = `${first.place} ${first.line}: ${first.why}`;
  for (const flow of flows) assert.equal(said(other, flow), said(node, flow), words);
  assertSame(node, other, pairs, words);
}

test("Proxmox's files: a rule that alone decides nothing may go, and each witness fares otherwise without its rule", () => {
  const flows = fc.array(randomFlow, { minLength: 20, maxLength: 20 });
  fc.assert(
    fc.property(randomFiles, flows, (texts, chosen) => {
      const node = generalNode(texts);
      for (const shares of byRule(node)) assertRule(node, shares, chosen, PAIRS);
    }),
    { numRuns: 60 },
  );
  for (const kind of [
    "alone",
    "redundant",
    "shadowed",
    "no-match",
    "taken-before",
    "switched-off",
    "unfiltered",
  ])
    assert.ok((seen.get(kind) ?? 0) > 5, `${kind}: ${seen.get(kind)}`);
});

test("Phoenix files: likewise", () => {
  fc.assert(
    fc.property(randomEstate, (estate) => {
      const node = nodeOf(estate);
      for (const shares of byRule(node)) assertRule(node, shares, [], PHOENIX_PAIRS);
    }),
    { numRuns: 60 },
  );
});

for (const [number, [words, ...cases]] of Object.entries(TRAPS))
  test(`trap ${number}, ${words}: likewise`, () => {
    for (const [, files, flow] of cases) {
      const node = generalNode(files);
      for (const shares of byRule(node)) assertRule(node, shares, [{ ...TRAP_FLOW, ...flow }], PAIRS);
    }
  });
