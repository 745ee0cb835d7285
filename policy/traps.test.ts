import assert from "node:assert/strict";
import { test } from "node:test";
import { generalNode } from "../fixtures/general-node.ts";
import { TRAP_FLOW, TRAPS } from "../fixtures/traps.ts";
import { decideOn } from "./decide.ts";
import { explainDecision } from "./explain.ts";

/** 1 and 2 break what holds of other rules: properties.test.ts. 35: standing.test.ts. */
const ELSEWHERE = [1, 2, 35];
/** The kernel refuses the rules that these make: no packet is decided by them. */
const NO_DECISION = [32];

for (const [number, [words, ...cases]] of Object.entries(TRAPS))
  test(`trap ${number}: ${words}`, () => {
    for (const [why, files, flow, verdict] of cases) {
      const decision = decideOn(generalNode(files), { ...TRAP_FLOW, ...flow });
      assert.equal(decision.verdict, verdict, `${why}: ${explainDecision(decision)}`);
    }
  });

test("every trap has a test", () => {
  const told = [...Object.keys(TRAPS).map(Number), ...ELSEWHERE, ...NO_DECISION];
  assert.deepEqual(
    told.sort((a, b) => a - b),
    Array.from({ length: 36 }, (_, index) => index + 1),
  );
});
