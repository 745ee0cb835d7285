import type { Estate, Position } from "../policy/estate.ts";
import type { Declared } from "./finding.ts";

const SNIPPET_LENGTH = 200;

/** A position with its line of text, secrets already replaced. */
export function declaredAt(estate: Estate, position: Position): Declared {
  const files = [...estate.files, ...(estate.operator?.files ?? [])];
  const text = files.find(({ name }) => name === position.file)?.text ?? "";
  const snippet = (text.split(/\r\n|\n|\r/)[position.line - 1] ?? "").trim().slice(0, SNIPPET_LENGTH);
  const { file, line, column, pointer } = position;
  return { file, line, column, pointer, snippet };
}

/** `file:line:column`, for a sentence. */
export function at({ file, line, column }: Position): string {
  return `${file}:${line}:${column}`;
}
