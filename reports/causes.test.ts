import assert from "node:assert/strict";
import { test } from "node:test";
import type { Check } from "../audit/finding.ts";
import { causesOf } from "./causes.ts";
import { exampleRun } from "./example.ts";
import { renderHtml } from "./html/page.ts";

const at = (file: string, line: number) => ({ file, line, column: 9, pointer: "", snippet: `line ${line}` });
const check: Check = { title: "a", result: "fail", expected: "x", observed: "y", evidence: [] };
const wrong = (file: string, line: number, reason: string): Check => {
  return { ...check, reason, disagreement: "intent gap", declared: at(file, line) };
};
const CHECKS: readonly Check[] = [
  wrong("b.yml", 20, "later"),
  wrong("b.yml", 3, "early"),
  wrong("b.yml", 3, "the same place"),
  { ...wrong("a.conf", 1, "passed"), result: "pass" },
  { ...check, reason: "a symptom", disagreement: "converge fault", declared: at("a.conf", 2) },
  { ...check, reason: "no place", disagreement: "intent gap" },
];

const run = exampleRun("fail");
const findings = run.findings.map((finding) =>
  finding.result === "pass" ? finding : { ...finding, checks: [...CHECKS] },
);

test("a place that a failed check blames is a cause once, by file and line, with all controls that name it", () => {
  assert.deepEqual(
    causesOf({ ...run, findings }).map(({ declared, text, controls, more }) => {
      return [`${declared.file}:${declared.line}`, text, controls.join(), more];
    }),
    [
      ["b.yml:3", "early", "FW-002,SEG-001,PKI-001", 5],
      ["b.yml:20", "later", "FW-002,SEG-001,PKI-001", 2],
    ],
  );
  assert.deepEqual(causesOf(run), []);
});

test("the page has them first, with the line itself and links to their controls; without one it has no such list", () => {
  const page = renderHtml({ ...run, findings });
  const titles = [...page.matchAll(/<h3>(Probable causes[^<]*|What the probes saw)<\/h3>/g)].map(
    ([, text]) => text,
  );
  assert.deepEqual(titles, ["Probable causes, in the files themselves", "What the probes saw"]);
  assert.match(
    page,
    /href="#c-FW-002">FW-002<\/a> [^\n]*<p class="mono">b\.yml:3:9<\/p><p>early<\/p><pre><code>line 3<\/code><\/pre><p class="where">5 more checks of the same place<\/p>/,
  );
  assert.doesNotMatch(renderHtml(run), /Probable causes|What the probes saw/);
});
