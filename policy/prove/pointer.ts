import type { JSONPath, Node } from "jsonc-parser";

/** A JSON pointer's segments, RFC 6901 section 4. */
export function segmentsOf(pointer: string): readonly string[] {
  const [, ...segments] = pointer.split("/");
  return segments.map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** The value at a pointer below a node; undefined where there is none. */
export function nodeAtPointer(root: Node, pointer: string): Node | undefined {
  let found: Node | undefined = root;
  for (const segment of segmentsOf(pointer)) found = found && childOf(found, segment);
  return found;
}

/** The same as a path, an array's indexes as numbers; what is missing keeps its segments as they are. */
export function pathOf(root: Node, pointer: string): JSONPath {
  let found: Node | undefined = root;
  return segmentsOf(pointer).map((segment) => {
    const isIndex = found?.type === "array" && INDEX.test(segment);
    found = found && childOf(found, segment);
    return isIndex ? Number(segment) : segment;
  });
}

const INDEX = /^(0|[1-9]\d*)$/;

/** An object's value by its key, an array's by its index. */
export function childOf(node: Node, segment: string): Node | undefined {
  const { type, children = [] } = node;
  if (type === "array") return INDEX.test(segment) ? children[Number(segment)] : undefined;
  return children.find(({ children: [key] = [] }) => key?.value === segment)?.children?.[1];
}
