import assert from "node:assert/strict";
import { test } from "node:test";
import { type Grounds, premergeVerdict } from "./premerge.ts";

const CHECK = { findings: 0, violated: [], undecided: [], exit: 0 };
const PASSED = {
  id: "FW-001",
  title: "t",
  severity: "critical",
  result: "pass",
  summary: "s",
  waived: false,
} as const;
const FAILED = { ...PASSED, result: "fail" } as const;
const UNTOLD = {
  kind: "allowed",
  way: "a -> b",
  flows: ["tcp 1"],
  approved: true,
  pairs: [],
  untested: [],
} as const;

function exitOf(more: Partial<Grounds>): number {
  const run = { word: "PARTIAL", line: "PARTIAL: 1 of 40", faults: [] } as const;
  const head = { title: "h", digest: "", check: CHECK };
  return premergeVerdict({ shown: [], controls: [PASSED], head, unapproved: [], waived: [], run, ...more })
    .exit;
}

test("harness before finding before could-not-tell; a waived fail is none, and nobody is green without a result", () => {
  const run = { word: "INCOMPLETE", line: "l", faults: ["the lab ended"] } as const;
  const shown = (result: "untold" | "refuted") => [
    { ...UNTOLD, flows: ["tcp 1"], pairs: [], untested: [], result },
  ];
  const rows: readonly (readonly [Partial<Grounds>, number])[] = [
    [{}, 0],
    [{ unapproved: ["x"] }, 1],
    [{ unapproved: ["x"], run }, 3],
    [{ shown: shown("untold") }, 4],
    [{ shown: shown("refuted") }, 1],
    [{ shown: shown("untold"), unapproved: ["x"] }, 1],
    [{ controls: [FAILED] }, 1],
    [{ controls: [{ ...FAILED, waived: true }] }, 0],
    [{ controls: [{ ...PASSED, result: "notrun" }] }, 4],
    [{ controls: [] }, 4],
    [{ undecided: "too many rules" }, 4],
    [{ head: { title: "h", digest: "", check: { ...CHECK, violated: ["FW-002"] } } }, 1],
    [{ head: { title: "h", digest: "", check: { ...CHECK, violated: ["FW-002"] } }, waived: ["FW-002"] }, 0],
  ];
  for (const [more, exit] of rows) assert.equal(exitOf(more), exit, JSON.stringify(more));
});
