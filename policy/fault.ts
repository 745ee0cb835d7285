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
}

/** More than this many are counted instead of listed: 100,000 wrong rules are one mistake. */
const MOST = 1000;

/** One error for one fault, else all of them; sorted by file, line and column. */
export function errorOf(faults: readonly Fault[]): HarnessError | HarnessErrors {
  const sorted = faults.toSorted((a, b) => comparePositions(a.position, b.position));
  const errors = sorted.slice(0, MOST).map(toError);
  const [first, ...rest] = errors;
  if (first && rest.length === 0) return first;
  const left = faults.length - errors.length;
  return new HarnessErrors(left > 0 ? [...errors, omitted(left)] : errors);
}

function toError({ code, position, ...detail }: Fault): HarnessError {
  return new HarnessError(code, { subject: describePosition(position), ...detail });
}

function omitted(count: number): HarnessError {
  return new HarnessError("json-type", {
    subject: "the files together",
    expected: "no errors",
    actual: `${count} more that are not listed`,
  });
}
