import { applyEdits, type Edit, getNodeValue, type Node, type ParseError, parseTree } from "jsonc-parser";
import { flat, isTall, marginAt, styleOf, tall } from "./json-text.ts";
import { nodeAtPointer, segmentsOf, valueIn } from "./pointer.ts";
import type { PatchOperation } from "./proof.ts";

/**
 * The JSON text with a patch of one file applied, RFC 6902: all else stays as it is written, comments too. What is added
 * looks like its neighbours.
 * @throws TypeError where the text is no JSON, or a pointer leads nowhere: the patch is of another text.
 */
export function applyPatch(text: string, operations: readonly PatchOperation[]): string {
  if (text.startsWith(BYTE_ORDER_MARK)) return `${BYTE_ORDER_MARK}${applyPatch(text.slice(1), operations)}`;
  return operations.reduce(applyOperation, text);
}

const BYTE_ORDER_MARK = "\uFEFF";

function applyOperation(text: string, operation: PatchOperation): string {
  switch (operation.op) {
    case "add":
      return applyEdits(text, [addition(text, operation.path, operation.value)]);
    case "replace":
      return applyEdits(text, [replacement(text, found(text, operation.path), operation.value)]);
    case "remove":
      return applyEdits(text, [removal(text, operation.path)]);
    case "move": {
      const value: unknown = getNodeValue(found(text, operation.from));
      const without = applyEdits(text, [removal(text, operation.from)]);
      return applyEdits(without, [addition(without, operation.path, value)]);
    }
  }
}

function found(text: string, pointer: string): Node {
  const errors: ParseError[] = [];
  const root = parseTree(text, errors);
  if (errors.length > 0) throw new TypeError("a patch of what is no JSON");
  const node = root && nodeAtPointer(root, pointer);
  if (!node) throw new TypeError(`no value at ${pointer || "the root"}`);
  return node;
}

/** The container of what a pointer names, and the name in it. */
function placeOf(text: string, pointer: string): { readonly parent: Node; readonly last: string } {
  const last = segmentsOf(pointer).at(-1);
  if (last === undefined) throw new TypeError("the root has no place");
  return { parent: found(text, pointer.slice(0, pointer.lastIndexOf("/"))), last };
}

function replacement(text: string, node: Node, value: unknown): Edit {
  const { offset, length } = node;
  const isFlat = node.children !== undefined && !isTall(text, node);
  return {
    offset,
    length,
    content: isFlat ? flat(value) : tall(value, marginAt(text, offset), styleOf(text)),
  };
}

function addition(text: string, pointer: string, value: unknown): Edit {
  if (pointer === "") return replacement(text, found(text, pointer), value);
  const { parent, last } = placeOf(text, pointer);
  const { type, children = [] } = parent;
  if (type === "object") {
    const earlier = valueIn(parent, last);
    return earlier
      ? replacement(text, earlier, value)
      : insertion(text, parent, children.length, value, last);
  }
  const index = last === "-" ? children.length : Number(last);
  if (type !== "array" || !(index >= 0 && index <= children.length))
    throw new TypeError(`no place at ${pointer}`);
  return insertion(text, parent, index, value);
}

/** A member or an element before the one of that index, or behind the last. */
function insertion(text: string, parent: Node, index: number, value: unknown, key?: string): Edit {
  const style = styleOf(text);
  const children = parent.children ?? [];
  const isLong = children.length === 0 ? typeof value === "object" : isTall(text, parent);
  const own = marginAt(text, parent.offset);
  const [first] = children;
  const margin = first && isLong ? marginAt(text, first.offset) : `${own}${style.indent}`;
  const isFlat =
    !isLong || (key === undefined && children.some((each) => each.children?.length && !isTall(text, each)));
  const written = isFlat ? flat(value) : tall(value, margin, style);
  const content = key === undefined ? written : `${JSON.stringify(key)}: ${written}`;
  const gap = isLong ? `${style.lineEnd}${margin}` : " ";
  const next = children[index];
  if (next) return { offset: next.offset, length: 0, content: `${content},${gap}` };
  const previous = children.at(-1);
  if (previous) return { offset: previous.offset + previous.length, length: 0, content: `,${gap}${content}` };
  const [open, close] = isLong ? [gap, `${style.lineEnd}${own}`] : padding(parent);
  return { offset: parent.offset + 1, length: parent.length - 2, content: `${open}${content}${close}` };
}

function padding({ type }: Node): readonly [string, string] {
  return type === "object" ? [" ", " "] : ["", ""];
}

function removal(text: string, pointer: string): Edit {
  const { parent, last } = placeOf(text, pointer);
  const node = valueIn(parent, last);
  const children = parent.children ?? [];
  const index = children.findIndex((child) => child === node || child.children?.[1] === node);
  const gone = children[index];
  if (!node || !gone) throw new TypeError(`no value at ${pointer}`);
  const next = children[index + 1];
  const previous = children[index - 1];
  const from = !next && previous ? previous.offset + previous.length : next ? gone.offset : parent.offset + 1;
  const to = next ? next.offset : previous ? gone.offset + gone.length : parent.offset + parent.length - 1;
  return { offset: from, length: to - from, content: "" };
}
