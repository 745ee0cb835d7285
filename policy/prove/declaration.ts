import type { Estate, Position, SourceFile } from "../estate.ts";
import { isRefused } from "../phoenix/validate.ts";
import { parseSource, positionOf, type Source } from "../source.ts";
import { nodeAtPointer, pathOf } from "./pointer.ts";

const SOURCES = new WeakMap<SourceFile, Source>();

/** A file of the declaration, read again at the first question: only a violation has one. */
function sourceOf({ files }: Estate, name: string): Source | undefined {
  const file = files.find((each) => each.name === name);
  if (!file) return undefined;
  const known = SOURCES.get(file);
  if (known) return known;
  const source = parseSource(name, file.text);
  if (isRefused(source)) return undefined;
  SOURCES.set(file, source);
  return source;
}

/** Whether the declaration has a value at this pointer of a position's file. */
export function hasValue(estate: Estate, file: string, pointer: string): boolean {
  const source = sourceOf(estate, file);
  return source !== undefined && nodeAtPointer(source.root, pointer) !== undefined;
}

/** Where a value of the declaration stands; what is missing stands where its nearest container begins. */
export function positionIn(estate: Estate, file: string, pointer: string): Position {
  const source = sourceOf(estate, file);
  return source ? positionOf(source, pathOf(source.root, pointer)) : { file, line: 1, column: 1, pointer };
}

/** How many elements an array of the declaration has; 0 where there is none. */
export function lengthOf(estate: Estate, file: string, pointer: string): number {
  const source = sourceOf(estate, file);
  const node = source && nodeAtPointer(source.root, pointer);
  return node?.type === "array" ? (node.children?.length ?? 0) : 0;
}

/** A scalar of the declaration; undefined for a container and where there is none. */
export function scalarAt(estate: Estate, file: string, pointer: string): unknown {
  const source = sourceOf(estate, file);
  return source && nodeAtPointer(source.root, pointer)?.value;
}
