import assert from "node:assert/strict";
import { test } from "node:test";
import { phoenixVectors } from "../fixtures/vectors.ts";
import { decide } from "./decide.ts";
import { agrees, estateOfVector, flowOfCase, type PhoenixVector, type PhoenixWorld } from "./vectors.ts";

function disagreements(vector: PhoenixVector, world: PhoenixWorld): string[] {
  const estate = estateOfVector(vector, world);
  return vector.cases.flatMap((each) => {
    const decision = decide(estate, flowOfCase(each), "all");
    return agrees(decision, each) ? [] : [JSON.stringify({ id: vector.id, case: each, decision })];
  });
}

test("the model decides every case of pve-phoenix.jsonl as Proxmox did", (t) => {
  const loaded = phoenixVectors(t);
  if (!loaded) return;
  const { world, vectors, cases } = loaded;
  const wrong = vectors.flatMap((vector) => disagreements(vector, world));
  t.diagnostic(`pve-phoenix.jsonl: ${cases - wrong.length} of ${cases} agreed`);
  assert.deepEqual(wrong.slice(0, 5), []);
  assert.equal(cases, 8000);
});
