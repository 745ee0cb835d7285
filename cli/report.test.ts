import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { exampleRun } from "../reports/example.ts";
import { writeRun } from "../reports/write.ts";
import { run } from "./report.ts";

const CHILD = `const { run } = await import("${import.meta.dirname}/report.ts"); process.exitCode = await run(process.argv.slice(1));`;

async function phxReport(root: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, PHX_OUT: root };
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--input-type=module", "-e", CHILD, "--", ...args],
    { env },
  );
  return stdout;
}

async function folder(context: TestContext): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "phx-report-"));
  context.after(() => rm(made, { recursive: true }));
  return made;
}

test("phx report renders the newest run, or the named one, again", async (context) => {
  const root = await folder(context);
  for (const example of [exampleRun("fail"), exampleRun("partial")])
    await writeRun(join(root, example.id), example);
  const newest = join(root, exampleRun("fail").id, "report.html");
  const before = await readFile(newest, "utf8");
  await writeFile(newest, "lost");
  assert.equal(await phxReport(root), `${newest}\n`);
  assert.equal(await readFile(newest, "utf8"), before);
  const other = join(root, exampleRun("partial").id, "report.html");
  assert.equal(await phxReport(root, exampleRun("partial").id), `${other}\n`);
  assert.equal(await phxReport("/nowhere", join(root, exampleRun("partial").id)), `${other}\n`);
});

test("an unknown flag and a second run are usage, a run that is not there is run-missing", async () => {
  await assert.rejects(run(["--pdf"]), { code: "usage", message: /--pdf/ });
  await assert.rejects(run(["a", "b"]), { code: "usage", message: /a b/ });
  await assert.rejects(run(["no-such-run"]), { code: "run-missing", message: /no-such-run/ });
});
