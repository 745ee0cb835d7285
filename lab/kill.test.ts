/** However a phx ends, nothing of its lab stays but the record that the next command sweeps. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type LabProcess, labProcess } from "../fixtures/lab-process.ts";
import { labName } from "../fixtures/network-lab.ts";
import { differences, snapshotRoot } from "./isolation.ts";
import { destroyLab, findLab, standingLabs, sweepLabs } from "./lab.ts";
import { recordedNames } from "./record.ts";
import { readBack } from "./waits.ts";

const FOREVER = "setInterval(() => {}, 1e6);";
const started = (name: string) => `
  const owned = await createLab("${name}");
  await createNamespaces(owned.lab, ["a", "b"]);
  console.log("ready");`;
const busy = (name: string) => `${started(name)}
  await startDaemon(owned.lab, "a", ["sleep", "100000"], { log: "/run/phx/a.log" });
  await startDaemon(owned.lab, "b", ["sh", "-c", "trap '' TERM INT HUP; sleep 100000; :"], { log: "/run/phx/b.log" });
  void execute(owned.lab, "b", ["sh", "-c", "sleep 100000; :"]);
  console.log("busy");`;

async function leavesNothing(
  program: LabProcess,
  name: string,
  signal: NodeJS.Signals,
  afterwards = () => {},
): Promise<void> {
  const before = snapshotRoot();
  assert.notDeepEqual(program.left(), [], "it had processes to leave");
  program.child.kill(signal);
  await once(program.child, "exit");
  assert.equal(program.child.signalCode, signal);
  afterwards();
  await program.leavesNone();
  assert.deepEqual(differences(before, snapshotRoot()), []);
  assert.deepEqual(
    standingLabs().filter((lab) => lab.name === name),
    [],
  );
  sweepLabs();
  assert.ok(!recordedNames().includes(name), "the record is swept");
}

for (const signal of ["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"] as const) {
  test(`${signal} of an idle lab's phx`, async () => {
    const name = labName();
    const program = labProcess(started(name) + FOREVER);
    await program.until("ready");
    await leavesNothing(program, name, signal);
  });

  test(`${signal} of a phx with servers and a command under way`, async () => {
    const name = labName();
    const program = labProcess(busy(name) + FOREVER);
    await program.until("busy");
    await leavesNothing(program, name, signal);
  });
}

test("SIGKILL while the lab's init still mounts", async () => {
  const folder = mkdtempSync(join(tmpdir(), "phx-kill-"));
  const go = join(folder, "go");
  try {
    execFileSync("mkfifo", [go]);
    const slowMount = `#!/bin/sh\nread -r line <${go}\nPATH=/usr/bin:/bin exec mount "$@"\n`;
    writeFileSync(join(folder, "mount"), slowMount, { mode: 0o755 });
    const name = labName();
    const env = { PATH: `${folder}:${process.env["PATH"]}` };
    const program = labProcess(`await createLab("${name}"); console.log("ready");`, { env });
    const mounting = () => program.left().some((each) => each.includes(`${folder}/mount`)) || undefined;
    assert.ok(await readBack(mounting, 30_000), program.said());
    await leavesNothing(program, name, "SIGKILL", () => writeFileSync(go, "go\n", { flag: "r+" }));
    assert.equal(program.said(), "");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a lab that is handed over outlives its phx, whichever way that ends", async () => {
  const name = labName();
  const program = labProcess(`${busy(name)} owned.handOver(); process.kill(process.pid, "SIGKILL");`);
  assert.equal(await program.end(), "SIGKILL");
  const lab = findLab(name);
  assert.notDeepEqual(program.left(), []);
  await destroyLab(lab);
  assert.deepEqual(program.left(), [], "nothing is left when destroyLab returns");
  assert.ok(!recordedNames().includes(name));
});

test("a phx that ends by itself or by an error takes its lab along, record included", async () => {
  for (const ending of ["process.exit(0)", "throw new Error('ended')", ""]) {
    const name = labName();
    const program = labProcess(`${started(name)} ${ending}`);
    await program.end();
    await program.leavesNone();
    assert.ok(!recordedNames().includes(name), ending);
  }
});
