import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Run } from "../audit/run.ts";
import { exampleRun } from "./example.ts";
import { readPictures } from "./pictures.ts";
import { writeHtml, writeRun } from "./write.ts";

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 2, 3]);

/** The example run, whose browser's observation names these files. */
function runWith(...names: string[]): Run {
  const run = exampleRun("partial");
  const observations = run.observations.map((seen) =>
    seen.kind === "browser" ? { ...seen, attachments: names } : seen,
  );
  return { ...run, observations };
}

async function folder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), "phx-pictures-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

test("a screenshot stands in the page itself, and rendered again it still does", async () => {
  await using run = await folder();
  await writeFile(join(run.path, "a.png"), PNG);
  const { htmlFile } = await writeRun(run.path, runWith("a.png"));
  const page = await readFile(htmlFile, "utf8");
  const image = `<img class="shot" width="960" height="540" alt="Screenshot: open https://portainer.phoenix.thinkheads.ai/" src="data:image/png;base64,${PNG.toString("base64")}">`;
  assert.equal(page.split(image).length, 2, "once");
  assert.match(page, /img-src data:/);
  await writeHtml(run.path, runWith("a.png"));
  assert.equal(await readFile(htmlFile, "utf8"), page);
});

test("what is absent, elsewhere, a link, no picture or too large is no picture of the page", async () => {
  await using above = await folder();
  const run = { path: join(above.path, "run") };
  await mkdir(run.path);
  const large = Buffer.concat([PNG, Buffer.alloc(300 * 1024)]);
  const names = ["large.png", "text.png", "link.png", "../up.png", "gone.png", "right.png"];
  await writeFile(join(run.path, "large.png"), large);
  await writeFile(join(run.path, "text.png"), "root:x:0:0");
  await writeFile(join(run.path, "right.png"), PNG);
  await writeFile(join(above.path, "up.png"), PNG);
  await symlink(join(run.path, "right.png"), join(run.path, "link.png"));
  const pictures = await readPictures(run.path, runWith(...names));
  assert.deepEqual([...pictures], [["right.png", PNG.toString("base64")]]);
});

test("all pictures of a page have one bound", async () => {
  await using run = await folder();
  const names = Array.from({ length: 30 }, (_, index) => `${index}.png`);
  const picture = Buffer.concat([PNG, Buffer.alloc(250_000)]);
  for (const name of names) await writeFile(join(run.path, name), picture);
  const pictures = await readPictures(run.path, runWith(...names));
  assert.deepEqual([...pictures.keys()], names.slice(0, 16));
});
