import { deepStrictEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Node, parseTree } from "jsonc-parser";
import { changedTexts } from "../fixtures/reference.ts";
import { treeOfJson } from "./json-tree.ts";

/** A tree without what is not compared. */
function plain({ type, offset, length, value, children }: Node): unknown {
  return { type, offset, length, value, children: children?.map(plain) };
}

function theirs(text: string): unknown {
  const root = parseTree(text, [], { disallowComments: true, allowTrailingComma: false });
  ok(root);
  return plain(root);
}

test("the reference estate's files have the tree that jsonc-parser makes of them", () => {
  const { host, lxc, vm } = changedTexts(() => undefined);
  for (const { text } of [host, lxc, vm]) deepStrictEqual(plain(treeOfJson(text)), theirs(text));
});

test("any JSON has the tree that jsonc-parser makes of it, however it is set", () => {
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.constantFrom(undefined, 1, "\t", " \n"),
      fc.constantFrom("", " ", "\n\t"),
      (value, indent, around) => {
        const text = `${around}${JSON.stringify(value, undefined, indent)}${around}`;
        deepStrictEqual(plain(treeOfJson(text)), theirs(text));
      },
    ),
    { numRuns: 2000 },
  );
});

test("escapes, exponents and empty containers are read as JSON reads them", () => {
  const text =
    '{"a\\u0041\\n": [-0, 1e3, 0.5E-2, true, false, null, "\\"\\\\", {}, [ ], ""] , "__proto__":{"\\ud800":"\\ud83d\\ude00"}}';
  const root = treeOfJson(text);
  deepStrictEqual(plain(root), theirs(text));
  equal(root.children?.[0]?.children?.[0]?.value, "aA\n");
});

test("nesting costs no stack", () => {
  const deep = 100_000;
  const root = treeOfJson(`${"[".repeat(deep)}${"]".repeat(deep)}`);
  equal(root.length, 2 * deep);
});
