/** What one file of vectors came to. */
export interface FileCount {
  readonly file: string;
  /** Configurations in the file, chosen or not. */
  configurationsFound: number;
  configurationsDecided: number;
  casesDecided: number;
  agreed: number;
  disagreed: number;
  /** The kernel's word on it could not be told. */
  unknown: number;
  /** Configurations in the file that ask nothing, and the lines of the first of them. */
  withoutCases: number;
  readonly firstWithoutCases: number[];
}

const MOST_LINES = 5;

export function emptyCount(file: string): FileCount {
  return { file, ...ZERO, firstWithoutCases: [] };
}

const ZERO = {
  configurationsFound: 0,
  configurationsDecided: 0,
  casesDecided: 0,
  agreed: 0,
  disagreed: 0,
  unknown: 0,
  withoutCases: 0,
};

export function countFound(count: FileCount, line: number, cases: number): void {
  count.configurationsFound++;
  if (cases > 0) return;
  count.withoutCases++;
  if (count.firstWithoutCases.length < MOST_LINES) count.firstWithoutCases.push(line);
}

/** All files together. */
export function totalOf(counts: readonly FileCount[]): typeof ZERO {
  const total = { ...ZERO };
  const keys = Object.keys(ZERO) as (keyof typeof ZERO)[];
  for (const count of counts) for (const key of keys) total[key] += count[key];
  return total;
}

/** `1 case`, `2 cases`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
