import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { HarnessError } from "../errors.ts";
import { command } from "./command.ts";
import { makeFolder } from "./folder.ts";

const root = mkdtempSync(join(tmpdir(), "phx-folder-"));
after(() => rmSync(root, { recursive: true }));

test("a folder is made with those above it, and once more is no error, through a link too", () => {
  const folder = join(root, "a", "b", "c");
  makeFolder(folder);
  makeFolder(folder);
  symlinkSync("a", join(root, "link"));
  makeFolder(join(root, "link", "b", "d"));
  assert.ok(statSync(join(root, "a", "b", "d")).isDirectory());
});

test("where no folder can be made, the fault names the path", () => {
  writeFileSync(join(root, "file"), "");
  symlinkSync("nowhere", join(root, "dangling"));
  for (const [path, subject] of [
    ["/proc/none/phx", "/proc/none"],
    [join(root, "file"), join(root, "file")],
    [join(root, "file", "phx"), join(root, "file")],
    [join(root, "dangling", "phx"), join(root, "dangling")],
  ] as const) {
    const refused = (error: unknown) =>
      error instanceof HarnessError && error.code === "disk-write" && error.detail.subject === subject;
    assert.throws(() => makeFolder(path), refused, path);
  }
});

test("phx's cache on a file system that makes no folders: disk-write in a moment, no endless loop", async () => {
  const lock = JSON.stringify(join(import.meta.dirname, "lock.ts"));
  const apt = JSON.stringify(join(import.meta.dirname, "apt.ts"));
  const store = JSON.stringify(join(import.meta.dirname, "store.ts"));
  const tell = ".catch((error) => console.log(error.message))";
  const script = `
    const { withLock } = await import(${lock});
    await withLock("/proc/none/phx/lock", () => {}, async () => {})${tell};
    const { installPackages } = await import(${apt});
    await installPackages([{ name: "phx-no-such-package", reason: "" }], () => {})${tell};
    const { install } = await import(${store});
    await install({ name: "traefik", version: "1.0", source: "", expected: () => "", build() {} }, () => {})${tell};`;
  const node = [process.execPath, "--input-type=module", "-e", script];
  const { status, stdout } = await command("timeout", ["--signal=KILL", "20", ...node], {
    env: { XDG_CACHE_HOME: "/proc/none" },
  });
  assert.equal(status, 0);
  const lines = stdout.trim().split("\n");
  assert.equal(lines.length, 3, stdout);
  for (const line of lines) assert.match(line, /^\/proc\/none: expected a folder, .*\[disk-write\]$/);
});
