import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compare, GENERAL, type HeaderSpace, PHOENIX } from "../../fixtures/brute-force.ts";
import { generalNode } from "../../fixtures/general-node.ts";
import { randomEstate } from "../../fixtures/random-estate.ts";
import { randomFiles } from "../../fixtures/random-node.ts";
import { type Node, nodeOf } from "../proxmox/node.ts";
import { NodeSpace } from "./node-space.ts";

/* A sample of what `bench/space.ts` asks of 1,000 estates. */

const ESTATES = 50;
/** The packets of these pairs alone; which ones changes with each estate. */
const PAIRS_EACH = 2;

const KINDS: readonly (readonly [string, fc.Arbitrary<Node>, HeaderSpace])[] = [
  ["Proxmox's files", randomFiles.map(generalNode), GENERAL],
  ["Phoenix JSON", randomEstate.map((estate) => nodeOf(estate)), PHOENIX],
];

for (const [words, nodes, space] of KINDS)
  test(`${words}: the sets say of every packet of a reduced header space what the model says`, (t) => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    t.diagnostic(`seed ${seed}`);
    let total = 0;
    for (const [index, node] of fc.sample(nodes, { numRuns: ESTATES, seed }).entries()) {
      const pairs = space.pairs.filter((_, at) => (at + index) % (space.pairs.length / PAIRS_EACH) === 0);
      const { asked, disagreements } = compare(node, new NodeSpace(node), { ...space, pairs }, 3);
      assert.deepEqual(disagreements.slice(0, 3), [], `seed ${seed}, estate ${index}`);
      total += asked;
    }
    t.diagnostic(`${total} packets of ${ESTATES} estates, 0 disagreements`);
  });
