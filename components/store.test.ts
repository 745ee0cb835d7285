import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { install, locate, type Recipe, storeFolder } from "./store.ts";

/** sha256 of the word "real", which is all that the recipe below makes. */
const REAL = "aa33996d60e89311b4d1a920dae03c6d7fa3ae1956c52662e273aad4683e577f";
const silent = (): void => {};

beforeEach(() => {
  process.env["XDG_CACHE_HOME"] = mkdtempSync(join(tmpdir(), "phx-store-"));
});
afterEach(() => rmSync(process.env["XDG_CACHE_HOME"] ?? "", { recursive: true, force: true }));

function recipe(changes: Partial<Recipe> = {}): Recipe {
  return {
    name: "traefik",
    version: "1.0",
    source: "made by a test",
    expected: () => REAL,
    async build(folder) {
      mkdirSync(join(folder, "work"));
      writeFileSync(join(folder, "traefik"), "real");
      return { source: "made by a test" };
    },
    ...changes,
  };
}

/** What stands in the store, locks aside. */
function stored(): string[] {
  return readdirSync(storeFolder()).filter((name) => !name.endsWith(".lock"));
}

test("what was installed is located, whole and without its work folder", async () => {
  assert.equal(await locate(recipe()), undefined);
  const installed = await install(recipe(), silent);
  assert.deepEqual(await locate(recipe()), installed);
  assert.equal(installed.sha256, REAL);
  assert.deepEqual(stored(), [`traefik-1.0-${REAL.slice(0, 16)}`]);
  assert.deepEqual(readdirSync(join(installed.path, "..")).sort(), ["component.json", "traefik"]);
});

test("a changed byte is a fault that names folder, expected and found", async () => {
  const { path } = await install(recipe(), silent);
  writeFileSync(path, "reaL");
  await assert.rejects(locate(recipe()), (error: Error) => {
    for (const part of [join(path, ".."), REAL, "component-digest"])
      assert.ok(error.message.includes(part), part);
    return true;
  });
});

test("a binary or record that is gone is the same fault", async () => {
  const { path } = await install(recipe(), silent);
  rmSync(path);
  await assert.rejects(locate(recipe()), /found no file traefik.*component-digest/);
  rmSync(join(path, "..", "component.json"));
  await assert.rejects(locate(recipe()), /component\.json.*component-digest/);
});

test("a build that gives another digest, or fails, leaves nothing behind", async () => {
  await assert.rejects(
    install(recipe({ expected: () => "0".repeat(64) }), silent),
    /expected sha256 0{64}, found/,
  );
  const broken = recipe({
    build() {
      throw new Error("no compiler");
    },
  });
  await assert.rejects(install(broken, silent), /no compiler/);
  assert.deepEqual(stored(), []);
});

test("two installs at once make it once", async () => {
  let built = 0;
  const counted = recipe({
    build(folder, say) {
      built += 1;
      return recipe().build(folder, say);
    },
  });
  const [first, second] = await Promise.all([install(counted, silent), install(counted, silent)]);
  assert.deepEqual(first, second);
  assert.equal(built, 1);
});

test("what a killed install left is not located, and is gone after the next one", async () => {
  const script = `
    import { install } from ${JSON.stringify(join(import.meta.dirname, "store.ts"))};
    import { writeFileSync } from "node:fs";
    await install({ name: "traefik", version: "1.0", source: "", expected: () => ${JSON.stringify(REAL)}, build(folder) {
      writeFileSync(folder + "/traefik", "re");
      console.log("half");
      return new Promise(() => setInterval(() => {}, 1000));
    } }, () => {});`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "close");
  assert.deepEqual(stored(), [".traefik-1.0.new"]);
  assert.equal(await locate(recipe()), undefined);
  await install(recipe(), silent);
  assert.deepEqual(stored(), [`traefik-1.0-${REAL.slice(0, 16)}`]);
});

test("a store that can't be written is told as such", async () => {
  writeFileSync(join(process.env["XDG_CACHE_HOME"] ?? "", "phx"), "a file, not a folder");
  await assert.rejects(install(recipe(), silent), /phx: expected a folder, .*disk-write/);
});
