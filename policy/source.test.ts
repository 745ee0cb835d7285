import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Fault } from "./fault.ts";
import { keyPositionOf, nodeAt, parseSource, positionOf, type Source } from "./source.ts";

function read(text: string): Source {
  const source = parseSource("f.json", text);
  if (!("root" in source)) assert.fail(JSON.stringify(source));
  return source;
}

function refuse(text: string): readonly Fault[] {
  const faults = parseSource("f.json", text);
  assert.ok(!("root" in faults), "it was read");
  assert.ok(faults.length > 0);
  return faults;
}

const syntax: readonly [
  title: string,
  text: string,
  line: number,
  column: number,
  pointer: string,
  actual: RegExp,
][] = [
  ["an empty file", "", 1, 1, "", /end of the file/],
  ["a file that ends early", '{"a": [1, 2', 1, 12, "/a/1", /end of the file/],
  ["a trailing comma in an object", '{\n  "a": 1,\n}', 3, 1, "", /'}'/],
  ["a trailing comma in an array", '{"a": [1,\n]}', 2, 1, "/a/1", /']'/],
  ["a line comment", '{\n  // no\n  "a": 1}', 2, 3, "", /a comment/],
  ["a block comment", '{"a": /* no */ 1}', 1, 7, "/a", /a comment/],
  ["a key without quotes", "{a: 1}", 1, 2, "", /a word without quotes/],
  ["single quotes", "{'a': 1}", 1, 2, "", /a word without quotes/],
  ["a missing colon", '{"a" 1}', 1, 6, "/a", /a number/],
  ["a missing comma", '{"a": 1 "b": 2}', 1, 9, "/a", /a string/],
  ["a string without an end", '{"a": "b\n}', 1, 7, "/a", /a string/],
  ["an octal number", '{"a": 010}', 1, 8, "/a", /a number/],
  ["a second value", "{} {}", 1, 4, "", /'{'/],
  ["an escape that JSON lacks", '{"a": "\\x41"}', 1, 7, "/a", /another escape/],
  ["a control character", '{"a": "\u0001"}', 1, 7, "/a", /a string/],
];

for (const [title, text, line, column, pointer, actual] of syntax) {
  test(`${title} is refused at its place`, () => {
    const [first] = refuse(text);
    assert.equal(first?.code, "json-syntax");
    assert.deepEqual(first?.position, { file: "f.json", line, column, pointer });
    assert.match(first?.actual ?? "", actual);
  });
}

test("every wrong line is told, in order", () => {
  const lines = refuse('{\n  "a": 1,,\n  "b": 2,\n  "c": nul\n}').map((fault) => fault.position.line);
  assert.deepEqual(lines, [2, 4]);
});

test("a duplicate key is refused at its second place, and names the first", () => {
  const [fault, ...more] = refuse('{\n  "a": {"b": 1, "c": 2,\n    "b": 3}\n}');
  assert.equal(fault?.code, "json-duplicate-key");
  assert.deepEqual(fault?.position, { file: "f.json", line: 3, column: 5, pointer: "/a/b" });
  assert.match(fault?.actual ?? "", /"b" again \(first at line 2, column 9\)/);
  assert.deepEqual(more, []);
});

test("a key that differs only in its escapes is a duplicate", () => {
  assert.equal(refuse('{"ab": 1, "\\u0061b": 2}')[0]?.code, "json-duplicate-key");
});

test("__proto__ and constructor are keys like others", () => {
  const { value } = read('{"__proto__": 1, "constructor": {"__proto__": 2}}');
  assert.deepEqual(Object.keys(value as object), ["__proto__", "constructor"]);
});

test("10,000 levels of nesting are refused, not followed", () => {
  for (const text of [
    "[".repeat(10_000),
    '{"a":'.repeat(10_000),
    `${"[".repeat(10_000)}${"]".repeat(10_000)}`,
  ]) {
    assert.match(refuse(text)[0]?.expected ?? "", /at most 200 levels/);
  }
});

test("a byte order mark and CRLF move nothing", () => {
  const source = read('\uFEFF{\r\n  "a": 1,\r\n  "b": {"c": 2}\r\n}\r\n');
  assert.deepEqual(positionOf(source, ["b", "c"]), { file: "f.json", line: 3, column: 14, pointer: "/b/c" });
  assert.deepEqual(positionOf(read('\uFEFF{"a": 1}'), ["a"]).column, 7);
});

test("what is missing stands where its container begins; keys have a place of their own", () => {
  const source = read('{\n  "a": {"b": 1}\n}');
  assert.deepEqual(positionOf(source, ["a", "x", "y"]), {
    file: "f.json",
    line: 2,
    column: 8,
    pointer: "/a/x/y",
  });
  assert.deepEqual(keyPositionOf(source, ["a", "b"]), {
    file: "f.json",
    line: 2,
    column: 9,
    pointer: "/a/b",
  });
});

test("a pointer escapes ~ and /", () => {
  assert.equal(positionOf(read('{"a/b~c": 1}'), ["a/b~c"]).pointer, "/a~1b~0c");
});

test("any JSON value is read as JSON.parse reads it, and every scalar is found at its position", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(0, 1, 2), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      const source = parseSource("f.json", text);
      if (!("root" in source)) assert.fail(JSON.stringify(source));
      if (source.secrets.length === 0) assert.equal(JSON.stringify(source.value), JSON.stringify(value));
      for (const path of scalarPaths(value)) {
        const { line, column } = positionOf(source, path);
        const rest = text
          .split("\n")
          .slice(line - 1)
          .join("\n")
          .slice(column - 1);
        const scalar = path.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], value);
        assert.ok(rest.startsWith(JSON.stringify(scalar)), `${path.join("/")}: ${rest}`);
        assert.ok(nodeAt(source, path));
      }
    }),
  );
});

function scalarPaths(value: unknown): (string | number)[][] {
  if (Array.isArray(value))
    return value.flatMap((item, key) => scalarPaths(item).map((path) => [key, ...path]));
  if (value === null || typeof value !== "object") return [[]];
  return Object.entries(value).flatMap(([key, item]) => scalarPaths(item).map((path) => [key, ...path]));
}
