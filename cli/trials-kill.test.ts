/** A verify killed while it disturbs a lab of its own leaves nothing, and neither does one that is asked to end. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Run } from "../audit/run.ts";
import { phx, phxProcess } from "../fixtures/phx.ts";
import { readLabFile } from "../lab/files.ts";
import { differences, snapshotRoot } from "../lab/isolation.ts";
import { type Lab, standingLabs } from "../lab/lab.ts";
import { recordedNames } from "../lab/record.ts";
import { awaitReady, BOUND } from "../lab/waits.ts";

const needsRoot = { skip: process.getuid?.() !== 0 && "only root can make a lab" };
const out = mkdtempSync(join(tmpdir(), "phx-trials-kill-"));
process.env["PHX_OUT"] = out;
after(() => rmSync(out, { recursive: true, force: true }));

/** The lab made for a control, once `isThere` holds of it. */
function labOf(control: string, isThere: (lab: Lab) => boolean): Promise<Lab> {
  const look = () => standingLabs().find(({ name }) => name.includes(`-${control}-`));
  const there = () => {
    const lab = look();
    return lab && isThere(lab) ? lab : undefined;
  };
  return awaitReady(`the lab of ${control}`, "to be there", there, 2 * BOUND.certificatesMs);
}

/** Traefik's certificates are being made short, or are so already. */
function isInTrial(lab: Lab): boolean {
  return readLabFile(lab, "/run/phx/102/traefik.yml")?.includes('"certificatesDuration": 1,') === true;
}

const MOMENTS = {
  "as the second lab is made": () => true,
  "in the midst of its trial": isInTrial,
};

for (const [moment, isThere] of Object.entries(MOMENTS))
  test(`SIGKILL ${moment}: no process, lab or link is left`, needsRoot, async () => {
    const before = snapshotRoot();
    const verify = phxProcess(["verify", "--controls", "PKI-005"]);
    await labOf("pki-005", isThere);
    verify.child.kill("SIGKILL");
    assert.equal(await verify.end(), "SIGKILL");
    await verify.leavesNone();
    assert.deepEqual(differences(before, snapshotRoot()), []);
    await phx(["destroy"]);
    assert.deepEqual(recordedNames(), []);
    assert.deepEqual(readdirSync(out), []);
  });

test(
  "SIGTERM in the midst of a trial: the run is written, INCOMPLETE, and both labs are gone",
  needsRoot,
  async () => {
    const before = snapshotRoot();
    const verify = phxProcess(["verify", "--controls", "PKI-005"]);
    await labOf("pki-005", isInTrial);
    verify.child.kill("SIGTERM");
    assert.equal(await verify.end(), 3);
    await verify.leavesNone();
    assert.deepEqual(differences(before, snapshotRoot()), []);
    assert.deepEqual(recordedNames(), []);
    const [folder = ""] = readdirSync(out);
    const run = Run.parse(JSON.parse(readFileSync(join(out, folder, "run.json"), "utf8")));
    assert.deepEqual([run.verdict.word, run.findings], ["INCOMPLETE", []]);
    rmSync(join(out, folder), { recursive: true });
  },
);

test(
  "the second lab's init killed: the harness is at fault, and the control is not blamed",
  needsRoot,
  async () => {
    const verify = phxProcess(["verify", "--controls", "PKI-005"]);
    const { initPid } = await labOf("pki-005", isInTrial);
    process.kill(initPid, "SIGKILL");
    assert.equal(await verify.end(), 4);
    await verify.leavesNone();
    const [folder = ""] = readdirSync(out);
    const run = Run.parse(JSON.parse(readFileSync(join(out, folder, "run.json"), "utf8")));
    assert.deepEqual(
      run.findings.map(({ control, result }) => `${control} ${result}`),
      ["PKI-005 error"],
    );
    assert.equal(run.isolation.equal, true);
  },
);
