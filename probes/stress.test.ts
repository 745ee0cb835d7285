import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import { stress } from "../fixtures/stress.ts";
import { CONDITIONS } from "../fixtures/stress-conditions.ts";

/* A sample of `node bench/stress.ts`: unknown is allowed, wrong is not. */

const needsRoot = { skip: process.getuid?.() !== 0 && "only root can make a lab" };
const SAMPLED = [
  "1 % lost behind the rules",
  "5 % lost behind the rules",
  "reordered behind the rules",
  "others dropped, one each 5 ms, and all UDP lost",
];
const ONE_ROUND = 1;

for (const title of SAMPLED)
  test(`${title}: no outcome is wrong`, needsRoot, async (context) => {
    const condition = CONDITIONS.find((each) => each.title === title) ?? assert.fail(title);
    const seed = randomInt(2 ** 31);
    context.diagnostic(`seed ${seed}`);
    const tally = await stress({ ...condition, whole: 1_000, small: 2 }, ONE_ROUND, seed);
    assert.equal(tally.wrong, 0, `seed ${seed}: ${tally.examples.join("; ")}`);
    assert.ok(tally.right > 0, `seed ${seed}: all ${tally.unknown} unknown`);
  });
