import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { mistakes } from "../../fixtures/mistakes.ts";
import { randomNetwork } from "../../fixtures/random-estate.ts";
import { NEWER, REFERENCE } from "../../fixtures/reference.ts";
import { decide } from "../decide.ts";
import type { Estate } from "../estate.ts";
import { readEstate } from "../read.ts";
import { flowOfPacket } from "../space/witness.ts";
import { type Leak, leaksOf, leaksOn, lineOf } from "./leaks.ts";
import { tasteOf } from "./reach.ts";
import { countPairs, pairsOf, REQUIREMENTS, type Requirement } from "./requirement.ts";

/** What is to be found, by its definition: pair by pair. */
function pairwise(estate: Estate, requirement: Requirement): readonly Leak[] {
  const all = [...pairsOf(estate, requirement)].flatMap((pair) => leaksOn(estate, requirement, pair));
  return [...Map.groupBy(all, ({ decider }) => lineOf(decider)).values()].map((own) => ({
    reaches: own.filter(({ from, to }) => from === own[0]?.from && to === own[0].to),
    pairs: new Set(own.map(({ from, to }) => `${from} ${to}`)).size,
  }));
}

/** As a value that says where two differ; equal sets of one space are one diagram. */
function told(leaks: readonly Leak[]) {
  return leaks.map(({ reaches, pairs }) => ({
    pairs,
    reaches: reaches.map(({ set, decider, ...pair }) => ({
      ...pair,
      line: lineOf(decider),
      set: set.diagram.id,
    })),
  }));
}

function agrees(estate: Estate): void {
  for (const requirement of REQUIREMENTS) {
    const found = leaksOf(estate, requirement);
    assert.deepEqual(told(found), told(pairwise(estate, requirement)), requirement.control);
    assert.equal(countPairs(estate, requirement), [...pairsOf(estate, requirement)].length);
    for (const leak of found) passes(estate, leak);
  }
}

/** Each witness is a packet that the model lets through by that line. */
function passes(estate: Estate, { reaches }: Leak): void {
  for (const { from, to, set, decider } of reaches) {
    const packet = set.witness(tasteOf(estate, from, to));
    assert.ok(packet);
    const decision = decide(estate, flowOfPacket(packet, from, to));
    assert.equal(decision.verdict, "accept");
    assert.equal(lineOf(decision.decider), lineOf(decider));
  }
}

for (const { name, folder } of mistakes())
  test(`what leaks in ${name} is what leaks pair by pair`, () => {
    agrees(readEstate(folder));
  });

test("in the reference estate and its newer form nothing leaks, pair by pair or at once", () => {
  for (const folder of [REFERENCE, NEWER]) {
    const estate = readEstate(folder);
    agrees(estate);
    assert.deepEqual(
      REQUIREMENTS.flatMap((each) => leaksOf(estate, each)),
      [],
    );
  }
});

test("of random estates what leaks is what leaks pair by pair, in its order, with its sets and counts", () => {
  fc.assert(fc.property(randomNetwork, agrees), { numRuns: 100 });
});
