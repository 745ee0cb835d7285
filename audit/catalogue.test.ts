import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { CATALOGUE } from "./catalogue.ts";

const PAGE = new URL("../docs/controls/README.md", import.meta.url);

test("the page on controls has each of the 40 once, with its title, severity and requirements", () => {
  const rows = readFileSync(PAGE, "utf8").match(/^\| [A-Z]+-\d{3} \|.*$/gm) ?? [];
  const documented = rows.map((row) => row.split(" | ", 4).join(" | ").slice("| ".length));
  const worded = CATALOGUE.map(
    ({ id, title, severity, requirements }) =>
      `${id} | ${title} | ${severity} | ${requirements.join(" ") || "–"}`,
  );
  assert.equal(worded.length, 40);
  assert.deepEqual(documented, worded);
});
