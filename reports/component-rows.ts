import type { Run } from "../audit/run.ts";
import { counted, shown } from "./text.ts";

type Row = NonNullable<Run["componentRows"]>[number];

/** Rows that are not as expected, or could not be seen. */
export function rowsAstray({ componentRows = [] }: Pick<Run, "componentRows">): readonly Row[] {
  return componentRows.filter(({ result }) => result !== "pass");
}

/** `149 rows as expected, 28 of them deviations from their standard that are pinned`; empty where none was asked. */
export function rowsInShort({ componentRows: rows }: Pick<Run, "componentRows">): string[] {
  if (!rows) return [];
  const passed = rows.filter(({ result }) => result === "pass");
  const pinned = passed.filter((row) => row.pinned).length;
  return [
    `${passed.length} of ${counted(rows.length, "row")} as expected, ${pinned} of them deviations from their standard that are pinned`,
  ];
}

/** What became of a row that is astray, in a line. */
export function rowLine({ component, rfc, requirement, expected, observed, reason, pinned }: Row): string {
  const seen = reason === undefined ? `observed ${shown(observed)}` : `could not be seen: ${shown(reason)}`;
  const known = pinned ? `; the standard asks for ${shown(pinned.asks)} (${shown(pinned.upstream)})` : "";
  return `${component}, ${shown(rfc)}: ${shown(requirement)}: expected ${shown(expected)}, ${seen}${known}`;
}
