import assert from "node:assert/strict";
import { test } from "node:test";
import { largeEstate, largeTexts } from "../../fixtures/estates/large.ts";
import { loadEstate } from "../load.ts";
import { proveAll } from "./all.ts";
import { mend } from "./mend.ts";
import { patchedEstate } from "./patched-estate.ts";

const GUESTS = 300;
const OPEN = 40;

/** An estate of which the rule for Traefik of some guests names no source. */
function openEstate() {
  const { lxc, ...texts } = largeTexts(GUESTS, 2);
  let left = OPEN;
  const text = lxc.text.replaceAll(
    /\n +"source": "10\.0\.0\.12",(?=\n[^}]+"comment": "Traefik"\n)/g,
    (found) => (left-- > 0 ? "" : found),
  );
  return loadEstate("large", { ...texts, lxc: { ...lxc, text } });
}

test("of many open lines a patch is tried for the first, which is said; mended round by round all are closed", () => {
  const estate = openEstate();
  const edge = proveAll(estate).find(({ control }) => control === "EDGE-002");
  assert.equal(edge?.violations.length, OPEN);
  const tried = edge.violations.filter(({ patch }) => patch).length;
  assert.ok(tried > 0 && tried < OPEN);
  assert.ok(edge.violations.slice(0, tried).every(({ patch }) => patch));
  assert.ok(
    edge.violations.every(({ remedy }) => remedy.includes("arrow the rule") || remedy.includes("Remove")),
  );
  assert.deepEqual(edge.notes, [
    `no patch was tried for ${OPEN - tried} of these: of an estate of ${estate.guests.length} guests only a few are`,
  ]);
  const after = proveAll(patchedEstate(estate, mend(estate, proveAll)));
  assert.deepEqual(
    after.flatMap(({ violations }) => violations),
    [],
  );
});

test("a large estate, from its files and without them, breaks no requirement", () => {
  for (const estate of [largeEstate(60, 20), loadEstate("large", largeTexts(60, 20))]) {
    assert.deepEqual(
      proveAll(estate).flatMap(({ violations }) => violations),
      [],
    );
    assert.equal(estate.guests.length, 69);
    assert.equal(estate.routes.length, 10);
  }
});

test("of many guests whose way out is open the first are named, the others counted", () => {
  const egress = proveAll(largeEstate(60, 9)).find(({ control }) => control === "SEG-004");
  const [note = ""] = egress?.notes ?? [];
  assert.match(note, /^egress open by declaration: Nginx-Phoenix \(guest 101\), .*, 53 more$/);
  assert.equal(note.split(", ").length, 17);
});

test("an estate and the same without its files are proved over the same", () => {
  const spaces = [largeEstate(60, 10), loadEstate("large", largeTexts(60, 10))].map((estate) =>
    proveAll(estate).map(({ control, space }) => `${control} ${space}`),
  );
  const [inMemory, read] = spaces.map((each) => each.filter((line) => !line.startsWith("CFG-001")));
  assert.deepEqual(inMemory, read);
});
