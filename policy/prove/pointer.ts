import type { JSONPath, Node } from "jsonc-parser";
import { childOf } from "../source.ts";

/** A JSON pointer's segments, RFC 6901 section 4. */
export function segmentsOf(pointer: string): readonly string[] {
  const [, ...segments] = pointer.split("/");
  return segments.map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** The value of a container that a pointer's segment names; undefined where there is none. */
export function valueIn(node: Node, segment: string): Node | undefined {
  return childOf(node, keyIn(node, segment));
}

const INDEX = /^(0|[1-9]\d*)$/;

/** An array's index is a number. */
function keyIn({ type }: Node, segment: string): string | number {
  return type === "array" && INDEX.test(segment) ? Number(segment) : segment;
}

/** The value at a pointer below a node; undefined where there is none. */
export function nodeAtPointer(root: Node, pointer: string): Node | undefined {
  let found: Node | undefined = root;
  for (const segment of segmentsOf(pointer)) found = found && valueIn(found, segment);
  return found;
}

/** The same as a path; what is missing keeps its segments as they are. */
export function pathOf(root: Node, pointer: string): JSONPath {
  let found: Node | undefined = root;
  return segmentsOf(pointer).map((segment) => {
    const key = found ? keyIn(found, segment) : segment;
    found = found && childOf(found, key);
    return key;
  });
}
