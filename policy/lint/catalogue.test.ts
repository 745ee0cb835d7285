import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { LINTS } from "./catalogue.ts";

test("docs/lint.md shows the same table", () => {
  const text = readFileSync(new URL("../../docs/lint.md", import.meta.url), "utf8");
  const rows = [...text.matchAll(/^\| ([a-z-]+) \| (finding|note) \| (.+) \| (.+) \| (.+) \|$/gm)];
  const documented = rows.map(([, id, level, what, why, remedy]) => ({ id, level, what, why, remedy }));
  assert.deepEqual(
    documented,
    Object.entries(LINTS).map(([id, each]) => ({ id, ...each })),
  );
});

test("what, why and remedy are short, and no table's bar is in them", () => {
  for (const [id, { what, why, remedy }] of Object.entries(LINTS)) {
    assert.match(id, /^[a-z]+(?:-[a-z]+)*$/);
    assert.match(remedy, /\.$/, id);
    for (const words of [what, why, remedy])
      assert.ok(words.length > 4 && words.length < 160 && !words.includes("|"), `${id}: ${words}`);
  }
});
