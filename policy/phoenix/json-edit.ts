import { type Edit, findNodeAtLocation, type JSONPath, modify, type Node, parseTree } from "jsonc-parser";

/** A property of some object, as it shall be; `value` undefined: it shall go. The object is there. */
export interface PropertyValue {
  readonly path: JSONPath;
  readonly value: unknown;
}

const BYTE_ORDER_MARK = "\uFEFF";

/** The text's tree; offsets count from behind a byte order mark. */
export function treeOf(text: string): Node {
  const root = parseTree(withoutMark(text));
  if (!root) throw new TypeError("a text that is no JSON");
  return root;
}

function withoutMark(text: string): string {
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(BYTE_ORDER_MARK.length) : text;
}

/**
 * The text with these properties, and every other byte as it was. New lines are indented as the text's are; a text without
 * lines gets none. (jsonc-parser's own formatting lays out whole lines anew, and took over ten minutes for 100,000 rules.)
 */
export function withProperties(raw: string, values: readonly PropertyValue[]): string {
  const text = withoutMark(raw);
  const root = treeOf(text);
  const style = styleOf(text);
  const edits = values.flatMap(({ path, value }): readonly Edit[] => {
    if (value === undefined) return modify(text, path, undefined, {});
    const found = findNodeAtLocation(root, path);
    return [found ? replacement(text, found, value, style) : insertion(text, root, path, value, style)];
  });
  const sorted = edits.toSorted((a, b) => a.offset - b.offset);
  const parts = sorted.flatMap(({ offset, content }, index) => {
    const before = sorted[index - 1];
    return [text.slice(before ? before.offset + before.length : 0, offset), content];
  });
  const last = sorted.at(-1);
  const mark = raw.slice(0, raw.length - text.length);
  return [mark, ...parts, text.slice(last ? last.offset + last.length : 0)].join("");
}

/** How a text is laid out: absent where it stands on one line. */
interface Style {
  readonly indent: string;
  readonly lineEnd: string;
}

/** As the first indented key has it. */
function styleOf(text: string): Style | undefined {
  const [, lineEnd, indent] = /(\r\n|\n|\r)([ \t]+)"/.exec(text) ?? [];
  return lineEnd === undefined || indent === undefined ? undefined : { indent, lineEnd };
}

function replacement(text: string, { offset, length }: Node, value: unknown, style: Style | undefined): Edit {
  return { offset, length, content: laidOut(value, indentAt(text, offset), style) };
}

/** Behind the object's last property, on a line of its own where that has one. */
function insertion(text: string, root: Node, path: JSONPath, value: unknown, style: Style | undefined): Edit {
  const key = JSON.stringify(path.at(-1));
  const object = findNodeAtLocation(root, path.slice(0, -1));
  if (object?.type !== "object") throw new TypeError(`no object for ${path.join("/")}`);
  const last = object.children?.at(-1);
  const offset = last ? last.offset + last.length : object.offset + 1;
  const indent = indentAt(text, last?.offset ?? offset);
  const isOwnLine = last !== undefined && startOfLine(text, last.offset) + indent.length === last.offset;
  const before = isOwnLine && style ? `,${style.lineEnd}${indent}` : last ? ", " : "";
  return { offset, length: 0, content: `${before}${key}: ${laidOut(value, indent, style)}` };
}

function laidOut(value: unknown, indent: string, style: Style | undefined): string {
  if (!style) return JSON.stringify(value);
  return JSON.stringify(value, null, style.indent).replaceAll("\n", `${style.lineEnd}${indent}`);
}

/** Blanks before the first character of the line. */
function indentAt(text: string, offset: number): string {
  const start = startOfLine(text, offset);
  let end = start;
  while (text[end] === " " || text[end] === "\t") end++;
  return text.slice(start, end);
}

function startOfLine(text: string, offset: number): number {
  return Math.max(text.lastIndexOf("\n", offset - 1), text.lastIndexOf("\r", offset - 1)) + 1;
}
