import { type FaultCode, HarnessError, HarnessErrors } from "../errors.ts";
import type { Position } from "./estate.ts";
import { comparePositions, describePosition } from "./position.ts";

/** Why the files give no estate, and where. Collected over all files, then thrown together. */
export interface Fault {
  readonly code: FaultCode;
  readonly position: Position;
  readonly expected: string;
  readonly actual: string;
  /** Replaces the code's own remedy where the place knows a better one. */
  readonly remedy?: string;
  /** Stands for what was not looked at; told once, behind all others. */
  readonly isRest?: true;
}

/** More than this many are counted instead of listed: 100,000 wrong rules are one mistake. */
const MOST = 1000;

/** One error for one fault, else all of them; sorted by file, line and column. */
export function errorOf(faults: readonly Fault[]): HarnessError | HarnessErrors {
  const known = faults.filter(({ isRest }) => !isRest);
  const sorted = known.toSorted((a, b) => comparePositions(a.position, b.position));
  const errors = sorted.slice(0, MOST).map(toError);
  const left = known.length - errors.length;
  const hasRest = known.length < faults.length;
  const all = left > 0 || hasRest ? [...errors, omitted(left, hasRest)] : errors;
  const [first, ...others] = all;
  return first && others.length === 0 ? first : new HarnessErrors(all);
}

function toError({ code, position, expected, actual, remedy }: Fault): HarnessError {
  const detail = {
    subject: describePosition(position),
    expected,
    actual,
    ...(remedy !== undefined && { remedy }),
  };
  return new HarnessError(code, detail);
}

function omitted(count: number, hasRest: boolean): HarnessError {
  return new HarnessError("json-type", {
    subject: "the files together",
    expected: "no errors",
    actual: hasRest ? "so many more that not all values were looked at" : `${count} more that are not listed`,
  });
}
