import type { Node } from "jsonc-parser";

/** How a text is written: its end of a line, and by how much it goes in at each level. */
export interface Style {
  readonly lineEnd: string;
  readonly indent: string;
}

export function styleOf(text: string): Style {
  return { lineEnd: text.includes("\r\n") ? "\r\n" : "\n", indent: /^[ \t]+/m.exec(text)?.[0] ?? "  " };
}

/** The blanks before the first word of the line that holds the offset. */
export function marginAt(text: string, offset: number): string {
  const start = Math.max(text.lastIndexOf("\n", offset - 1), text.lastIndexOf("\r", offset - 1)) + 1;
  return /^[ \t]*/.exec(text.slice(start, offset))?.[0] ?? "";
}

/** Whether the node's text has more than one line. */
export function isTall(text: string, { offset, length }: Node): boolean {
  return /[\r\n]/.test(text.slice(offset, offset + length));
}

/** A value as JSON over as many lines as it has values, the first without a margin. */
export function tall(value: unknown, margin: string, { lineEnd, indent }: Style): string {
  return JSON.stringify(value, null, indent).split("\n").join(`${lineEnd}${margin}`);
}

/** A value as JSON on one line: `{ "a": 1, "b": [2, 3] }`. */
export function flat(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flat).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${flat(each)}`);
  return members.length > 0 ? `{ ${members.join(", ")} }` : "{}";
}
