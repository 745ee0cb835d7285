import type { JSONPath } from "jsonc-parser";
import type { Position } from "./estate.ts";

/** A text's lines, for positions: a CR, an LF or both end a line. */
export interface Lines {
  readonly file: string;
  /** Offset of each line's first character. */
  readonly starts: Uint32Array;
}

export function linesOf(file: string, text: string): Lines {
  const starts = [0];
  // Nearly every file ends its lines with LF alone, which is found without a look at each character.
  if (text.includes("\r")) {
    for (let at = 0; at < text.length; at++) if (breaksAfter(text, at)) starts.push(at + 1);
  } else for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return { file, starts: Uint32Array.from(starts) };
}

const [LF, CR] = [0x0a, 0x0d];

/** Whether the character here is the last of a line. */
function breaksAfter(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code === LF || (code === CR && text.charCodeAt(at + 1) !== LF);
}

/** Line and column from 1 of an offset, in UTF-16 units as editors count. */
export function positionAt({ file, starts }: Lines, offset: number, path: JSONPath): Position {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return { file, line: low + 1, column: offset - (starts[low] ?? 0) + 1, pointer: pointerOf(path) };
}

/** RFC 6901. */
function pointerOf(path: JSONPath): string {
  let pointer = "";
  for (const segment of path) {
    const text = String(segment);
    const isPlain = !text.includes("~") && !text.includes("/");
    pointer += `/${isPlain ? text : text.replaceAll("~", "~0").replaceAll("/", "~1")}`;
  }
  return pointer;
}

/** `file:line:column`, and the JSON pointer where there is one. */
export function describePosition({ file, line, column, pointer }: Position): string {
  return `${file}:${line}:${column}${pointer && ` ${pointer}`}`;
}

/** By file, line, column. */
export function comparePositions(a: Position, b: Position): number {
  return compare(a.file, b.file) || a.line - b.line || a.column - b.column || compare(a.pointer, b.pointer);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
