import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Finding, Result } from "./finding.ts";
import type { RunControl } from "./run.ts";
import type { ComponentRow } from "./components/row.ts";
import { verdictOf } from "./verdict.ts";

function control(id: string, scope: RunControl["scope"] = "selected"): RunControl {
  return { id, title: id, severity: "high", requirements: [], statement: "", scope };
}

function finding(id: string, result: Finding["result"], sampled?: string): Finding {
  return { control: id, result, summary: "", checks: [], ...(sampled ? { sampled } : {}) };
}

test("all controls covered and passed is a PASS, one uncovered or sampled a PARTIAL, both exit 0", () => {
  const whole = [control("A-1"), control("A-2")];
  const passes = [finding("A-1", "pass"), finding("A-2", "notapplicable")];
  assert.deepEqual(pick(verdictOf(whole, passes, [])), { word: "PASS", exit: 0 });
  const partial = [...whole, control("A-3", "uncovered")];
  assert.deepEqual(pick(verdictOf(partial, passes, [])), { word: "PARTIAL", exit: 0 });
  assert.equal(verdictOf(partial, passes, []).line, "PARTIAL: 2 of 3 controls covered, all conformant");
  const sampled = [finding("A-1", "pass", "some"), finding("A-2", "pass")];
  assert.deepEqual(pick(verdictOf(whole, sampled, [])), { word: "PARTIAL", exit: 0 });
  assert.match(verdictOf(whole, sampled, []).line, /sampled: A-1$/);
});

test("a fail beats what has no result, a fault beats both, nothing in scope is no pass", () => {
  const two = [control("A-1"), control("A-2")];
  const mixed = [finding("A-1", "fail"), finding("A-2", "inconclusive")];
  assert.deepEqual(pick(verdictOf(two, mixed, [])), { word: "FAIL", exit: 1 });
  assert.deepEqual(pick(verdictOf(two, mixed, ["broken"])), { word: "FAIL", exit: 3 });
  assert.deepEqual(pick(verdictOf(two, [finding("A-1", "pass")], [])), { word: "INCOMPLETE", exit: 4 });
  assert.deepEqual(pick(verdictOf(two, [finding("A-1", "pass"), finding("A-2", "pass")], ["broken"])), {
    word: "INCOMPLETE",
    exit: 3,
  });
  assert.deepEqual(pick(verdictOf([control("A-1", "uncovered")], [], [])), { word: "INCOMPLETE", exit: 4 });
});

test("whatever the results, exit 0 means that every selected control is green and nothing broke", () => {
  const results = fc.array(fc.option(fc.constantFrom(...Result.options)), { maxLength: 6 });
  fc.assert(
    fc.property(results, fc.boolean(), (given, broken) => {
      const controls = given.map((_each, index) => control(`A-${index}`));
      const findings = given.flatMap((each, index) => (each ? [finding(`A-${index}`, each)] : []));
      const { exit, counts } = verdictOf(controls, findings, broken ? ["broken"] : []);
      const green = given.length > 0 && given.every((each) => each === "pass" || each === "notapplicable");
      assert.equal(exit === 0, green && !broken);
      const { pass, fail, inconclusive, error, notrun, notapplicable, selected } = counts;
      assert.equal(pass + fail + inconclusive + error + notrun + notapplicable, selected);
    }),
  );
});

function pick({ word, exit }: ReturnType<typeof verdictOf>) {
  return { word, exit };
}

test("a component that drifts fails the run, one that could not be seen leaves it open", () => {
  const passes = [finding("A-1", "pass")];
  const row = (result: ComponentRow["result"]): ComponentRow => ({
    id: "nonce",
    component: "step-ca",
    list: "server",
    rfc: "RFC 8555 section 6.5",
    requirement: "a nonce counts once",
    expected: "400",
    observed: "201",
    result,
  });
  const judged = (result: ComponentRow["result"]) =>
    verdictOf([control("A-1", "selected")], passes, [], [row(result)]);
  assert.equal(judged("pass").exit, 0);
  assert.deepEqual(pick(judged("drift")), { word: "FAIL", exit: 1 });
  assert.equal(judged("drift").line, "FAIL: components not as expected: nonce");
  assert.deepEqual(pick(judged("inconclusive")), { word: "INCOMPLETE", exit: 4 });
  assert.equal(judged("inconclusive").line, "INCOMPLETE: components not seen: nonce");
});
