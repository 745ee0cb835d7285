/** However a verify is ended, nothing of it stays; a run that ends in order is written and says what it is. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Run } from "../audit/run.ts";
import { estateFolder, phx, phxProcess } from "../fixtures/phx.ts";
import { differences, snapshotRoot } from "../lab/isolation.ts";
import { recordedNames } from "../lab/record.ts";
import { awaitReady, BOUND } from "../lab/waits.ts";

const needsRoot = { skip: process.getuid?.() !== 0 && "only root can make a lab" };
const out = mkdtempSync(join(tmpdir(), "phx-verify-test-"));
process.env["PHX_OUT"] = out;
after(() => rmSync(out, { recursive: true, force: true }));

function runFolders(): string[] {
  return readdirSync(out).map((name) => join(out, name));
}

function readRunOf(folder: string): Run {
  return JSON.parse(readFileSync(join(folder, "run.json"), "utf8")) as Run;
}

/** The folder of the run that is under way, once it holds a file of that name. */
function runHolding(name: RegExp): Promise<string> {
  const look = () => runFolders().find((folder) => readdirSync(folder).some((file) => name.test(file)));
  return awaitReady("the run's folder", `a file ${name.source}`, look, BOUND.certificatesMs);
}

/** Name of the lab that the run of this folder made. */
function labOf(folder: string): string | undefined {
  return recordedNames().find((name) => name.startsWith(`verify-${folder.slice(-4)}-`));
}

const MOMENTS = { "mid-converge": /^running\./, "mid-probe": /^session\.json$/ };

for (const [moment, file] of Object.entries(MOMENTS)) {
  test(
    `verify killed ${moment}: nothing is left, and the next command sweeps its folder`,
    needsRoot,
    async () => {
      const before = snapshotRoot();
      const verify = phxProcess(["verify"]);
      const folder = await runHolding(file);
      await awaitReady("the lab of the run", "a record", () => labOf(folder), BOUND.labStartMs);
      verify.child.kill("SIGKILL");
      assert.equal(await verify.end(), "SIGKILL");
      await verify.leavesNone();
      assert.deepEqual(differences(before, snapshotRoot()), []);
      const next = await phx(["destroy"]);
      assert.match(next.stderr, /swept .*its phx was killed/);
      assert.equal(existsSync(folder), false);
    },
  );
}

test("SIGTERM mid-probe: the run is written, it is INCOMPLETE, and the lab is gone", needsRoot, async () => {
  const before = snapshotRoot();
  const verify = phxProcess(["verify"]);
  const folder = await runHolding(/^session\.json$/);
  verify.child.kill("SIGTERM");
  assert.notEqual(await verify.end(), 0);
  await verify.leavesNone();
  assert.deepEqual(differences(before, snapshotRoot()), []);
  const run = readRunOf(folder);
  assert.equal(run.verdict.word, "INCOMPLETE");
  assert.equal(run.verdict.exit, 3);
  assert.equal(existsSync(join(folder, "report.html")), true);
});

test(
  "the lab's init killed mid-probe: the harness is at fault, and no control is blamed",
  needsRoot,
  async () => {
    const verify = phxProcess(["verify"]);
    const folder = await runHolding(/^session\.json$/);
    const { lab } = JSON.parse(readFileSync(join(folder, "session.json"), "utf8")) as {
      lab: { initPid: number };
    };
    process.kill(lab.initPid, "SIGKILL");
    assert.equal(await verify.end(), 3);
    const run = readRunOf(folder);
    assert.equal(run.verdict.word, "INCOMPLETE");
    assert.match(run.faults.join(), /the lab ended before the run did/);
    assert.deepEqual(
      run.findings.filter(({ result }) => result === "fail"),
      [],
    );
  },
);

test(
  "an estate with a gap: exit 1, the guest and what to do, each observation made once",
  needsRoot,
  async () => {
    using open = estateFolder(({ lxc }) => {
      delete lxc.lxc_configs[802].firewall;
    });
    const known = runFolders();
    const { status, stdout } = await phx(["verify", open.path]);
    assert.equal(status, 1);
    assert.match(stdout, /guest 802 .* is reached from wan, .*: give it a firewall section that is enabled/);
    const run = readRunOf(runFolders().find((folder) => !known.includes(folder)) ?? "");
    const ids = run.observations.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    const leak = run.findings
      .flatMap(({ checks }) => checks)
      .find(({ result, proofs }) => result === "fail" && proofs);
    assert.equal(leak?.proofs?.silence, undefined);
    assert.equal(leak?.proofs?.drop, undefined);
  },
);

test("two at once, of different files, each conformant in its own world", needsRoot, async () => {
  using other = estateFolder(({ lxc }) => {
    lxc.lxc_configs[801].firewall.rules[0].port = "3001";
    lxc.lxc_configs[801].ports = ["3001:3001"];
  });
  const both = await Promise.all([phx(["verify"]), phx(["verify", other.path])]);
  assert.deepEqual(
    both.map(({ status }) => status),
    [0, 0],
    both.map(({ stdout, stderr }) => stdout + stderr).join(),
  );
});

test("a run outside of what was asked is said to be narrowed, never passed", needsRoot, async () => {
  const { status, stdout } = await phx(["verify", "--controls", "CFG-001"]);
  assert.equal(status, 0);
  assert.match(stdout, /PARTIAL: 1 of 40 controls covered/);
});

test("bad input: exit 2 with its place, and no run begins", async () => {
  const before = runFolders().length;
  using broken = estateFolder(({ lxc }) => {
    lxc.lxc_configs[801].network_config.ip = "10.0.0.12/24";
  });
  const { status, stderr } = await phx(["verify", broken.path]);
  assert.equal(status, 2);
  assert.match(stderr, /phoenix_lxc_configs\.json:\d+:\d+.*address-twice/);
  const unknown = await phx(["verify", "--controls", "EGDE"]);
  assert.equal(unknown.status, 2);
  assert.match(unknown.stderr, /Did you mean EDGE\?/);
  assert.equal(runFolders().length, before);
});
