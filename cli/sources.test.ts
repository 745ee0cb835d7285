import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { test } from "node:test";

/* `npm run check` by its parts: the sources are tested like everything else. */

const ROOT = join(import.meta.dirname, "..");
const PATH = `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`;

const CHECKS = {
  types: ["tsc", "--noEmit"],
  format: ["biome", "format", "."],
  lint: ["oxlint"],
  "dead code": ["knip"],
} as const;

for (const [name, [tool, ...args]] of Object.entries(CHECKS)) {
  test(`the sources have no finding of ${tool} (${name})`, () => {
    const program = join(ROOT, "node_modules", ".bin", tool);
    const { status, stdout, stderr } = spawnSync(program, args, {
      cwd: ROOT,
      encoding: "utf8",
      env: { ...process.env, PATH },
    });
    assert.equal(status, 0, `${stdout}${stderr}`);
  });
}
