import type { JSONPath } from "jsonc-parser";
import type { z } from "zod";
import { type FaultCode, FAULTS } from "../../errors.ts";
import type { Fault } from "../fault.ts";
import { nodeAt, positionOf, type Source, valueOf } from "../source.ts";

type Issue = z.core.$ZodIssue;

/** The file as its schema has it, or every place where it differs. */
export function validate<S extends z.ZodType>(source: Source, schema: S): z.infer<S> | readonly Fault[] {
  const parsed = schema.safeParse(valueOf(source), { error: expectedBy });
  return parsed.success ? parsed.data : parsed.error.issues.map((issue) => faultOf(source, issue));
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

/** The value at a path for a message: a scalar as written, shortened; a container by its kind. */
function describeValue(source: Source, path: JSONPath, issue: Issue): string {
  if (issue.code === "invalid_key") return JSON.stringify(path.at(-1));
  const node = nodeAt(source, path);
  if (!node) return "nothing";
  if (node.type === "object" || node.type === "array") return `an ${node.type}`;
  const text = JSON.stringify(node.value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
