import assert from "node:assert/strict";
import { test } from "node:test";
import { command } from "../components/command.ts";
import { HarnessError } from "../errors.ts";
import { run } from "./setup.ts";

test("an argument is refused", async () => {
  await assert.rejects(run(["estate"]), (error) => error instanceof HarnessError && error.code === "usage");
});

test("without root: exit 3 and why root is needed", async (context) => {
  if (process.getuid?.() !== 0) return context.skip("already without root");
  const script = `import { run } from ${JSON.stringify(new URL("setup.ts", import.meta.url).href)};
    await run([]).catch((error) => { console.log(error.message); process.exit(error.exit); });`;
  const nobody = [
    "--reuid",
    "65534",
    "--clear-groups",
    process.execPath,
    "--input-type=module",
    "-e",
    script,
  ];
  const { status, stdout } = await command("setpriv", nobody);
  assert.equal(status, 3);
  assert.match(
    stdout,
    /expected root, for network namespaces, firewall rules .*found uid 65534.*\[not-root\]/,
  );
});
