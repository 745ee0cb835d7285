import assert from "node:assert/strict";
import { test } from "node:test";
import { estateWith } from "../fixtures/reference.ts";
import { CATALOGUE } from "./catalogue.ts";
import { conclude, type Control, Observations } from "./control.ts";
import { CONTROLS } from "./controls.ts";

const estate = estateWith(() => {});

test("each control is one of the catalogue, once", () => {
  const ids = CONTROLS.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual(
    ids.filter((id) => !CATALOGUE.some((entry) => entry.id === id)),
    [],
  );
});

test("equal probe ids are equal probes: an observation is never taken for another's", () => {
  const probes = CONTROLS.flatMap((control) => control.probes(estate));
  const byId = new Map(probes.map((probe) => [probe.id, probe]));
  for (const probe of probes) assert.deepEqual(probe, byId.get(probe.id));
});

test("a control without any check is no pass", () => {
  const empty: Control = { id: "FW-001", probes: () => [], judge: () => [] };
  assert.equal(conclude(empty, estate, new Observations([])).result, "inconclusive");
});

test("the worst check is the control's result", () => {
  const check = { title: "t", expected: "", observed: "", evidence: [] };
  const control = (...results: ("pass" | "fail" | "inconclusive" | "notapplicable")[]): Control => ({
    id: "FW-001",
    probes: () => [],
    judge: () => results.map((result) => ({ ...check, result })),
  });
  const resultOf = (each: Control) => conclude(each, estate, new Observations([])).result;
  assert.equal(resultOf(control("pass", "inconclusive", "fail")), "fail");
  assert.equal(resultOf(control("pass", "inconclusive")), "inconclusive");
  assert.equal(resultOf(control("notapplicable", "pass")), "pass");
});
