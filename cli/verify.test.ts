/** However a verify is ended, nothing of it stays; a run that ends in order is written and says what it is. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Run } from "../audit/run.ts";
import { estateFolder, phx, phxProcess } from "../fixtures/phx.ts";
import { NEWER, REFERENCE, SECRETS } from "../fixtures/reference.ts";
import { differences, snapshotRoot } from "../lab/isolation.ts";
import { recordedNames } from "../lab/record.ts";
import { awaitReady, BOUND } from "../lab/waits.ts";
import { places } from "../policy/place.ts";
import { readEstate } from "../policy/read.ts";

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
    const verify = phxProcess(["verify", "--undisturbed"]);
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
    const { status, stdout } = await phx(["verify", open.path, "--undisturbed"]);
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

/** The run of this estate, of those that were not known before. */
function newRunOf(folder: string, known: readonly string[]): Run {
  const runs = runFolders().filter((each) => !known.includes(each));
  const found = runs.map(readRunOf).filter(({ estate }) => estate.folder === folder);
  assert.equal(found.length, 1);
  return found[0] as Run;
}

test(
  "two at once, one estate in either generation's form, each in its own world: the same controls, the same results",
  needsRoot,
  async () => {
    const known = runFolders();
    const both = await Promise.all([REFERENCE, NEWER].map((folder) => phx(["verify", folder])));
    const printed = both.map(({ stdout, stderr }) => stdout + stderr).join("");
    assert.deepEqual(
      both.map(({ status }) => status),
      [0, 0],
      printed,
    );
    const [older, newer] = [newRunOf(REFERENCE, known), newRunOf(NEWER, known)];
    const results = ({ findings }: Run) => findings.map(({ control, result }) => `${control} ${result}`);
    assert.deepEqual(results(newer), results(older));
    assert.deepEqual(newer.verdict.counts, older.verdict.counts);
    // The backend that only the stack's labels give, seen through Nginx and Traefik (by a request, and by a browser at either
    // place outside), and denied to all others.
    const asked = newer.findings.flatMap(({ control, checks }) =>
      checks.filter(({ expected }) => /guest 1002\b/.test(expected)).map(() => control),
    );
    assert.deepEqual(asked, ["EDGE-003", "EDGE-003", "EDGE-003"]);
    const cell = newer.matrix.find(({ from, to }) => from === "102" && to === "1002");
    assert.deepEqual([cell?.state, cell?.allowed], ["open", ["tcp/6333"]]);
    assert.doesNotMatch(JSON.stringify([older, newer]) + printed, SECRETS);
  },
);

test("a run outside of what was asked is said to be narrowed, never passed", needsRoot, async () => {
  const { status, stdout } = await phx(["verify", "--controls", "CFG-001"]);
  assert.equal(status, 0);
  assert.match(stdout, /PARTIAL: 1 of 40 controls covered/);
});

test(
  "--exhaustive: every port, type and protocol of each pair is asked, and what was asked in full is not sampled",
  needsRoot,
  async () => {
    const known = runFolders();
    const { status, stdout, stderr } = await phx(["verify", "--exhaustive", "--controls", "FW-001"]);
    assert.equal(status, 0, stdout + stderr);
    const run = newRunOf(REFERENCE, known);
    assert.deepEqual(
      run.findings.map(({ control, sampled }) => [control, sampled]),
      [["FW-001", undefined]],
    );
    const packets = run.observations.flatMap((seen) => (seen.kind === "packets" ? [seen.sent] : []));
    const senders = places(readEstate(REFERENCE)).length - 1;
    assert.deepEqual(packets, Array(senders).fill([131_071, 508]).flat());
    const asked = senders * (131_071 + 508);
    assert.deepEqual(run.flows, { asked, of: asked });
    const flows = asked.toLocaleString("en-US");
    assert.match(
      stdout,
      new RegExp(`^flows +${flows} of ${flows} asked, none unknown; packet classes ([\\d,]+) of \\1$`, "m"),
    );
    assert.doesNotMatch(stdout, /^rules /m);
    assert.ok(run.coverage?.some(({ unasked }) => unasked));
    assert.ok(run.standing.includes("wan > host ip/2"));
    assert.match(run.command, /--exhaustive/);
  },
);

test(
  "--undisturbed: what disturbs is excluded with its reason, no lab is made for it, PARTIAL",
  needsRoot,
  async () => {
    const known = runFolders();
    const { status } = await phx(["verify", "--undisturbed", "--controls", "CFG"]);
    assert.equal(status, 0);
    const run = readRunOf(runFolders().find((folder) => !known.includes(folder)) ?? "");
    const apart = run.controls.find(({ id }) => id === "CFG-003");
    assert.deepEqual(
      [apart?.scope, apart?.scopeReason],
      ["excluded", "it disturbs: left out by --undisturbed"],
    );
    assert.deepEqual(
      run.findings.map(({ control }) => control),
      ["CFG-001"],
    );
    assert.equal(run.verdict.word, "PARTIAL");
  },
);

test(
  "a control in a lab of its own: its observations bear its id, and it says nothing of the first lab",
  needsRoot,
  async () => {
    const known = runFolders();
    const { status } = await phx(["verify", "--controls", "PKI-002,PKI-006,CFG-003"]);
    assert.equal(status, 0);
    const run = readRunOf(runFolders().find((folder) => !known.includes(folder)) ?? "");
    const ids = run.observations.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    for (const { control, checks } of run.findings)
      for (const id of checks.flatMap(({ evidence }) => evidence)) {
        assert.equal(id.startsWith(`${control}: `), control !== "PKI-002", id);
        assert.ok(ids.includes(id), id);
      }
  },
);

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
  const nothing = await phx(["verify", "--undisturbed", "--controls", "PKI-005,CFG-003"]);
  assert.equal(nothing.status, 2);
  assert.match(nothing.stderr, /--controls PKI-005,CFG-003/);
  assert.match(unknown.stderr, /Did you mean EDGE\?/);
  assert.equal(runFolders().length, before);
});
