import { readFileSync } from "node:fs";
import { posix } from "node:path";
import { type GovernedSide, unapproved } from "../policy/diff/diff.ts";
import { type ChangeGroup, groupChanges } from "../policy/diff/group.ts";
import type { Position } from "../policy/estate.ts";
import { deviationText, type DiffInput, endsText } from "../reports/diff-words.ts";
import type { SarifFinding, SarifInput } from "../reports/sarif.ts";
import type { Side } from "./diff-sides.ts";

/** HEAD's files, and where they lie. */
export type Located = Pick<GovernedSide, "files"> & Pick<Side, "below">;

const NEWLY_ALLOWED = {
  level: "finding",
  what: "flows that were refused are allowed",
  why: "a change that lets through more than before has to be meant",
  remedy: "Take it back, or have it approved in conformance.json of the revision that it is held against.",
} as const;

/** What is newly allowed and not approved, where HEAD's files say it: by their paths in the repository, as GitHub has them. */
export function sarifOf({ diff, places }: DiffInput, { files, below }: Located): SarifInput {
  const located = files.map((file) => ({ ...file, name: posix.join(below, file.name) }));
  const findings = groupChanges(unapproved(diff)).map((group) => {
    const positions = group.causes.flatMap(({ side, position }) =>
      side === "head" && position ? [{ ...position, file: posix.join(below, position.file) }] : [],
    );
    return findingOf(group, places, positions, located[0]?.name ?? "");
  });
  const { undecided } = diff;
  return {
    version: version(),
    lints: { "newly-allowed": NEWLY_ALLOWED, ...(undecided !== undefined && { undecided: UNDECIDED }) },
    findings: undecided === undefined ? findings : [undecidedFinding(undecided, located[0]?.name ?? "")],
    files: located,
    root: "The repository's root; of a named folder the current one, or where it lies outside of that itself.",
  };
}

const UNDECIDED = {
  level: "finding",
  what: "packets were not compared",
  why: "a place has more rules than are compared, so that nothing is known to be newly allowed or not",
  remedy: "Give the place fewer rules: one may name many ports, or a set of addresses.",
} as const;

function undecidedFinding(subject: string, file: string): SarifFinding {
  const { level, remedy } = UNDECIDED;
  const position = { file, line: 1, column: 1, pointer: "" };
  const message = `undecided: ${subject}: packets were not compared`;
  return { lint: "undecided", level, position, message, remedy, subject, related: [], count: 1 };
}

function findingOf(
  { from, to, flows, deviation }: ChangeGroup,
  places: number,
  positions: readonly Position[],
  file: string,
): SarifFinding {
  const [position = { file, line: 1, column: 1, pointer: "" }, ...related] = positions;
  const way = `${endsText(from, places)} to ${endsText(to, places)}`;
  const odd = deviation ? `, ${deviationText({ deviation })}` : "";
  const message = `newly allowed from ${way}${odd}: ${flows.join("; ")}`;
  const { level, remedy } = NEWLY_ALLOWED;
  return { lint: "newly-allowed", level, position, message, remedy, subject: message, related, count: 1 };
}

function version(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
