import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { Run } from "../audit/run.ts";
import { exampleRun } from "./example.ts";
import { canonicalJson, findRun, newRunId, readRun, sweepHalfWritten, writeHtml, writeRun } from "./write.ts";

async function folder(context: TestContext): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "phx-write-"));
  context.after(() => rm(made, { recursive: true }));
  return made;
}

test("a run that is written is read back as it was, and is written again as the same bytes", async (context) => {
  const root = await folder(context);
  const run = exampleRun();
  assert.deepEqual(Run.parse(run), run);
  const { runFile, htmlFile } = await writeRun(join(root, "new", run.id), run);
  const read = await readRun(join(root, "new", run.id));
  assert.deepEqual(read, run);
  const [text, html] = [await readFile(runFile, "utf8"), await readFile(htmlFile, "utf8")];
  assert.equal(canonicalJson(read), text);
  await writeHtml(join(root, "new", run.id), read);
  assert.equal(await readFile(htmlFile, "utf8"), html);
  assert.deepEqual((await readdir(join(root, "new", run.id))).sort(), ["report.html", "run.json"]);
});

test("canonical JSON sorts keys at every depth, keeps the order of lists and ends with one line feed", () => {
  assert.equal(
    canonicalJson({ b: [{ z: 1, a: 2 }, 1], a: "\ud800" }),
    '{\n  "a": "\\ud800",\n  "b": [\n    {\n      "a": 2,\n      "z": 1\n    },\n    1\n  ]\n}\n',
  );
});

test("a full disk is disk-write and leaves nothing that looks like a run", async (context) => {
  const root = await folder(context);
  const script = `
    import { readdirSync } from "node:fs";
    import { exampleRun } from "${import.meta.dirname}/example.ts";
    import { writeRun } from "${import.meta.dirname}/write.ts";
    await writeRun("${root}/run", exampleRun()).catch((error) => console.log(error.code, error.message));
    console.log(JSON.stringify(readdirSync("${root}/run")));`;
  const inside = `mount -t tmpfs -o size=64k none ${root} && exec "$0" --input-type=module -e "$1"`;
  const { stdout } = await promisify(execFile)("unshare", [
    "--mount",
    "sh",
    "-c",
    inside,
    process.execPath,
    script,
  ]);
  const [fault, left] = stdout.trim().split("\n");
  assert.match(fault ?? "", /^disk-write .*ENOSPC/);
  assert.equal(left, "[]");
});

test("a folder that can't be made is disk-write", async (context) => {
  const root = await folder(context);
  await writeFile(join(root, "file"), "");
  await assert.rejects(writeRun(join(root, "file", "run"), exampleRun()), { code: "disk-write" });
});

test("a value that is no run is not written", async (context) => {
  const root = await folder(context);
  const run = { ...exampleRun(), startedAt: "yesterday" };
  await assert.rejects(writeRun(join(root, "run"), run), { code: "harness-bug", message: /\/startedAt/ });
  assert.deepEqual(await readdir(root), []);
});

test("a folder without run.json is run-missing", async (context) => {
  const root = await folder(context);
  await assert.rejects(readRun(root), {
    code: "run-missing",
    message: /expected a readable run.json, found none/,
  });
});

test("run.json that is no JSON, or no run, is run-invalid and says where", async (context) => {
  const root = await folder(context);
  await writeFile(join(root, "run.json"), "{");
  await assert.rejects(readRun(root), { code: "run-invalid", message: /expected JSON/ });
  const run = exampleRun();
  const [first, ...others] = run.controls;
  const broken = { ...run, controls: [{ ...first, severity: "grave" }, ...others] };
  await writeFile(join(root, "run.json"), JSON.stringify(broken));
  await assert.rejects(readRun(root), {
    code: "run-invalid",
    message: /run\.json: \/controls\/0\/severity: /,
  });
});

test("a run's id holds its UTC second, its mode and a suffix", () => {
  const at = new Date("2026-11-23T11:30:00.999Z");
  assert.equal(newRunId(at, "verify", "4f2a"), "2026-11-23T113000Z-verify-4f2a");
  assert.match(newRunId(at, "probe"), /^2026-11-23T113000Z-probe-[0-9a-f]{4}$/);
});

test("a run is found by id, by folder, or as the newest that is complete", async (context) => {
  const root = await folder(context);
  const put = async (name: string, writtenAt: number) => {
    await mkdir(join(root, name));
    await writeFile(join(root, name, "run.json"), "{}");
    await utimes(join(root, name, "run.json"), writtenAt, writtenAt);
  };
  await put("2026-11-22T023000Z-verify-91c0", 3000);
  await put("2026-11-23T113000Z-verify-4f2a", 2000);
  await put("2026-11-23T113000Z-verify-ffff", 1000);
  await put("notes", 9000);
  await mkdir(join(root, "2026-11-24T000000Z-verify-dead"));
  assert.equal(await findRun(undefined, root), join(root, "2026-11-23T113000Z-verify-4f2a"));
  assert.equal(
    await findRun("2026-11-22T023000Z-verify-91c0", root),
    join(root, "2026-11-22T023000Z-verify-91c0"),
  );
  assert.equal(await findRun(join(root, "notes"), "/nowhere"), join(root, "notes"));
  await assert.rejects(findRun("2026-11-24T000000Z-verify-dead", root), { code: "run-missing" });
  await assert.rejects(findRun(undefined, join(root, "none")), {
    code: "run-missing",
    message: /Run 'phx verify' first/,
  });
});

test("what a killed command left half-written is swept and named, a living one's stays", async (context) => {
  const root = await folder(context);
  const run = join(root, "2026-11-23T113000Z-verify-4f2a");
  await mkdir(run);
  const dead = join(run, ".run.json.4194305.tmp");
  for (const file of [dead, join(run, `.report.html.${process.pid}.tmp`), join(run, "report.html")])
    await writeFile(file, "");
  assert.deepEqual(await sweepHalfWritten(root), [dead]);
  assert.deepEqual((await readdir(run)).sort(), [`.report.html.${process.pid}.tmp`, "report.html"]);
});
