import type { JSONPath, Node } from "jsonc-parser";

export const REDACTED = "[redacted]";

const WORDS = new Set([
  "password",
  "passwd",
  "secret",
  "token",
  "key",
  "hash",
  // Not of the format's list, but real files carry them (DATABASE_PASS).
  "pass",
  "passphrase",
  "credential",
]);

const ANY = new RegExp([...WORDS].join("|"), "i");

/** A value that must not be printed, stored or rendered. */
export interface SecretNode {
  readonly node: Node;
  readonly path: JSONPath;
}

/** Whether values under this key are secret: a secret's word, or its plural, split at `_`, `-` and camel case. */
export function isSecretKey(key: string): boolean {
  if (!ANY.test(key)) return false;
  const words = key
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((word) => word !== "");
  if (words.join("_") === "public_key") return false;
  return words.some((word) => WORDS.has(word) || WORDS.has(word.replace(/e?s$/, "")));
}

/**
 * The secrets in the order of the text: every scalar under a secret key, however deep, and `value` beside a `name`
 * that is one (`{ "name": "DB_PASSWORD", "value": "..." }`). `null` hides nothing.
 */
export function secretsIn(root: Node): SecretNode[] {
  const found: SecretNode[] = [];
  collect(root, [], false, found);
  return found;
}

/** One path for all nodes, copied where a secret is found: a file may hold millions of nodes. */
function collect(node: Node, path: JSONPath, inherited: boolean, found: SecretNode[]): void {
  if (node.type !== "object" && node.type !== "array") {
    if (inherited && node.type !== "null") found.push({ node, path: [...path] });
    return;
  }
  const secretName = node.type === "object" && isSecretKey(nameOf(node));
  for (const [index, child] of (node.children ?? []).entries()) {
    const [key, value] = node.type === "array" ? [undefined, child] : (child.children ?? []);
    if (!value) continue;
    const name = key && String(key.value);
    const secret = name !== undefined && (isSecretKey(name) || (secretName && name === "value"));
    path.push(name ?? index);
    collect(value, path, inherited || secret, found);
    path.pop();
  }
}

function nameOf(object: Node): string {
  const property = object.children?.find((candidate) => candidate.children?.[0]?.value === "name");
  const value = property?.children?.[1];
  return value?.type === "string" ? String(value.value) : "";
}

/** A line `key: value`: such a one says nothing to Proxmox where its key is a secret's. */
const WHOLE_LINE = /^([ \t]*([\w-]+)[ \t]*:[ \t]*)[^ \t\n][^\n]*/gm;
/** What stands before a value elsewhere: `key=` or `key: `. */
const KEY = /(?<![\w-])([\w-]+)(?:[ \t]*=[ \t]*|[ \t]*:[ \t]+)/g;
/** It ends at a blank or a comma, or with its quotes. */
const VALUE = /"[^"\n]*"|'[^'\n]*'|[^\s,]+/y;

/**
 * A text of lines in which the value of each `key: value` and `key=value` with a secret's key is replaced, in comments too.
 * Lines stay where they are, and each begins as it did. What it would show of such a line, as one that Proxmox passes
 * over, is redacted by that; no line that has an effect says anything in this form outside its comment.
 */
export function redactLines(text: string): string {
  if (!ANY.test(text)) return text;
  const hidden = text.replace(WHOLE_LINE, (line, start: string, key: string) =>
    isSecretKey(key) ? `${start}${REDACTED}` : line,
  );
  const parts: string[] = [];
  let end = 0;
  for (const { at, value } of secretValues(hidden)) {
    parts.push(hidden.slice(end, at), REDACTED);
    end = at + value.length;
  }
  return [...parts, hidden.slice(end)].join("");
}

/** The keys whose values `redactLines` took out of this text. */
export function redactedKeys(text: string): readonly string[] {
  if (!text.includes(REDACTED)) return [];
  return secretValues(text).flatMap(({ key, value }) => (value === REDACTED ? [key] : []));
}

interface SecretValue {
  readonly key: string;
  readonly at: number;
  readonly value: string;
}

/** One behind the other: what stands within a value is none of its own. */
function secretValues(text: string): readonly SecretValue[] {
  const found: SecretValue[] = [];
  KEY.lastIndex = 0;
  for (let match = KEY.exec(text); match; match = KEY.exec(text)) {
    const [, key = ""] = match;
    const at = KEY.lastIndex;
    VALUE.lastIndex = at;
    const value = isSecretKey(key) ? VALUE.exec(text)?.[0] : undefined;
    if (value === undefined) continue;
    found.push({ key, at, value });
    KEY.lastIndex = at + value.length;
  }
  return found;
}
