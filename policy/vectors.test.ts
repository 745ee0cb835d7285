import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { decide } from "./decide.ts";
import { agrees, estateOfVector, flowOfCase, PhoenixVector, PhoenixWorld } from "./vectors.ts";

const FOLDER = new URL("../../shared/vectors/", import.meta.url);
const ABSENT = "vectors absent: not checked (PHX_NO_SHARED=1 allows it)";

function lines(): PhoenixVector[] {
  const text = readFileSync(new URL("pve-phoenix.jsonl", FOLDER), "utf8");
  return text
    .trim()
    .split("\n")
    .map((line) => PhoenixVector.parse(JSON.parse(line)));
}

function disagreements(vector: PhoenixVector, world: PhoenixWorld): string[] {
  const estate = estateOfVector(vector, world);
  return vector.cases.flatMap((vectorCase) => {
    const decision = decide(estate, flowOfCase(vectorCase), "all");
    return agrees(decision, vectorCase) ? [] : [JSON.stringify({ id: vector.id, vectorCase, decision })];
  });
}

test("the model decides every case of pve-phoenix.jsonl as Proxmox did", (t) => {
  if (!existsSync(FOLDER)) {
    console.error(ABSENT);
    assert.equal(process.env["PHX_NO_SHARED"], "1", ABSENT);
    t.todo(ABSENT);
    return;
  }
  const world = PhoenixWorld.parse(JSON.parse(readFileSync(new URL("world.json", FOLDER), "utf8")));
  const vectors = lines();
  const cases = vectors.reduce((sum, vector) => sum + vector.cases.length, 0);
  const wrong = vectors.flatMap((vector) => disagreements(vector, world));
  t.diagnostic(`pve-phoenix.jsonl: ${cases - wrong.length} of ${cases} agreed`);
  assert.deepEqual(wrong.slice(0, 5), []);
  assert.equal(cases, 8000);
});
