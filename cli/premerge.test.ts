/** A change is proved twice, on BASE and on HEAD; who approves is BASE; what is wrong is told before any lab. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Premerge } from "../audit/premerge.ts";
import "../fixtures/own-labs.ts";
import type { Ended } from "../fixtures/phx.ts";
import type { Files } from "../fixtures/reference.ts";
import { repository } from "../fixtures/repository.ts";
import { recordedNames } from "../lab/record.ts";

const needsRoot = { skip: process.getuid?.() !== 0 && "only root can make a lab" };
const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));
const out = mkdtempSync(join(tmpdir(), "phx-premerge-test-"));
after(() => rmSync(out, { recursive: true, force: true }));

function premergeIn(cwd: string, ...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { cwd, env: { ...process.env, PHX_OUT: out }, maxBuffer: Infinity };
    const child = execFile(process.execPath, [MAIN, "premerge", ...args], options, (_error, stdout, stderr) =>
      resolve({ status: child.exitCode, stdout, stderr }),
    );
  });
}

/** One rule more, which violates no control: Traefik may reach tcp 3001 of a backend. */
function open({ lxc }: Files): void {
  const rule = {
    type: "in",
    action: "ACCEPT",
    proto: "tcp",
    port: "3001",
    source: "10.0.0.12",
    comment: "c",
  };
  lxc.lxc_configs["801"].firewall.rules.push(rule);
}

const APPROVAL = {
  from: "102",
  to: "801",
  flows: ["tcp 3001"],
  owner: "net",
  reason: "a console",
  ticket: "NET-7",
  expires: "2999-01-01",
};

/** A repository whose HEAD opens a port; `conformance` is written on BASE (`main`) or on HEAD. */
function opened(on?: "main" | "work") {
  const repo = repository();
  const commit = (branch: "main" | "work") => {
    if (branch === on)
      writeFileSync(join(repo.path, "etc/conformance.json"), JSON.stringify({ approvals: [APPROVAL] }));
    repo.git("add", "-A");
    repo.git("commit", "-qm", branch, "--allow-empty");
  };
  commit("main");
  repo.git("checkout", "-qb", "work");
  repo.write(open);
  commit("work");
  return repo;
}

const CASES = [
  ["nobody approves: 1", undefined, 1],
  ["BASE approves: 0", "main", 0],
  ["HEAD approves itself: 1", "work", 1],
] as const;

for (const [title, on, status] of CASES)
  test(`a port that HEAD opens, ${title}; dropped on BASE and arrived on HEAD`, needsRoot, async () => {
    using repo = opened(on);
    const folder = join(out, `result-${on}`);
    const args = ["main..work", "--controls", "CFG-001", "--out", folder, "--", "etc"];
    const said = await premergeIn(repo.path, ...args);
    assert.equal(said.status, status, said.stdout + said.stderr);
    const premerge = Premerge.parse(JSON.parse(readFileSync(join(folder, "premerge.json"), "utf8")));
    assert.equal(premerge.signature, "UNSIGNED");
    assert.equal(premerge.verdict.exit, status);
    assert.equal(premerge.head.commit, repo.git("rev-parse", "work").trim());
    const [change, ...others] = premerge.shown;
    assert.deepEqual(others, []);
    assert.equal(change?.result, "shown");
    const [pair] = change?.pairs ?? [];
    assert.match(pair?.base.observed ?? "", /^1 of 1 refused: dropped tcp\/3001$/);
    assert.match(pair?.head.observed ?? "", /^1 of 1 arrived: (?:no-listener|delivered) tcp\/3001$/);
    assert.deepEqual(Object.keys(pair?.base.proofs ?? {}).toSorted(), [
      "drop",
      "silence",
      "stimulus",
      "twin",
    ]);
    for (const side of [pair?.base, pair?.head])
      for (const name of side?.frames?.length ? side.frames : ["no frames"])
        assert.ok(existsSync(join(folder, name)), name);
    const text = readFileSync(join(folder, "premerge.md"), "utf8");
    assert.ok(text.length <= 65_536);
    for (const part of [/UNSIGNED/, /Shown by packets/, /Not tested/, /EDGE-001.*left out by the request/])
      assert.match(text, part);
    const junit = readFileSync(join(folder, "junit.xml"), "utf8");
    assert.equal(/<failure message="nobody approved it on BASE"/.test(junit), status === 1);
    const sarif = JSON.parse(readFileSync(join(folder, "results.sarif"), "utf8")) as {
      runs: { results: { ruleId: string }[] }[];
    };
    const found = sarif.runs.flatMap(({ results }) => results.map(({ ruleId }) => ruleId));
    assert.equal(found.includes("newly-allowed"), status === 1);
    assert.ok(existsSync(join(folder, "run.json")));
    assert.deepEqual(recordedNames(), []);
  });

test("bad input is told with exit 2, before a lab or a folder is made", async () => {
  using repo = opened();
  writeFileSync(join(repo.path, "etc/phoenix_vm_configs.json"), "{");
  repo.git("commit", "-qam", "broken");
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["main", "main"], /premerge: expected two sides that differ/],
    [["main", "nosuch"], /\[revision-unknown\]/],
    [["main", "work"], /HEAD work .*\[json-syntax\]/],
    [["work", "main"], /BASE work .*\[json-syntax\]/],
    [["main", "work~1", "--target", "moon"], /--target moon/],
    [["main", "work~1", "--controls", "EGDE"], /\[control-unknown\]/],
    [["main", "work~1", "--out", repo.path], /a new or an empty folder/],
    [[], /phx premerge: expected BASE HEAD/],
  ];
  const before = readdirSync(out);
  for (const [args, expected] of cases) {
    const said = await premergeIn(repo.path, ...args);
    assert.equal(said.status, 2, said.stderr);
    assert.match(said.stderr, expected);
  }
  assert.deepEqual(readdirSync(out), before);
});
