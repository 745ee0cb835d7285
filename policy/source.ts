import type { JSONPath, Node } from "jsonc-parser";
import type { Position } from "./estate.ts";
import type { Fault } from "./fault.ts";
import { type Lines, linesOf, positionAt } from "./position.ts";
import { REDACTED, type SecretNode, secretsIn, wordedSecretsIn } from "./secret.ts";
import { type Budget, MOST_TOKENS, parseStrictly } from "./syntax.ts";

/** A JSON file that was read: no secret is left in it. Positions are those of the file as it was. */
export interface Source {
  /** Secrets replaced; as many lines as the file has. */
  readonly text: string;
  readonly root: Node;
  /** What the text says. */
  readonly value: unknown;
  readonly lines: Lines;
  /** Where each redacted value stands; the pointer's last segment names its key. */
  readonly secrets: readonly Position[];
}

/**
 * Reads JSON strictly (RFC 8259: no comments, no trailing commas; and no duplicate keys) and redacts it. Faults name
 * kinds of tokens and keys read before the first error, never other text: near an error nobody knows what is a secret.
 */
export function parseSource(
  file: string,
  raw: string,
  budget: Budget = { tokens: MOST_TOKENS },
): Source | readonly Fault[] {
  const text = raw.startsWith("\uFEFF") ? raw.slice(1) : raw;
  const lines = linesOf(file, text);
  const parsed = parseStrictly(lines, text, budget);
  if (!("root" in parsed)) return parsed;
  const { root, value } = parsed;
  const duplicates: Fault[] = [];
  findDuplicates(root, [], lines, duplicates);
  if (duplicates.length > 0) return duplicates;
  const known = secretsIn(root);
  const isKnown = new Set(known.map(({ node }) => node));
  const worded = wordedSecretsIn(root, text).filter(({ node }) => !isKnown.has(node));
  const hidden = [...known, ...worded].sort((a, b) => a.node.offset - b.node.offset);
  // A rule's words are told with its line.
  const told = hidden.filter(({ said, path }) => said === undefined || !path.includes("rules"));
  const secrets = told.map(({ node, path }) => positionAt(lines, node.offset, path));
  if (hidden.length === 0) return { text, root, value, lines, secrets };
  const shown = redact(text, hidden);
  return { text: shown, root, value: JSON.parse(shown), lines, secrets };
}

/** The node at a path; undefined where the file has none. */
export function nodeAt(source: Source, path: JSONPath): Node | undefined {
  let found: Node | undefined = source.root;
  for (const segment of path) found = found && childOf(found, segment);
  return found;
}

/** From so many keys on an index is quicker than a look at each. */
const MANY_KEYS = 32;
const INDEXES = new WeakMap<Node, ReadonlyMap<unknown, Node>>();

/** An object's value by its key, an array's by its index. */
export function childOf(node: Node, segment: string | number): Node | undefined {
  const { children = [] } = node;
  if (node.type === "array") return typeof segment === "number" ? children[segment] : undefined;
  if (children.length < MANY_KEYS) {
    for (const { children: property } of children) if (property?.[0]?.value === segment) return property[1];
    return undefined;
  }
  const index = INDEXES.get(node) ?? indexOf(children);
  INDEXES.set(node, index);
  return index.get(segment);
}

function indexOf(properties: readonly Node[]): ReadonlyMap<unknown, Node> {
  return new Map(
    properties.flatMap(({ children: [key, value] = [] }): [unknown, Node][] =>
      value ? [[key?.value, value]] : [],
    ),
  );
}

/** Where the value at a path stands; what is missing stands where its nearest container begins. */
export function positionOf(source: Source, path: JSONPath): Position {
  let found = source.root;
  for (const segment of path) {
    const next = childOf(found, segment);
    if (!next) break;
    found = next;
  }
  return positionAt(source.lines, found.offset, path);
}

/** Where the key of a property stands. */
export function keyPositionOf(source: Source, path: JSONPath): Position {
  const container = nodeAt(source, path.slice(0, -1));
  const properties = container?.type === "object" ? (container.children ?? []) : [];
  const key = properties.map(({ children }) => children?.[0]).find((each) => each?.value === path.at(-1));
  return key ? positionAt(source.lines, key.offset, path) : positionOf(source, path);
}

function redact(text: string, hidden: readonly SecretNode[]): string {
  const parts: string[] = [];
  let end = 0;
  for (const { node, said = REDACTED } of hidden) {
    parts.push(text.slice(end, node.offset), JSON.stringify(said));
    end = node.offset + node.length;
    Object.assign(node, { type: "string", value: said });
  }
  return [...parts, text.slice(end)].join("");
}

function findDuplicates(node: Node, path: JSONPath, lines: Lines, found: Fault[]): void {
  const { type, children = [] } = node;
  if (type === "object") duplicatesIn(children, path, lines, found);
  let index = 0;
  for (const child of children) {
    const value = type === "array" ? child : child.children?.[1];
    if (value?.children) {
      path.push(type === "array" ? index : String(child.children?.[0]?.value));
      findDuplicates(value, path, lines, found);
      path.pop();
    }
    index++;
  }
}

/** One for all objects: each empties it. */
const FIRST = new Map<unknown, Node>();

function duplicatesIn(properties: readonly Node[], path: JSONPath, lines: Lines, found: Fault[]): void {
  FIRST.clear();
  for (const { children: [key, value] = [] } of properties) {
    if (!key || !value) continue;
    const earlier = FIRST.get(key.value);
    if (earlier) found.push(duplicate(key, earlier, [...path, String(key.value)], lines));
    else FIRST.set(key.value, key);
  }
}

function duplicate(key: Node, earlier: Node, path: JSONPath, lines: Lines): Fault {
  const { line, column } = positionAt(lines, earlier.offset, []);
  return {
    code: "json-duplicate-key",
    position: positionAt(lines, key.offset, path),
    expected: "each key once in an object",
    actual: `${JSON.stringify(key.value)} again (first at line ${line}, column ${column})`,
  };
}
