import { EXIT } from "../errors.ts";
import type { ComponentRow } from "./components/row.ts";
import type { Finding, Result } from "./finding.ts";
import type { Run, RunControl } from "./run.ts";

type Counts = Run["verdict"]["counts"];

/** Exit status of a verdict: a harness fault, then a fail, then what has no result, then 0. */
export function verdictOf(
  controls: readonly RunControl[],
  findings: readonly Finding[],
  faults: readonly string[],
  rows: readonly ComponentRow[] = [],
): Run["verdict"] {
  const selected = controls.filter(({ scope }) => scope === "selected");
  const results = selected.map(
    ({ id }) => findings.find(({ control }) => control === id)?.result ?? "notrun",
  );
  const counts = countsOf(controls.length, results);
  const open = counts.inconclusive + counts.error + counts.notrun;
  const drifts = rows.filter(({ result }) => result === "drift").map(({ id }) => id);
  const unseen = rows.filter(({ result }) => result === "inconclusive").map(({ id }) => id);
  if (counts.fail > 0 || drifts.length > 0) {
    const exit = faults.length ? EXIT.harnessFault : EXIT.findings;
    return {
      word: "FAIL",
      exit,
      counts,
      line: `FAIL: ${[
        ...(counts.fail > 0
          ? [`${counts.fail} of ${plural(selected.length)} failed: ${failed(findings)}`]
          : []),
        ...(drifts.length > 0 ? [`components not as expected: ${drifts.join(", ")}`] : []),
      ].join("; ")}`,
    };
  }
  if (faults.length || open > 0 || selected.length === 0 || unseen.length > 0) {
    const why =
      faults[0] ??
      (selected.length === 0
        ? "no control in scope"
        : open > 0
          ? `${open} of ${plural(selected.length)} without a result`
          : `components not seen: ${unseen.join(", ")}`);
    return {
      word: "INCOMPLETE",
      exit: faults.length ? EXIT.harnessFault : EXIT.inconclusive,
      counts,
      line: `INCOMPLETE: ${why}`,
    };
  }
  const sampled = findings.filter(({ sampled: how }) => how !== undefined).map(({ control }) => control);
  const whole = selected.length === controls.length && sampled.length === 0;
  const covered = `${selected.length} of ${controls.length} controls covered, all conformant`;
  const line = whole
    ? `PASS: ${covered}`
    : `PARTIAL: ${covered}${sampled.length ? `; sampled: ${sampled.join(", ")}` : ""}`;
  return { word: whole ? "PASS" : "PARTIAL", exit: EXIT.conformant, counts, line };
}

function countsOf(catalogue: number, results: readonly Result[]): Counts {
  const count = (result: Result) => results.filter((each) => each === result).length;
  return {
    catalogue,
    selected: results.length,
    pass: count("pass"),
    fail: count("fail"),
    inconclusive: count("inconclusive"),
    error: count("error"),
    notrun: count("notrun"),
    notapplicable: count("notapplicable"),
  };
}

function failed(findings: readonly Finding[]): string {
  return findings
    .filter(({ result }) => result === "fail")
    .map(({ control }) => control)
    .join(", ");
}

function plural(count: number): string {
  return `${count} ${count === 1 ? "control" : "controls"}`;
}
