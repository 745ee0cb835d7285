import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { Meter, Progress } from "./progress.ts";

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

test("a count on a terminal: share, rate and what is left, taken away before a line that stays", () => {
  const output = stream(true);
  const meter = new Meter("sweep", 2000, "packets", output);
  meter.label("wan > 101");
  meter.add(500);
  meter.label("wan > 102");
  meter.say("done");
  const text = String(output.read()).replaceAll(/[\d,]+ packets\/s/g, "N packets/s");
  assert.ok(
    text.startsWith("\r\x1b[Ksweep: wan > 101: 0 of 2,000 (0 %), N packets/s\r"),
    JSON.stringify(text),
  );
  assert.match(text, /\[Ksweep: wan > 102: 500 of 2,000 \(25 %\), N packets\/s, \d+ s left\r/);
  assert.ok(text.endsWith("\r\x1b[Ksweep: done\n"), JSON.stringify(text));
});

test("a count elsewhere: only the lines that stay", () => {
  const output = stream(false);
  const meter = new Meter("sweep", 2000, "packets", output);
  meter.label("wan > 101");
  meter.add(500);
  meter.clear();
  meter.say("done");
  assert.equal(output.read(), "sweep: done\n");
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
