import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { labName } from "../fixtures/network-lab.ts";
import { createLab, destroyLab, type OwnedLab, outside } from "./lab.ts";
import { createNamespaces } from "./network.ts";
import { type Daemon, endDaemon, execute, isRunning, run, signal, startDaemon } from "./process.ts";
import { readBack } from "./waits.ts";

let owned: OwnedLab;
before(async () => {
  owned = await createLab(labName());
  await createNamespaces(owned.lab, ["a", "b"]);
});
after(() => owned[Symbol.asyncDispose]());

const LOG = { log: "/run/phx/test.log" };
const BOUND_MS = 30_000;

async function ends(daemon: Daemon): Promise<void> {
  assert.ok(await readBack(() => !isRunning(owned.lab, daemon) || undefined, BOUND_MS));
}

for (const handedOver of [false, true]) {
  test(`fifty servers that are started and killed leave no zombie, handed over: ${handedOver}`, async (context) => {
    const own = await createLab(labName());
    context.after(() => destroyLab(own.lab));
    const { lab } = own;
    await createNamespaces(lab, ["a"]);
    if (handedOver) own.handOver();
    const start = () => startDaemon(lab, "a", ["sleep", "100000"], LOG);
    const daemons = await Promise.all(Array.from({ length: 50 }, start));
    const listed = () => daemons.filter(({ pid }) => existsSync(outside(lab, `/proc/${pid}`)));
    assert.equal(listed().length, 50);
    await Promise.all(daemons.map((daemon) => signal(lab, daemon, "KILL")));
    assert.ok(
      await readBack(() => listed().length === 0 || undefined, BOUND_MS),
      `${listed().length} zombies`,
    );
  });
}

test("a server is init's child, in a session of its own, its output in the log", async () => {
  const argv = [
    "sh",
    "-c",
    'echo "$$ $(cut -d" " -f6 /proc/$$/stat) $0 $1"; sleep 100000; :',
    "it's",
    'a "b" $c',
  ];
  const daemon = await startDaemon(owned.lab, "a", argv, { log: "/run/phx/server.log", cwd: "/run" });
  const log = outside(owned.lab, "/run/phx/server.log");
  assert.ok(
    await readBack(() => (existsSync(log) && readFileSync(log, "utf8") ? true : undefined), BOUND_MS),
  );
  assert.equal(readFileSync(log, "utf8"), `${daemon.pid} ${daemon.pid} it's a "b" $c\n`);
  // Its parent is init once the shell that started it has ended.
  const stat = outside(owned.lab, `/proc/${daemon.pid}/stat`);
  const parent = () => readFileSync(stat, "utf8").split(") ")[1]?.split(" ")[1];
  assert.ok(await readBack(() => parent() === "1" || undefined, BOUND_MS), parent());
  assert.ok(isRunning(owned.lab, daemon));
  assert.ok(
    !isRunning(owned.lab, { ...daemon, startTicks: daemon.startTicks - 1 }),
    "another process of that number",
  );
  await signal(owned.lab, daemon, "KILL");
  await ends(daemon);
});

test("a server ends with its children, also those that take no signal but SIGKILL", async () => {
  const script = 'trap "" TERM; (trap "" TERM; sleep 100000; :) & sleep 100000; :';
  const daemon = await startDaemon(owned.lab, "a", ["sh", "-c", script], LOG);
  const list = () => run(owned.lab, undefined, ["sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null; :"]);
  const inGroup = async () =>
    (await list()).split("\n").filter((line) => {
      const [state, , group] = line.split(") ")[1]?.split(" ") ?? [];
      // What has ended and is not yet reaped is none.
      return group === String(daemon.pid) && state !== "Z";
    });
  assert.ok(await readBack(async () => (await inGroup()).length === 4 || undefined, BOUND_MS));
  await endDaemon(owned.lab, daemon);
  assert.deepEqual(await inGroup(), []);
});

test("a server that can't start has ended, and its log says why", async () => {
  const daemon = await startDaemon(owned.lab, "a", ["/nonexistent/server"], { log: "/run/phx/none.log" });
  await ends(daemon);
  assert.match(readFileSync(outside(owned.lab, "/run/phx/none.log"), "utf8"), /nonexistent/);
});

test("a server's own resolv.conf is seen by it alone", async () => {
  await run(owned.lab, undefined, ["sh", "-c", "echo nameserver 10.9.9.9 >/run/phx/resolv.conf"]);
  const options = { log: "/run/phx/resolv.log", resolvConf: "/run/phx/resolv.conf" };
  const before = existsSync("/etc/resolv.conf") && readFileSync("/etc/resolv.conf", "utf8");
  const daemon = await startDaemon(
    owned.lab,
    "a",
    ["sh", "-c", "cat /etc/resolv.conf; sleep 100000; :"],
    options,
  );
  const log = outside(owned.lab, options.log);
  assert.ok(
    await readBack(() => (existsSync(log) && readFileSync(log, "utf8") ? true : undefined), BOUND_MS),
  );
  assert.equal(readFileSync(log, "utf8"), "nameserver 10.9.9.9\n");
  assert.equal(existsSync("/etc/resolv.conf") && readFileSync("/etc/resolv.conf", "utf8"), before);
  const others = await execute(owned.lab, "a", ["cat", "/etc/resolv.conf"]);
  assert.doesNotMatch(others.stdout, /10\.9\.9\.9/);
  await signal(owned.lab, daemon, "KILL");
  await ends(daemon);
});

test("a command's end has the shape of a success; as a fault it carries the last words", async () => {
  const failed = await execute(owned.lab, "a", ["sh", "-c", "cat; echo out; echo err >&2; exit 7"], "in\n");
  assert.deepEqual(failed, { exitCode: 7, stdout: "in\nout\n", stderr: "err\n" });
  assert.equal((await execute(owned.lab, "a", ["/nonexistent"])).exitCode, 127);
  assert.notEqual((await execute(owned.lab, "nowhere", ["true"])).exitCode, 0);
  await assert.rejects(
    run(owned.lab, "a", ["sh", "-c", "echo why >&2; exit 3"]),
    /sh -c .* in a: expected exit 0, found exit 3: why\..*\[lab-command\]/,
  );
  await assert.rejects(run(owned.lab, "nowhere", ["true"]), /\[lab-command\]/);
});

test("a large output and input pass whole", async () => {
  const text = "0123456789abcdef\n".repeat(100_000);
  assert.equal(await run(owned.lab, "a", ["cat"], text), text);
});

test("a command that is not started for want of open files is an error with its code, no crash", async () => {
  const module = JSON.stringify(new URL("process.ts", import.meta.url).href);
  const script = `
    const { execute } = await import(${module});
    const { openSync } = await import("node:fs");
    try { for (;;) openSync("/dev/null"); } catch {}
    const ended = await execute({ name: "x", initPid: process.pid }, undefined, ["true"]).catch(({ code }) => code);
    process.stdout.write(String(ended), () => process.exit());`;
  const argv = ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", process.execPath, "--input-type=module", "-e"];
  assert.equal(await run(owned.lab, undefined, [...argv, script]), "EMFILE");
});
