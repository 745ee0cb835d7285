import { posix } from "node:path";
import type { Premerge } from "../audit/premerge.ts";
import type { Run } from "../audit/run.ts";
import type { Position } from "../policy/estate.ts";
import { renderSarif, type SarifFinding, type SarifInput, type SarifLint } from "../reports/sarif.ts";

/** The differences' and the check's findings, and of HEAD's run each failed control, by paths in the repository. */
export function premergeSarif(
  { shown, controls }: Premerge,
  run: Run,
  parts: { readonly difference: SarifInput; readonly check: SarifInput; readonly below: string },
): unknown {
  const { difference, check, below } = parts;
  const file = difference.files[0]?.name ?? "";
  const failed = controls.filter(({ result, waived }) => result === "fail" && !waived);
  const found = failed.map(({ id, summary }) => {
    const checks = run.findings.find(({ control }) => control === id)?.checks ?? [];
    const places = checks.flatMap(({ result, declared }) =>
      result === "fail" && declared ? [inRepository(declared, below)] : [],
    );
    return findingOf(id, `${id} failed on HEAD: ${summary}`, places, file);
  });
  const refuted = shown
    .filter(({ result }) => result !== "shown")
    .map(({ way, flows, result }) =>
      findingOf("not-shown", `${result} by packets: ${way}: ${flows.join("; ")}`, [], file),
    );
  return renderSarif({
    ...difference,
    lints: { ...difference.lints, ...check.lints, ...lintsOf(run), "not-shown": NOT_SHOWN },
    findings: [
      ...difference.findings,
      ...check.findings.map((each) => ({
        ...each,
        position: inRepository(each.position, below),
        related: each.related.map((position) => inRepository(position, below)),
      })),
      ...found,
      ...refuted,
    ],
  });
}

const REMEDY = "See premerge.md and report.html of the run.";

const NOT_SHOWN: SarifLint = {
  level: "finding",
  what: "packets did not show a change as the files tell it",
  why: "what is newly allowed or denied rests on packets in a lab of each side, and not on the model alone",
  remedy: REMEDY,
};

function lintsOf({ controls }: Run): Record<string, SarifLint> {
  const entries = controls.map(({ id, title, statement }): [string, SarifLint] => {
    return [id, { level: "finding", what: title, why: statement, remedy: REMEDY }];
  });
  return Object.fromEntries(entries);
}

function inRepository<T extends Position>(position: T, below: string): T {
  return { ...position, file: posix.join(below, position.file) };
}

function findingOf(lint: string, message: string, places: readonly Position[], file: string): SarifFinding {
  const [position = { file, line: 1, column: 1, pointer: "" }, ...related] = places;
  const remedy = REMEDY;
  return { lint, level: "finding", position, message, remedy, subject: message, related, count: 1 };
}
