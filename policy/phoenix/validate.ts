import type { JSONPath } from "jsonc-parser";
import type { z } from "zod";
import { type FaultCode, FAULTS } from "../../errors.ts";
import type { Fault } from "../fault.ts";
import { REDACTED, redactWords } from "../secret.ts";
import { nodeAt, positionOf, type Source } from "../source.ts";

type Issue = z.core.$ZodIssue;

/**
 * So many entries of each list or record are looked at, the most that can be, where a file has more faults than zod can
 * hand on: it spreads them on the stack, which ends at some 120,000.
 */
const SAMPLES = [1000, 100, 10];

/** The file as its schema has it, or every place where it differs; of hundreds of thousands some, and that there are more. */
export function validate<S extends z.ZodType>(source: Source, schema: S): z.infer<S> | readonly Fault[] {
  const { value } = source;
  const all = parse(schema, value);
  if (all?.success) return all.data;
  if (all) return all.error.issues.map((issue) => faultOf(source, issue));
  return [
    ...SAMPLES.reduce<readonly Fault[]>((found, most) => {
      return found.length > 0 ? found : sampleFaults(source, schema, value, most);
    }, []),
    tooMany(source),
  ];
}

/** Undefined where there are too many faults for zod. */
function parse<S extends z.ZodType>(schema: S, value: unknown): z.ZodSafeParseResult<z.infer<S>> | undefined {
  try {
    return schema.safeParse(value, { error: expectedBy });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function sampleFaults(source: Source, schema: z.ZodType, value: unknown, most: number): readonly Fault[] {
  const places: Places = new WeakMap();
  const sampled = sample(value, most, places);
  const issues = parse(schema, sampled)?.error?.issues ?? [];
  return issues.flatMap((issue) => {
    const path = pathIn(source, sampled, issue.path as JSONPath, places);
    // What was left out is not missing.
    return path ? [faultOf(source, { ...issue, path })] : [];
  });
}

/** Of each array that was sampled: the index of each of its elements in the file. */
type Places = WeakMap<object, readonly number[]>;

/** The value with so many entries of each container at most; an object of up to 100 keys is one thing and stays whole. */
function sample(value: unknown, most: number, places: Places): unknown {
  if (typeof value !== "object" || value === null) return value;
  const isList = Array.isArray(value);
  const entries = Object.entries(value);
  const kept = chosen(entries.length, isList ? most : Math.max(most, 100));
  const picked = kept.flatMap((at) => (entries[at] ? [entries[at]] : []));
  if (!isList) return Object.fromEntries(picked.map(([key, each]) => [key, sample(each, most, places)]));
  const list = picked.map(([, each]) => sample(each, most, places));
  places.set(list, kept);
  return list;
}

/** Half of them the first, half of them far apart. */
function chosen(length: number, most: number): readonly number[] {
  if (length <= most) return Array.from({ length }, (_, index) => index);
  const half = most / 2;
  const step = (length - half) / half;
  return Array.from({ length: most }, (_, nth) =>
    nth < half ? nth : Math.floor(half + (nth - half) * step),
  );
}

/** The path in the file; undefined where the file has there what the sample left out. */
function pathIn(source: Source, sampled: unknown, path: JSONPath, places: Places): JSONPath | undefined {
  const found: JSONPath = [];
  let at: unknown = sampled;
  for (const step of path) {
    if (typeof at !== "object" || at === null) return undefined;
    const index = typeof step === "number" ? places.get(at)?.[step] : undefined;
    found.push(index ?? step);
    at = (at as Record<string | number, unknown>)[step];
  }
  return at === undefined && nodeAt(source, found) ? undefined : found;
}

function tooMany(source: Source): Fault {
  const position = positionOf(source, []);
  return {
    code: "json-type",
    position,
    expected: "no errors",
    actual: "more than could be looked at",
    isRest: true,
  };
}

/** Whether `validate` refused the file. */
export function isRefused<T>(value: T | readonly Fault[]): value is readonly Fault[] {
  return Array.isArray(value);
}

/** The wording for schemas that bring none: what is expected, as a noun. */
function expectedBy(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === "invalid_type")
    return /^[aeiou]/.test(issue.expected) ? `an ${issue.expected}` : `a ${issue.expected}`;
  if (issue.code === "invalid_value") return issue.values.map((value) => JSON.stringify(value)).join(" or ");
  return undefined;
}

function faultOf(source: Source, issue: Issue): Fault {
  const path = issue.path as JSONPath;
  const { fault, found } = issue.code === "custom" ? (issue.params ?? {}) : {};
  const expected = issue.code === "invalid_key" ? (issue.issues[0]?.message ?? issue.message) : issue.message;
  return {
    code: isFaultCode(fault) ? fault : "json-type",
    position: positionOf(source, path),
    expected,
    actual: typeof found === "string" ? found : describeValue(source, path, issue),
  };
}

function isFaultCode(code: unknown): code is FaultCode {
  return typeof code === "string" && code in FAULTS;
}

/** A value, or a key, of more characters may be a secret that stands in the wrong place: it is not shown. */
const LONGEST_SHOWN = 40;

/**
 * The value at a path for a message: a scalar as written, unless it is long; a container by its kind. A string where a container
 * should be is no slip of the pen, so that nothing of it is shown.
 */
function describeValue(source: Source, path: JSONPath, issue: Issue): string {
  if (issue.code === "invalid_key") return quoted(String(path.at(-1)));
  const node = nodeAt(source, path);
  if (!node) return "nothing";
  if (node.type === "object" || node.type === "array") return `an ${node.type}`;
  if (typeof node.value !== "string") return JSON.stringify(node.value);
  const isContainer =
    issue.code === "invalid_type" && ["object", "array", "record", "tuple"].includes(issue.expected);
  return isContainer && node.value !== REDACTED ? "a string" : quoted(node.value);
}

function quoted(text: string): string {
  const { length } = text;
  return length > LONGEST_SHOWN ? `a string of ${length} characters` : JSON.stringify(redactWords(text).text);
}
