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
  /** What may be shown in its place; by default nothing of it. */
  readonly said?: string;
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
  let index = 0;
  for (const child of node.children ?? []) {
    const name = node.type === "array" ? undefined : String(child.children?.[0]?.value);
    const value = name === undefined ? child : child.children?.[1];
    const secret = name !== undefined && (isSecretKey(name) || (secretName && name === "value"));
    if (value && (value.children || inherited || secret)) {
      path.push(name ?? index);
      collect(value, path, inherited || secret, found);
      path.pop();
    }
    index++;
  }
}

/** Keys of mere words, and of a rule's fields of which no right value has the form of a secret: what they hold is shown. */
const WORDED = new Set("name hostname description comment proto macro port sport icmp_type log".split(" "));

/** What every value between words follows; in JSON a key's own quotes stand between it and its colon. */
const HINT = /(?:pass|secret|token|key|hash|credential)\w{0,20}(?:[ \t]{0,20}[:=(]|[ \t]{1,20}[^ \t"])/i;

/** Such texts of a file in their order, with what may be shown of them. The text tells whether there can be any. */
export function wordedSecretsIn(root: Node, text: string): SecretNode[] {
  if (!HINT.test(text) && !hasToken(text)) return [];
  const found: SecretNode[] = [];
  const down = (node: Node, path: JSONPath): void => {
    for (const [index, child] of (node.children ?? []).entries()) {
      const [key, value] = node.type === "array" ? [undefined, child] : (child.children ?? []);
      if (!value) continue;
      if (value.children) down(value, [...path, key ? String(key.value) : index]);
      else if (value.type === "string" && WORDED.has(String(key?.value))) {
        const { text: said, hidden } = redactWords(String(value.value));
        if (hidden.length > 0) found.push({ node: value, path: [...path, String(key?.value)], said });
      }
    }
  };
  down(root, []);
  return found;
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
  if (!mayHoldSecret(text)) return text;
  const hidden = text.replace(WHOLE_LINE, (line, start: string, key: string) =>
    isSecretKey(key) ? `${start}${REDACTED}` : line,
  );
  return without(hidden, secretValues(hidden)).replace(COMMENT, (comment) => redactWords(comment).text);
}

const COMMENT = /#[^\n]*/g;

/** Words that say nothing to the model, and what of them was hidden. */
export interface RedactedWords {
  readonly text: string;
  readonly hidden: readonly string[];
}

/**
 * Words that have no effect (a comment, a name, a line that is passed over): besides what `redactLines` takes out, the value in
 * `--password X`, `password X`, `secret:X` and `Key(X)`, what has the form of a token, and a URL's password. In a line that has an effect
 * these may be an interface, a set or an address.
 */
export function redactWords(text: string): RedactedWords {
  if (!mayHoldSecret(text)) return { text, hidden: [] };
  const found = [...secretValues(text), ...looseValues(text), ...tokensIn(text)].sort((a, b) => a.at - b.at);
  const hidden = found.map(({ value }) => value).filter((value) => value !== REDACTED);
  return { text: without(text, found), hidden };
}

/** Quick, and false of most texts that hold none. */
function mayHoldSecret(text: string): boolean {
  return ANY.test(text) || hasToken(text);
}

function hasToken(text: string): boolean {
  return TOKEN.test(text) || USER_INFO.test(text);
}

/** How the tokens of widespread services begin, JSON Web Tokens (RFC 7519), and a private key's PEM (RFC 7468). */
const TOKEN =
  /(?<![\w-])(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk-|ptr_|hv[sb]\.|AKIA|ASIA|eyJ)[\w.~+/-]{12,}|-----BEGIN [A-Z ]{0,30}PRIVATE KEY[^\n]*/;
/** RFC 3986, section 3.2.1. */
const USER_INFO = /(:\/\/[^\s:@/]{0,64}:)[^\s@/]+(?=@)/;

function tokensIn(text: string): readonly SecretValue[] {
  return [TOKEN, USER_INFO].flatMap((form) =>
    [...text.matchAll(new RegExp(form, "g"))].map(({ 0: whole, 1: before = "", index }) => ({
      key: "token",
      at: index + before.length,
      value: whole.slice(before.length),
    })),
  );
}

const WORD = /[\w-]+/g;
const SEPARATOR = /[ \t]*[:=(][ \t]*|[ \t]+(?:is[ \t]+)?/y;
const LOOSE_VALUE = /"[^"\n]*"|'[^'\n]*'|[^\s,()"'-][^\s,()]*/y;
/** Words behind which a value may stand without a sign between. */
const BARE = /^-|^pass(?:word|wd|phrase)$/i;

function looseValues(text: string): readonly SecretValue[] {
  const found: SecretValue[] = [];
  WORD.lastIndex = 0;
  for (let match = WORD.exec(text); match; match = WORD.exec(text)) {
    const [key] = match;
    if (!isSecretKey(key)) continue;
    const separator = at(SEPARATOR, text, WORD.lastIndex);
    if (separator === undefined || (separator.trim().length !== 1 && !BARE.test(key))) continue;
    const start = WORD.lastIndex + separator.length;
    const value = at(LOOSE_VALUE, text, start);
    if (value === undefined) continue;
    found.push({ key, at: start, value });
    WORD.lastIndex = start + value.length;
  }
  return found;
}

function at(form: RegExp, text: string, index: number): string | undefined {
  form.lastIndex = index;
  return form.exec(text)?.[0];
}

/** Values in their order; one that stands within another goes with it. */
function without(text: string, values: readonly SecretValue[]): string {
  const parts: string[] = [];
  let end = 0;
  for (const { at: start, value } of values) {
    const next = start + value.length;
    if (next <= end) continue;
    if (start >= end) parts.push(text.slice(end, start), REDACTED);
    end = next;
  }
  return [...parts, text.slice(end)].join("");
}

/** The keys whose values `redactLines` and `redactWords` took out of this text. */
export function redactedKeys(text: string): readonly string[] {
  if (!text.includes(REDACTED)) return [];
  const found = [...secretValues(text), ...looseValues(text)].filter(({ value }) => value === REDACTED);
  return [...new Map(found.map(({ key, at: start }) => [start, key.replace(/^-+/, "")])).values()];
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
