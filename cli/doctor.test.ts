import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { HarnessError } from "../errors.ts";
import { examine, render, run } from "./doctor.ts";

test("with an empty store the components are missing, and nothing is made", async () => {
  const cache = mkdtempSync(join(tmpdir(), "phx-doctor-"));
  after(() => rmSync(cache, { recursive: true }));
  process.env["XDG_CACHE_HOME"] = cache;
  const interfaces = readFileSync("/proc/net/dev", "utf8").match(/^\s*\S+:/gm);
  const checks = await examine();
  const components = checks.filter(({ group }) => group === "components");
  assert.deepEqual(
    components.map(({ state }) => state),
    ["missing", "missing"],
  );
  assert.match(components[0]?.detail ?? "", /packager is not the Traefik project/);
  assert.deepEqual(readFileSync("/proc/net/dev", "utf8").match(/^\s*\S+:/gm), interfaces);
  assert.equal(await run(["--json"]), 3);
  assert.equal(existsSync(join(cache, "phx")), false);
});

test("what is missing is told last; what could not be looked at is counted", () => {
  const text = render([
    { group: "packages", name: "nginx", state: "missing", detail: "the edge" },
    { group: "kernel", name: "physdev", state: "unknown", detail: "only root can try it" },
    { group: "kernel", name: "veth", state: "present", detail: "" },
  ]);
  assert.equal(
    text,
    `packages
  missing  nginx: the edge
kernel
  unknown  physdev: only root can try it
  present  veth
1 could not be looked at
missing: nginx; 'phx setup' brings what can be brought`,
  );
});

test("an unknown flag is refused", async () => {
  await assert.rejects(run(["--fix"]), (error) => error instanceof HarnessError && error.code === "usage");
});
