import type { Position } from "../estate.ts";
import { comparePositions } from "../position.ts";
import { redactedKeys } from "../secret.ts";
import { type Level, LINTS, type LintId } from "./catalogue.ts";

/** What a lint says of one place of the files. Strings are as the files have them: hostile. */
export interface LintFinding {
  readonly lint: LintId;
  readonly level: Level;
  readonly position: Position;
  readonly message: string;
  readonly remedy: string;
  /** What it is about, wherever that stands: a rule's line, `set web`. Survives lines that move. */
  readonly subject: string;
  /** Other places that the message names. */
  readonly related: readonly Position[];
  /** How many it stands for: above 1 where many of one kind are counted and not listed. */
  readonly count: number;
}

/** What only some findings have. */
interface Extra {
  /** Replaces the catalogue's remedy where the place knows a better one. */
  readonly remedy?: string;
  readonly related?: readonly Position[];
}

export function found(
  lint: LintId,
  position: Position,
  subject: string,
  message: string,
  { remedy, related = [] }: Extra = {},
): LintFinding {
  const { level, remedy: usual } = LINTS[lint];
  return { lint, level, position, message, remedy: remedy ?? usual, subject, related, count: 1 };
}

/** The secrets of a line or a comment that was redacted when it was read. */
export function secretsOf(text: string, position: Position): readonly LintFinding[] {
  return redactedKeys(text).map((key) => found("secret-in-file", position, key, `${key} holds a secret`));
}

/** More than this many of one lint in one file are counted instead of listed. */
const MOST = 1000;

/** By file, line and column; what is too many of one kind in one file is counted at the place of the first left out. */
export function sortFindings(findings: readonly LintFinding[]): readonly LintFinding[] {
  const counts = new Map<string, number>();
  for (const each of findings) counts.set(kindOf(each), (counts.get(kindOf(each)) ?? 0) + 1);
  const seen = new Map<string, number>();
  return findings.toSorted(compareFindings).flatMap((each) => {
    const nth = (seen.get(kindOf(each)) ?? 0) + 1;
    seen.set(kindOf(each), nth);
    if (nth <= MOST) return [each];
    return nth === MOST + 1 ? [leftOut(each, (counts.get(kindOf(each)) ?? nth) - MOST)] : [];
  });
}

function kindOf({ lint, position }: LintFinding): string {
  return `${lint} ${position.file}`;
}

function leftOut(first: LintFinding, count: number): LintFinding {
  const message = `${count} more of this kind from here on, which are not listed`;
  return { ...first, message, subject: "more", related: [], count };
}

function compareFindings(a: LintFinding, b: LintFinding): number {
  return comparePositions(a.position, b.position) || compare(a.lint, b.lint) || compare(a.message, b.message);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
