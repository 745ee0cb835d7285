/** Proxmox, the model and the kernel must agree on every packet, and the rig must notice where they do not. */
import "../fixtures/own-labs.ts";
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test, type TestContext } from "node:test";
import fc from "fast-check";
import { compileFirewall } from "../converge/firewall.ts";
import { nodeNetwork } from "../converge/node-links.ts";
import { labName } from "../fixtures/network-lab.ts";
import { phxProcess } from "../fixtures/phx.ts";
import { randomFiles, randomFlow } from "../fixtures/random-node.ts";
import { sharedVectors, vectorsPath, worlds } from "../fixtures/vectors.ts";
import { decideOn } from "../policy/decide.ts";
import { explainDecision } from "../policy/explain.ts";
import type { Flow } from "../policy/flow.ts";
import type { Node } from "../policy/proxmox/node.ts";
import { agrees, nodeOfVector } from "../policy/vectors.ts";
import type { Hardware } from "../policy/world.ts";
import { Rig } from "../probes/rig.ts";
import { packetOf } from "./vector-live.ts";

const needsRoot = { skip: process.getuid?.() !== 0 && "only root can make a lab" };
const RUNS = Number(process.env["PHX_RUNS"] ?? 100);

function seedOf(t: TestContext): number {
  const seed = Number(process.env["PHX_SEED"] ?? randomInt(2 ** 31));
  t.diagnostic(`PHX_SEED=${seed}`);
  return seed;
}

/** Random configurations on a node's hardware; how often each verdict was given. */
async function assertAgree(
  t: TestContext,
  hardware: Hardware,
  numRuns: number,
): Promise<Map<string, number>> {
  await using rig = await Rig.build(labName(), nodeNetwork(hardware));
  const verdicts = new Map<string, number>();
  const flows = fc.array(randomFlow, { minLength: 20, maxLength: 60 });
  const agree = fc.asyncProperty(randomFiles, flows, async (files, packets) => {
    const node = nodeOfVector({ files }, hardware);
    await rig.load(compileFirewall(node));
    assert.deepEqual(await differences(rig, node, packets, verdicts), []);
  });
  await fc.assert(agree, { numRuns, seed: seedOf(t) });
  t.diagnostic(`${numRuns} configurations: ${JSON.stringify(Object.fromEntries(verdicts))}`);
  return verdicts;
}

/** What kernel and model say differently, in words. */
async function differences(rig: Rig, node: Node, flows: readonly Flow[], verdicts: Map<string, number>) {
  const outcomes = await rig.decide(flows.map(packetOf));
  const found: string[] = [];
  for (const [index, flow] of flows.entries()) {
    const decision = decideOn(node, flow);
    const outcome = outcomes[index];
    const reject = outcome?.verdict === "reject" ? outcome.reject : undefined;
    verdicts.set(decision.verdict, (verdicts.get(decision.verdict) ?? 0) + 1);
    if (outcome?.verdict === decision.verdict && reject === decision.reject) continue;
    const { path } = await rig.trace(packetOf(flow));
    const lines = path.map(({ chain, rule }) => `  -A ${chain} ${rule}`).join("\n");
    found.push(
      `${JSON.stringify(flow)}\nmodel ${explainDecision(decision)}\nkernel ${JSON.stringify(outcome)}\n${lines}`,
    );
  }
  return found;
}

test("random configurations: the kernel does with every packet what the model says", needsRoot, async (t) => {
  const verdicts = await assertAgree(t, worlds().general, RUNS);
  for (const verdict of ["accept", "drop", "reject"])
    assert.ok((verdicts.get(verdict) ?? 0) > RUNS, `${verdict} is hardly asked`);
});

test("the same where some interfaces have no firewall flag", needsRoot, async (t) => {
  const { host, nics } = worlds().general;
  const some = nics.map((nic) => ({ ...nic, flagged: !["101", "100i1", "200"].includes(nic.place) }));
  await assertAgree(t, { host, nics: some }, 20);
});

interface Result {
  readonly seed?: number;
  readonly casesDecided: number;
  readonly agreed: number;
  readonly unknown: number;
  readonly others: readonly unknown[];
}

async function vectorsLive(t: TestContext, ...args: string[]): Promise<Result> {
  const run = phxProcess(["vectors", ...args, "--live", "--json"]);
  let text = "";
  run.child.stdout?.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const status = await run.end();
  await run.leavesNone();
  assert.equal(status, 0, run.said().slice(0, 2000));
  const result = JSON.parse(text) as Result;
  t.diagnostic(
    `${args.join(" ")}: ${result.agreed} of ${result.casesDecided} agreed, seed ${result.seed ?? "none"}`,
  );
  return result;
}

test("all of pve-phoenix.jsonl: Proxmox, the model and the kernel agree", needsRoot, async (t) => {
  const file = vectorsPath(t, "pve-phoenix.jsonl");
  if (file === undefined) return;
  const { casesDecided, agreed, unknown, others } = await vectorsLive(t, file);
  assert.deepEqual([casesDecided, agreed, unknown, others], [8000, 8000, 0, []]);
});

test("a sample of pve-general.jsonl: Proxmox, the model and the kernel agree", needsRoot, async (t) => {
  const file = vectorsPath(t, "pve-general.jsonl");
  if (file === undefined) return;
  const seed = process.env["PHX_SEED"];
  const { casesDecided, agreed, others } = await vectorsLive(
    t,
    file,
    "--sample",
    "40",
    ...(seed === undefined ? [] : ["--seed", seed]),
  );
  assert.deepEqual(others, []);
  assert.equal(agreed, casesDecided);
});

test("with the rules of the next configuration the rig disagrees", needsRoot, async (t) => {
  const vectors = sharedVectors(t, "pve-phoenix.jsonl")?.slice(0, 11);
  if (!vectors) return;
  await using rig = await Rig.build(labName(), nodeNetwork(worlds().phoenix));
  const counts = { cases: 0, disagreed: 0, unknown: 0 };
  for (const [at, { vector, flows }] of vectors.slice(0, -1).entries()) {
    const next = vectors[at + 1];
    assert.ok(next);
    await rig.load(compileFirewall(next.node));
    for (const [index, outcome] of (await rig.decide(flows.map(packetOf))).entries()) {
      const each = vector.cases[index];
      counts.cases++;
      if (outcome.verdict === "unknown") counts.unknown++;
      else if (!each || !agrees(outcome, each)) counts.disagreed++;
    }
  }
  t.diagnostic(JSON.stringify(counts));
  assert.equal(counts.unknown, 0);
  assert.ok(counts.disagreed > counts.cases / 4, "the rig does not notice other rules");
});

test(
  "a packet that vanishes uncounted is unknown, never a drop; refused rules prove nothing",
  needsRoot,
  async () => {
    const { general } = worlds();
    await using rig = await Rig.build(labName(), nodeNetwork(general));
    const node = nodeOfVector({ files: { "cluster.fw": "[OPTIONS]\nenable: 1\n" } }, general);
    const rules = compileFirewall(node);
    const hole = "*raw\n:PREROUTING ACCEPT\n-A PREROUTING -s 10.9.9.9 -j DROP\nCOMMIT\n";
    await rig.load({ ...rules, iptables: rules.iptables + hole });
    const packet = (source: string) =>
      packetOf({ from: "outside", to: "101", proto: "tcp", source, dest: "10.0.0.7", dport: 80 });
    const [vanished, passed] = await rig.decide([packet("10.9.9.9"), packet("10.9.9.8")]);
    assert.deepEqual(passed, { verdict: "accept" });
    assert.match(JSON.stringify(vanished), /"unknown".*sent 1, found 0 delivered, 0 dropped/);
    await assert.rejects(rig.load({ ...rules, iptables: "*filter\n-A NOWHERE -j DROP\nCOMMIT\n" }), {
      code: "lab-command",
    });
  },
);
