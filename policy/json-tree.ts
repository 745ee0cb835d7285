import type { Node } from "jsonc-parser";
import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  isBlank,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  tokenEnd,
} from "./token.ts";

/** A node that is still being read. */
type Open = Omit<Node, "length" | "children"> & { length: number; readonly children: Node[] };

/**
 * The tree of a text that is JSON (RFC 8259), node for node jsonc-parser's `parseTree` without a colon's place, in a fraction
 * of its time: that the text is JSON is known, so nothing is checked. No recursion.
 */
export function treeOfJson(text: string): Node {
  let root: Node | undefined;
  /** The container that is being read, or its property that has no value yet. */
  let into: Open | undefined;
  const attach = (node: Node): void => {
    root ??= node;
    into?.children.push(node);
  };
  /** Behind a value its property is complete. */
  const close = (end: number): void => {
    if (into?.type !== "property") return;
    into.length = end - into.offset;
    into = into.parent as Open | undefined;
  };
  let end = 0;
  for (let start = 0; start < text.length; start = end) {
    end = tokenEnd(text, start);
    const first = text.charCodeAt(start);
    if (isBlank(first) || first === COMMA || first === COLON) continue;
    if (first === CLOSE_BRACE || first === CLOSE_BRACKET) {
      if (!into) break;
      into.length = end - into.offset;
      into = into.parent as Open | undefined;
      close(end);
      continue;
    }
    if (into?.type === "object") {
      const property: Open = { type: "property", offset: start, length: 0, parent: into, children: [] };
      attach(property);
      into = property;
      attach(scalar(text, start, end, into));
      continue;
    }
    if (first === OPEN_BRACE || first === OPEN_BRACKET) {
      const type = first === OPEN_BRACE ? "object" : "array";
      const container: Open = { type, offset: start, length: 0, children: [], ...(into && { parent: into }) };
      attach(container);
      into = container;
      continue;
    }
    attach(scalar(text, start, end, into));
    close(end);
  }
  if (!root) throw new TypeError("a text that is no JSON");
  return root;
}

function scalar(text: string, offset: number, end: number, parent: Node | undefined): Node {
  const token = text.slice(offset, end);
  const isPlain = text.charCodeAt(offset) === QUOTE && !token.includes("\\");
  const value: unknown = isPlain ? token.slice(1, -1) : JSON.parse(token);
  const [type, length] = [typeOf(value), end - offset];
  return parent ? { type, value, offset, length, parent } : { type, value, offset, length };
}

function typeOf(value: unknown): "string" | "number" | "boolean" | "null" {
  const type = typeof value;
  return type === "string" || type === "number" || type === "boolean" ? type : "null";
}
