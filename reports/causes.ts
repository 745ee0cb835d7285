import type { Check, Declared } from "../audit/finding.ts";
import type { Run } from "../audit/run.ts";
import { attention, notable, place } from "./results.ts";

/** A place of the files that asks for what a control forbids: what other controls saw fail may follow from it. */
export interface Cause {
  readonly declared: Declared;
  /** Why, in the words of the first check that names the place. */
  readonly text: string;
  /** Ids of the controls that name it, in the order of the run's attention. */
  readonly controls: readonly string[];
  /** How many checks more name it. */
  readonly more: number;
}

/**
 * The probable causes of what is not green, by file and line: probable, since a run sees no arrow from a line to a failure,
 * only that the line is wrong by itself.
 */
export function causesOf(run: Run): Cause[] {
  const blamed = attention(run).flatMap(({ control, finding }) =>
    (finding ? notable(finding) : []).flatMap((check) =>
      isCause(check) ? [{ control: control.id, check, declared: check.declared }] : [],
    ),
  );
  return [...Map.groupBy(blamed, ({ declared }) => place(declared)).values()]
    .flatMap(([first, ...others]): Cause[] => {
      if (!first) return [];
      const { declared, check } = first;
      const controls = [...new Set([first, ...others].map(({ control }) => control))];
      return [{ declared, text: check.reason ?? check.observed, controls, more: others.length }];
    })
    .sort(byPlace);
}

/** Whether a check blames the files themselves, and says where. */
export function isCause(check: Check): check is Check & { readonly declared: Declared } {
  return check.disagreement === "intent gap" && check.declared !== undefined;
}

function byPlace({ declared: a }: Cause, { declared: b }: Cause): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column;
}
