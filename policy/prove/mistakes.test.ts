import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { findingsOf, type Mistake, type MistakeFinding, mistakes } from "../../fixtures/mistakes.ts";
import { patchedTexts } from "./patched-estate.ts";
import { REFERENCE, textsOf } from "../../fixtures/reference.ts";
import type { Estate } from "../estate.ts";
import { LINTS } from "../lint/catalogue.ts";
import { loadEstate } from "../load.ts";
import { readEstate } from "../read.ts";
import { mend } from "./mend.ts";
import type { Proof, Violation } from "./proof.ts";
import { proveAll } from "./all.ts";

/** What `phx check` proves, at this time. */
const prove = proveAll;

const PROVED = new Set([
  ...Object.keys(LINTS),
  ...prove(readEstate(REFERENCE)).map(({ control }) => control),
]);

/** A note of every estate, whose count says nothing of a mistake. */
const OF_ALL = "forgeable-source";

function find(estate: Estate): readonly MistakeFinding[] {
  return findingsOf(estate, prove(estate)).filter(({ id }) => id !== OF_ALL);
}

const OF_REFERENCE = new Set(find(readEstate(REFERENCE)).map(sentenceOf));

/** Lines move. */
function sentenceOf({ id, message }: Pick<MistakeFinding, "id" | "message">): string {
  return `${id} ${message.replaceAll(/:\d+:\d+( \/[\w/]+)?/g, "")}`;
}

function violationsOf(proofs: readonly Proof[]): readonly (Violation & { readonly id: string })[] {
  return proofs.flatMap(({ control: id, violations }) => violations.map((each) => ({ id, ...each })));
}

test("the reference estate has no finding but the note that every estate has", () => {
  const estate = readEstate(REFERENCE);
  assert.deepEqual(
    findingsOf(estate, prove(estate)).map(({ id }) => id),
    [OF_ALL],
  );
});

test("each mistake changes the reference estate, and has a title of its own", () => {
  const all = mistakes();
  assert.ok(all.length >= 20);
  assert.equal(new Set(all.map(({ title }) => title)).size, all.length);
  const reference = textsOf(REFERENCE);
  for (const { name, folder } of all) {
    const texts = textsOf(folder);
    const changed = (["host", "lxc", "vm"] as const).filter((key) => texts[key].text !== reference[key].text);
    assert.equal(changed.length, 1, name);
  }
});

for (const mistake of mistakes()) suite(mistake.title, () => testsOf(mistake));

function testsOf({ folder, findings: expected }: Mistake): void {
  const estate = readEstate(folder);
  const found = find(estate).filter((each) => !OF_REFERENCE.has(sentenceOf(each)));

  test("is found, exactly", () => {
    assert.deepEqual(
      found,
      expected.filter(({ id }) => PROVED.has(id)),
    );
  });

  for (const violation of violationsOf(prove(estate))) {
    const { id, message, patch } = violation;
    test(`${id} ${message}: its patch mends it, and nothing new appears`, () => {
      assert.ok(patch, violation.unpatched);
      const after = find(loadEstate(folder, patchedTexts(textsOf(folder), patch))).map(sentenceOf);
      const before = new Set(find(estate).map(sentenceOf));
      assert.ok(!after.includes(sentenceOf(violation)), "it is still there");
      assert.deepEqual(
        after.filter((each) => !before.has(each)),
        [],
      );
    });
  }

  test("one patch mends all", () => {
    const after = loadEstate(folder, patchedTexts(textsOf(folder), mend(estate, prove)));
    assert.deepEqual(violationsOf(prove(after)), []);
  });
}
