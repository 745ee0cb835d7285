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

/**
 * A text of lines in which the value of each line `key: value` with a secret's key is replaced. Such a line says nothing
 * to Proxmox: what it would show of it, as a line that is passed over, is redacted by that.
 */
export function redactLines(text: string): string {
  return text.replace(/^([ \t]*([\w-]+)[ \t]*:[ \t]*)[^ \t\n][^\n]*/gm, (line, start: string, key: string) =>
    isSecretKey(key) ? `${start}${REDACTED}` : line,
  );
}
