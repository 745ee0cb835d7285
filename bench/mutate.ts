/** Choices that a seed repeats. */
export interface Random {
  /** From 0 to below `end`. */
  int(end: number): number;
  pick<T>(list: readonly [T, ...T[]]): T;
}

/** The choices of one input: those of the seed, a name and a number, whatever came before it (mulberry32, FNV-1a). */
export function randomOf(seed: number, name: string, index: number): Random {
  let state = 0x811c9dc5;
  for (const character of `${seed} ${name} ${index}`)
    state = Math.imul(state ^ character.charCodeAt(0), 0x01000193);
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const int = (end: number): number => next() % Math.max(1, end);
  return { int, pick: (list) => list[int(list.length)] ?? list[0] };
}

export type Samples = readonly [string, ...string[]];

/** What a mutation can use: texts whose characters are bytes (latin1). */
export interface Material {
  readonly samples: Samples;
  readonly dictionary: Samples;
}

const MOST_BYTES = 64 * 1024;

/** What any reader of texts may stumble over. */
export const AWKWARD: Samples = [
  "\xef\xbb\xbf", // a byte order mark
  "\r\n",
  "\r",
  "\n",
  "\0",
  "\x0b",
  "\xc2\xa0", // a blank that ASCII does not know
  "\xe2\x80\xa8", // a line separator to JavaScript alone
  "\xed\xa0\x80", // half of a surrogate pair
  "\xff\xfe",
  "\xc3",
  "\xf0\x9f\x94\xa5",
  "\xcc\x81".repeat(50),
  "\\u0000",
  "\\ud800",
  "\\",
  '"',
  "\x1b[2J",
  " ".repeat(300),
  "\t",
  "__proto__",
  "constructor",
  "-1",
  "0",
  "00",
  "65535",
  "65536",
  "4294967296",
  "9007199254740993",
  "1e999",
  "0x10",
];

const OPENERS: Samples = ["[", "{", '{"a":', '[{"a":[', "(", "!", "|", "+", "[[", "[group "];

/** A few changes of a sample, or bytes without any sense. */
export function mutate(random: Random, material: Material): string {
  if (random.int(12) === 0) return noise(random, material);
  let text = random.pick(material.samples);
  for (let times = 1 + random.int(random.pick([1, 3, 8])); times > 0; times--)
    text = random.pick(MUTATIONS)(random, text, material).slice(0, MOST_BYTES);
  return random.int(300) === 0 ? blowUp(random, text) : text;
}

type Mutation = (random: Random, text: string, material: Material) => string;

const MUTATIONS: readonly [Mutation, ...Mutation[]] = [
  (random, text) => put(text, random.int(text.length), 1, byte(random)),
  (random, text) => {
    const at = random.int(text.length);
    return put(text, at, 1, String.fromCharCode((text.charCodeAt(at) & 0xff) ^ (1 << random.int(8))));
  },
  (random, text) => put(text, random.int(text.length), chunk(random), ""),
  (random, text) => put(text, random.int(text.length + 1), 0, cut(random, text)),
  (random, text, { samples }) =>
    put(text, random.int(text.length + 1), chunk(random), cut(random, random.pick(samples))),
  (random, text, { samples }) => {
    const other = random.pick(samples);
    return text.slice(0, random.int(text.length)) + other.slice(random.int(other.length));
  },
  (random, text, { dictionary }) => put(text, random.int(text.length + 1), 0, random.pick(dictionary)),
  (random, text) => put(text, random.int(text.length + 1), 0, random.pick(AWKWARD)),
  (random, text, material) => replaceWord(random, text, anyWord(random, material)),
  (random, text, material) => replaceWord(random, text, anyWord(random, material)),
  (random, text) => replaceWord(random, text, random.pick(AWKWARD)),
  (random, text, { samples }) => changeLine(random, text, random.pick(samples)),
  (random, text, { samples }) => changeLine(random, text, random.pick(samples)),
  (random, text) => text.slice(0, random.int(text.length + 1)),
  (random, text) =>
    random.int(4) === 0 ? text.replaceAll("\n", random.pick(["\r\n", "\r", " ", "\n\n"])) : text,
  (random, text) =>
    put(
      text,
      random.int(text.length + 1),
      0,
      random.pick(OPENERS).repeat(1 + random.int(random.pick([4, 2000]))),
    ),
];

/** Random bytes, or words of the dictionary without order. */
function noise(random: Random, { dictionary }: Material): string {
  const length = random.int(random.pick([4, 40, 400]));
  const piece = random.int(2) === 0 ? byte : () => random.pick(dictionary);
  return Array.from({ length }, () => piece(random)).join("");
}

/** Much of something: what takes more than linear time shows here. */
function blowUp(random: Random, text: string): string {
  const piece = cut(random, text) || " ";
  const times = Math.ceil(MOST_BYTES / piece.length);
  return put(text, random.int(text.length + 1), 0, piece.repeat(times).slice(0, MOST_BYTES));
}

function byte(random: Random): string {
  return String.fromCharCode(random.int(256));
}

function chunk(random: Random): number {
  return 1 + random.int(random.pick([4, 32, 512]));
}

function cut(random: Random, text: string): string {
  const start = random.int(text.length);
  return text.slice(start, start + chunk(random));
}

function put(text: string, start: number, length: number, piece: string): string {
  return text.slice(0, start) + piece + text.slice(start + length);
}

const WORD = /[\w.:/+!|-]/;

function wordAt(text: string, at: number): { readonly start: number; readonly length: number } {
  let start = at;
  let end = at;
  while (start > 0 && WORD.test(text[start - 1] ?? "")) start--;
  while (end < text.length && WORD.test(text[end] ?? "")) end++;
  return { start, length: end - start };
}

function anyWord(random: Random, { samples, dictionary }: Material): string {
  if (random.int(2) === 0) return random.pick(dictionary);
  const sample = random.pick(samples);
  const { start, length } = wordAt(sample, random.int(sample.length));
  return sample.slice(start, start + length);
}

function replaceWord(random: Random, text: string, word: string): string {
  const { start, length } = wordAt(text, random.int(text.length));
  return put(text, start, length, word);
}

/** A line left out, twice, elsewhere, or from another text. */
function changeLine(random: Random, text: string, other: string): string {
  const lines = text.split("\n");
  const line = lines[random.int(lines.length)] ?? "";
  const foreign = other.split("\n");
  const given = random.pick([[], [line], [foreign[random.int(foreign.length)] ?? ""]]);
  lines.splice(random.int(lines.length), random.int(2), ...given);
  return lines.join("\n");
}

const VALUES: readonly [unknown, ...unknown[]] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e21,
  65536,
  "",
  "0",
  "1",
  " ",
  "a\u0000b",
  "\ud800",
  [],
  {},
  [[]],
  [null],
  { "": null },
];

/** A JSON value with a few of its nodes left out, doubled, moved or replaced: the result is JSON, and reaches the schemas. */
export function mutateJson(random: Random, text: string, words: Samples, indent: number): string {
  const root = { value: JSON.parse(text) as unknown };
  for (let times = 1 + random.int(4); times > 0; times--) {
    const { holder, key } = random.pick(slotsOf(root));
    const [action, donor] = [random.int(6), random.pick(slotsOf(root))];
    if (action === 0) delete holder[key];
    else if (action === 1)
      add(holder, `${key}${random.pick(["", "2", "_key"])}`, structuredClone(donor.holder[donor.key]));
    else if (action === 2) add(holder, random.pick(words), structuredClone(holder[key]));
    else if (action === 3) holder[key] = structuredClone(random.pick(VALUES));
    else if (action === 4) holder[key] = random.pick(words);
    else holder[key] = structuredClone(donor.holder[donor.key]);
  }
  return Buffer.from(JSON.stringify(root.value, null, indent) ?? "").toString("latin1");
}

/** To an array at its end: as a key of it, 999999999 would be a billion of entries. */
function add(holder: Slot["holder"], key: string, value: unknown): void {
  if (Array.isArray(holder)) holder.push(value);
  else holder[key] = value;
}

interface Slot {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

function slotsOf(root: object): readonly [Slot, ...Slot[]] {
  const found: Slot[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    const holder = value as Record<string, unknown>;
    for (const key of Object.keys(holder)) {
      found.push({ holder, key });
      visit(holder[key]);
    }
  };
  visit(root);
  const [first = { holder: { value: null }, key: "value" }, ...rest] = found;
  return [first, ...rest];
}

/** Values that no output may have once they stand under a secret's key. */
export const CANARIES: Samples = ["c4naryOfThisRun", "918273645918"];

const SECRET_KEYS: Samples = [
  "admin_password",
  "apiToken",
  "root-passwd",
  "SECRET_KEYS",
  "password_hash",
  "keys",
];
const SECRETS: Samples = [
  '"c4naryOfThisRun"',
  "918273645918",
  '["c4naryOfThisRun", {"a": "x c4naryOfThisRun"}]',
  '{"rules": [918273645918]}',
  '"c4naryOfThisRun',
  "c4naryOfThisRun",
  '"c4naryOfThisRun\\x"',
  "-918273645918.e",
];

/** The text with a secret in one of its objects; a text without any is returned as it is. */
export function withSecret(random: Random, text: string): string {
  const starts = [...text.matchAll(/\{/g)].map(({ index }) => index + 1);
  const at = starts[random.int(starts.length)];
  if (at === undefined) return text;
  const comma = /^\s*\}/.test(text.slice(at, at + 100)) ? "" : ",";
  return put(text, at, 0, `"${random.pick(SECRET_KEYS)}": ${random.pick(SECRETS)}${comma}`);
}

/** The text with a line of its own for a secret. */
export function withSecretLine(random: Random, text: string): string {
  const blanks = random.pick(["", " ", "\t"]);
  const line = `${blanks}${random.pick(SECRET_KEYS)}:${blanks}${CANARIES[0]}`;
  return put(text, random.int(text.length + 1), 0, `\n${line}\n`);
}
