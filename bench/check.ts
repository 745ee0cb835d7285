import { HarnessError, HarnessErrors } from "../errors.ts";
import { CANARIES } from "./mutate.ts";
import type { Reading, Subject } from "./readers.ts";

export interface Outcome {
  /** It gave faults instead of a value. */
  readonly refused: boolean;
  /** What must not be, in one line. */
  readonly failure?: string;
}

/** Reads one input: does it crash, does all that it tells have a place in the text, does it keep what is secret? */
export function tryInput(subject: Subject, bytes: Buffer, hasSecret: boolean): Outcome {
  const reading = subject.prepare(bytes);
  const told = resultOf(reading);
  const errors = told instanceof HarnessErrors ? told.errors : [told];
  const refused = errors[0] instanceof Error || (Array.isArray(told) && told.some(isFault));
  const failure =
    firstOf(errors, (error) => misplaced(error, reading.texts, subject.lineEnd)) ??
    (hasSecret ? leaked(errors) : undefined);
  return failure === undefined ? { refused } : { refused, failure };
}

function resultOf(reading: Reading): unknown {
  try {
    return reading.read();
  } catch (error) {
    return error;
  }
}

/** The last of 1,000 faults counts those that are not listed. */
const UNPLACED = "the files together";

function misplaced(told: unknown, texts: Reading["texts"], lineEnd: RegExp): string | undefined {
  if (!(told instanceof Error)) return firstOf(objectsIn(told), (each) => unplaced(each, texts, lineEnd));
  if (!(told instanceof HarnessError)) return `a crash: ${told.stack?.split("\n").slice(0, 3).join(" ")}`;
  if (told.exit !== 2) return `exit ${told.exit}: ${told.message}`;
  const { subject, expected } = told.detail;
  if (/Invalid|undefined|\[object/.test(expected)) return `no clear message: ${told.message}`;
  if (subject === UNPLACED) return undefined;
  const [, file, line, column] = /^([^\n]*?):(\d+):(\d+)(?: |$)/.exec(subject) ?? [];
  if (file === undefined) return `no position: ${told.message}`;
  return outside({ file, line: Number(line), column: Number(column) }, texts, lineEnd, told.message);
}

interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

function unplaced(each: object, texts: Reading["texts"], lineEnd: RegExp): string | undefined {
  if (isPlace(each)) return outside(each, texts, lineEnd, JSON.stringify(each));
  const isNote = "message" in each && "remedy" in each;
  const isIgnoredLine = "text" in each && "reason" in each;
  if (!isFault(each) && !isNote && !isIgnoredLine) return undefined;
  return "position" in each && isPlace(each.position) ? undefined : `no position: ${JSON.stringify(each)}`;
}

function isFault(each: unknown): boolean {
  return (
    typeof each === "object" && each !== null && "code" in each && "expected" in each && "actual" in each
  );
}

function isPlace(value: unknown): value is Place {
  return (
    typeof value === "object" && value !== null && "line" in value && "column" in value && "file" in value
  );
}

function outside(
  { file, line, column }: Place,
  texts: Reading["texts"],
  lineEnd: RegExp,
  told: string,
): string | undefined {
  const text = texts[file];
  if (text === undefined) return `a position in no file of the input: ${told}`;
  const found = linesOf(text, lineEnd)[line - 1];
  const inside = found !== undefined && column >= 1 && column <= found.length + 1;
  return inside ? undefined : `a position outside the text: ${told}`;
}

/** The last text is asked for again and again: one input has many positions. */
let known: { readonly text: string; readonly lines: readonly string[] } = { text: "", lines: [""] };

function linesOf(text: string, lineEnd: RegExp): readonly string[] {
  if (known.text !== text) known = { text, lines: text.split(lineEnd) };
  return known.lines;
}

/** Every object within, itself included. */
function objectsIn(told: unknown): readonly object[] {
  const found = new Set<object>();
  const waiting: unknown[] = [told];
  while (waiting.length > 0) {
    const each = waiting.pop();
    if (typeof each !== "object" || each === null || found.has(each)) continue;
    found.add(each);
    waiting.push(
      ...(each instanceof Map ? each.entries() : each instanceof Set ? each : Object.values(each)),
    );
  }
  return [...found];
}

function leaked(told: readonly unknown[]): string | undefined {
  return firstOf(told, (each) => {
    const said = each instanceof Error ? wordsOf(each) : String(JSON.stringify(each, plain));
    return CANARIES.some((canary) => said.includes(canary))
      ? `a secret is told: ${said.slice(0, 2000)}`
      : undefined;
  });
}

function wordsOf(error: Error): string {
  const cause = error.cause instanceof Error ? wordsOf(error.cause) : "";
  return `${error.message} ${error instanceof HarnessError ? JSON.stringify(error.detail) : ""} ${cause}`;
}

/** A tree's nodes name their parents: round and round. */
function plain(key: string, value: unknown): unknown {
  if (key === "parent") return undefined;
  return value instanceof Map || value instanceof Set ? [...value] : value;
}

function firstOf<T>(list: readonly T[], find: (each: T) => string | undefined): string | undefined {
  for (const each of list) {
    const found = find(each);
    if (found !== undefined) return found;
  }
  return undefined;
}
