import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { Progress } from "./progress.ts";

function stream(isTTY: boolean): NodeJS.WriteStream {
  return Object.assign(new PassThrough({ encoding: "utf8" }), {
    isTTY,
    columns: 80,
  }) as unknown as NodeJS.WriteStream;
}

test("plain lines: what was said, the duration, what is left, and that a step failed", async () => {
  const output = stream(false);
  const progress = new Progress("setup", ["a", "b"], output);
  await progress.step("a", async (say) => say("fetching"));
  await assert.rejects(progress.step("b", () => Promise.reject(new Error("no"))));
  const text = String(output.read()).replaceAll(/\d+\.\d s/g, "N s");
  assert.equal(text, "setup: a: fetching\nsetup: a: done after N s (left: b)\nsetup: b: failed after N s\n");
});

test("on a terminal one line is updated and gone at the end", async () => {
  const output = stream(true);
  const progress = new Progress("setup", ["a", "b"], output);
  await progress.step("a", async () => {});
  await progress.step("b", async () => {});
  const text = String(output.read()).replaceAll(/\d+\.\d s/g, "N s");
  assert.ok(text.includes("\r\x1b[Ksetup: a 0 s, then b"), JSON.stringify(text));
  assert.ok(text.endsWith("\r\x1b[Ksetup: b: done after N s\n\r\x1b[K"), JSON.stringify(text));
});

test("on a terminal a step's line says what it has come to", async () => {
  const output = stream(true);
  const progress = new Progress("vectors", ["check", "decide"], output);
  await progress.step("check", async () => {
    progress.at("check", "7 of 9");
    progress.clear();
    progress.say("hear");
  });
  const text = String(output.read());
  assert.ok(text.includes("\r\x1b[Kvectors: check (7 of 9) 0 s, then decide"), JSON.stringify(text));
});
