import assert from "node:assert/strict";
import { test } from "node:test";
import { sharedVectors, worlds } from "../fixtures/vectors.ts";
import { decideOn } from "./decide.ts";
import { type ReadVector, readVectors } from "./vector-file.ts";
import { agrees } from "./vectors.ts";

function disagreements({ vector, node, estateNode, flows }: ReadVector): string[] {
  return vector.cases.flatMap((each, index) => {
    const flow = flows[index];
    if (!flow) return [`${vector.id} without flow ${index}`];
    const decisions = [node, ...(estateNode ? [estateNode] : [])].map((each) => decideOn(each, flow));
    return decisions.every((decision) => agrees(decision, each))
      ? []
      : [JSON.stringify({ id: vector.id, case: each, decisions })];
  });
}

for (const [file, count] of [
  ["pve-phoenix.jsonl", 8000],
  ["pve-general.jsonl", 7303],
] as const)
  test(`the model decides every case of ${file} as Proxmox did`, (t) => {
    const before = process.cpuUsage();
    const vectors = sharedVectors(t, file);
    if (!vectors) return;
    const wrong = vectors.flatMap(disagreements);
    const cases = vectors.reduce((sum, { flows }) => sum + flows.length, 0);
    const { user, system } = process.cpuUsage(before);
    const seconds = (user + system) / 1e6;
    t.diagnostic(
      `${file}: ${cases - wrong.length} of ${cases} agreed in ${seconds.toFixed(2)} s of one core`,
    );
    assert.ok(seconds < 2.5, "half of the 5 s that both files may take");
    assert.deepEqual(wrong.slice(0, 5), []);
    assert.equal(cases, count);
  });

test("a guest of the Phoenix JSON that the world lacks is refused at its place", () => {
  const estate = {
    host: { ip: "10.0.0.13", firewall: { enabled: true } },
    guests: { "999": { ip: "10.0.0.9" } },
  };
  const line = JSON.stringify({ id: 1, files: {}, estate, cases: [] });
  assert.throws(
    () => readVectors("a.jsonl", line, worlds()),
    /^HarnessError: a\.jsonl:1:100 \/estate\/guests\/999: expected one of 1001, .*, found 999\..*\[vector-invalid\]$/,
  );
});
