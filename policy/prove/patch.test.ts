import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { applyPatch } from "./patch.ts";
import type { PatchOperation } from "./proof.ts";

const TEXT = `{
  "rules": [
    {
      "port": "80"
    },
    {
      "port": "443"
    }
  ],
  "records": [
    { "name": "a", "ip": "1" },
    { "name": "b", "ip": "2" }
  ],
  "servers": ["p", "q"],
  "empty": [],
  "a/b": { "c~d": 1 }
}
`;

type Unfiled = PatchOperation extends infer Each
  ? Each extends unknown
    ? Omit<Each, "file">
    : never
  : never;

function apply(text: string, ...operations: readonly Unfiled[]): string {
  return applyPatch(text, operations.map((each) => ({ file: "x", ...each })) as PatchOperation[]);
}

/** A row each: the operation, a piece of the text, and what stands in its place; all else stays. */
const ROWS: readonly (readonly [Unfiled, string, string])[] = [
  [{ op: "add", path: "/records/-", value: { name: "c" } }, `"2" }\n`, `"2" },\n    { "name": "c" }\n`],
  [
    { op: "add", path: "/records/0", value: { name: "c" } },
    `[\n    { "name": "a"`,
    `[\n    { "name": "c" },\n    { "name": "a"`,
  ],
  [{ op: "remove", path: "/records/0" }, `    { "name": "a", "ip": "1" },\n`, ""],
  [{ op: "remove", path: "/records/1" }, `,\n    { "name": "b", "ip": "2" }`, ""],
  [{ op: "remove", path: "/records/0/ip" }, `"a", "ip": "1"`, `"a"`],
  [{ op: "replace", path: "/records/1/ip", value: "3" }, `"ip": "2"`, `"ip": "3"`],
  [
    { op: "move", from: "/records/1", path: "/records/0" },
    `"name": "a", "ip": "1" },\n    { "name": "b", "ip": "2"`,
    `"name": "b", "ip": "2" },\n    { "name": "a", "ip": "1"`,
  ],
  [
    { op: "add", path: "/rules/1", value: { port: "53", tags: ["x"] } },
    `"80"\n    },\n`,
    `"80"\n    },\n    {\n      "port": "53",\n      "tags": [\n        "x"\n      ]\n    },\n`,
  ],
  [{ op: "add", path: "/rules/0/comment", value: "why" }, `"80"`, `"80",\n      "comment": "why"`],
  [{ op: "add", path: "/rules/0/port", value: 81 }, `"80"`, "81"],
  [{ op: "remove", path: "/servers/0" }, `["p", "q"]`, `["q"]`],
  [{ op: "add", path: "/servers/1", value: "r" }, `["p", "q"]`, `["p", "r", "q"]`],
  [{ op: "add", path: "/empty/-", value: { a: 1 } }, `[],`, `[\n    {\n      "a": 1\n    }\n  ],`],
  [{ op: "add", path: "/empty/0", value: "a" }, `[],`, `["a"],`],
  [{ op: "replace", path: "/a~1b/c~0d", value: null }, `"c~d": 1`, `"c~d": null`],
  [{ op: "remove", path: "/a~1b/c~0d" }, `{ "c~d": 1 }`, `{}`],
  [{ op: "add", path: "/zones", value: [] }, `"c~d": 1 }`, `"c~d": 1 },\n  "zones": []`],
];

for (const [operation, piece, instead] of ROWS) {
  test(`${JSON.stringify(operation)} changes nothing else`, () => {
    assert.equal(TEXT.split(piece).length, 2);
    assert.equal(
      apply(TEXT, operation),
      TEXT.replace(piece, () => instead),
    );
  });
}

test("a comment, a tab and CRLF stay", () => {
  const text = '{\r\n\t// why\r\n\t"a": [\r\n\t\t{\r\n\t\t\t"b": 1\r\n\t\t}\r\n\t]\r\n}\r\n';
  const added = apply(text, { op: "add", path: "/a/-", value: { c: 2 } });
  assert.equal(added, text.replace("\t\t}\r\n", '\t\t},\r\n\t\t{\r\n\t\t\t"c": 2\r\n\t\t}\r\n'));
});

test("a byte order mark stays in front", () => {
  assert.equal(apply('\uFEFF{"a": 1}', { op: "replace", path: "", value: {} }), "\uFEFF{}");
});

test("what is no JSON is not patched", () => {
  assert.throws(() => apply('{"a": 1', { op: "replace", path: "/a", value: 2 }), TypeError);
});

const NOWHERE: readonly Unfiled[] = [
  { op: "remove", path: "/none" },
  { op: "remove", path: "/servers/2" },
  { op: "remove", path: "/servers/01" },
  { op: "remove", path: "/servers/-" },
  { op: "remove", path: "" },
  { op: "replace", path: "/rules/0/none", value: 1 },
  { op: "add", path: "/servers/3", value: 1 },
  { op: "add", path: "/servers/x", value: 1 },
  { op: "add", path: "/none/0", value: 1 },
  { op: "move", from: "/none", path: "/servers/0" },
];

for (const operation of NOWHERE) {
  test(`${JSON.stringify(operation)} leads nowhere`, () => {
    assert.throws(() => apply(TEXT, operation), TypeError);
  });
}

const key = fc.constantFrom("a", "b", "c/d", "e~f", "0");
const { value: json } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(0, "x", null, true, "{[,"),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(key, tie("value"), { maxKeys: 3, noNullPrototype: true }),
  ),
}));

/** Every pointer of a value and its own value, containers before what they hold. */
function pointers(value: unknown, at = ""): readonly string[] {
  if (typeof value !== "object" || value === null) return [at];
  const below = Object.entries(value).flatMap(([name, each]) =>
    pointers(each, `${at}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`),
  );
  return [at, ...below];
}

type Container = Record<string, unknown> | unknown[];

/** RFC 6902 on a value, in few words: the other way to the same result. */
function changed(
  value: unknown,
  segments: readonly string[],
  change: (parent: Container, last: string) => void,
): unknown {
  const copy = structuredClone(value);
  const last = segments.at(-1) ?? "";
  let parent = copy as Container;
  for (const segment of segments.slice(0, -1))
    parent = (parent as Record<string, unknown>)[segment] as Container;
  change(parent, last);
  return copy;
}

function set(parent: Container, last: string, value: unknown): void {
  (parent as Record<string, unknown>)[last] = value;
}

function unescaped(pointer: string): readonly string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((each) => each.replaceAll("~1", "/").replaceAll("~0", "~"));
}

test("what a patched text says is what the patched value is, in any layout", () => {
  const layouts = [2, "\t", undefined].map(
    (indent) => (value: unknown) => JSON.stringify(value, null, indent),
  );
  fc.assert(
    fc.property(
      json,
      json,
      fc.nat(),
      fc.constantFrom(...layouts),
      fc.boolean(),
      (value, fresh, nth, layout, crlf) => {
        const all = pointers(value).slice(1);
        const pointer = all[nth % Math.max(1, all.length)];
        if (pointer === undefined) return;
        const text = crlf ? layout(value).replaceAll("\n", "\r\n") : layout(value);
        const says = (operation: Unfiled): unknown => JSON.parse(apply(text, operation));
        const path = unescaped(pointer);
        const removed = changed(value, path, (parent, last) => {
          if (Array.isArray(parent)) parent.splice(Number(last), 1);
          else delete parent[last];
        });
        const added = changed(value, path, (parent, last) => {
          if (Array.isArray(parent)) parent.splice(Number(last), 0, fresh);
          else set(parent, last, fresh);
        });
        const replaced = changed(value, path, (parent, last) => set(parent, last, fresh));
        assert.deepEqual(says({ op: "remove", path: pointer }), removed);
        assert.deepEqual(says({ op: "add", path: pointer, value: fresh }), added);
        assert.deepEqual(says({ op: "replace", path: pointer, value: fresh }), replaced);
        assert.deepEqual(
          says({ op: "move", from: pointer, path: pointer }),
          JSON.parse(JSON.stringify(value)),
        );
      },
    ),
    { numRuns: 500 },
  );
});
