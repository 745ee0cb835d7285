import assert from "node:assert/strict";
import { test } from "node:test";
import { renderJunit } from "./junit.ts";

const CASES = [
  { name: 'FW-001 a <title> & "more"', classname: "FW", durationMs: 1500 },
  {
    name: "b",
    classname: "FW",
    trouble: { kind: "failure", message: "it's\u0000\u202e", text: "]]>\nnext" },
  },
  { name: "c", classname: "FW", trouble: { kind: "error", message: "untold" } },
  { name: "d", classname: "FW", trouble: { kind: "skipped", message: "waived" } },
] as const;

test("counts add up, and no text of a file is markup or a character that no document may hold", () => {
  const text = renderJunit([{ name: "s", startedAt: "2026-11-23T11:30:00.120Z", cases: CASES }]);
  assert.equal(
    text,
    `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="phx" tests="4" failures="1" errors="1" time="1.500">
  <testsuite name="s" tests="4" failures="1" errors="1" time="1.500" skipped="1" timestamp="2026-11-23T11:30:00">
    <testcase name="FW-001 a &lt;title&gt; &amp; &quot;more&quot;" classname="FW" time="1.500"/>
    <testcase name="b" classname="FW" time="0.000">
      <failure message="it&apos;s␀⟨U+202E⟩">]]&gt;
next</failure>
    </testcase>
    <testcase name="c" classname="FW" time="0.000">
      <error message="untold"/>
    </testcase>
    <testcase name="d" classname="FW" time="0.000">
      <skipped message="waived"/>
    </testcase>
  </testsuite>
</testsuites>
`,
  );
});
