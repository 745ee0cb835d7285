import assert from "node:assert/strict";
import { test } from "node:test";
import { smallEstate } from "../../fixtures/estates/small.ts";
import { nodeOf } from "../proxmox/node.ts";
import { tooLong } from "./size.ts";

function rules(count: number) {
  return Array.from({ length: count }, () => ({ type: "in", action: "DROP" }) as const);
}

test("a place with more rules than can be compared is named with their number", () => {
  const words = "guest 101 has 2,001 rules, of which at most 2,000 are compared";
  assert.equal(tooLong(nodeOf(smallEstate({}, { 101: { rules: rules(2001) } }))), words);
  assert.match(tooLong(nodeOf(smallEstate({ rules: rules(2001) }, {}))) ?? "", /^the host has 2,001 rules/);
  assert.equal(tooLong(nodeOf(smallEstate({}, { 101: { rules: rules(2000) } }))), undefined);
});
