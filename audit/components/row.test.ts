import assert from "node:assert/strict";
import { test } from "node:test";
import { expectations, inSource, judgeRows } from "./row.ts";

const rows = expectations({ component: "step-ca", list: "server" }, "8555", [
  ["nonce", "6.5", "a nonce counts once", "400 badNonce"],
  ["type", "6.2", "another type is 415", "400", inSource("415", "acme/api/middleware.go")],
]);

test("a row is held to what is expected, a pinned deviation too", () => {
  const asked = [
    { id: "nonce", observed: "400 badNonce" },
    { id: "type", observed: "400" },
  ];
  assert.deepEqual(
    judgeRows(rows, asked).map(({ result, rfc }) => [result, rfc]),
    [
      ["pass", "RFC 8555 section 6.5"],
      ["pass", "RFC 8555 section 6.2"],
    ],
  );
});

test("what changes is a drift, also towards what the standard asks", () => {
  const asked = [
    { id: "nonce", observed: "201" },
    { id: "type", observed: "415" },
  ];
  assert.deepEqual(
    judgeRows(rows, asked).map(({ result, observed }) => [result, observed]),
    [
      ["drift", "201"],
      ["drift", "415"],
    ],
  );
});

test("what could not be seen, or was not asked, is inconclusive with its reason", () => {
  assert.deepEqual(
    judgeRows(rows, [{ id: "nonce", reason: "no answer within 3000 ms" }]).map(({ result, reason }) => [
      result,
      reason,
    ]),
    [
      ["inconclusive", "no answer within 3000 ms"],
      ["inconclusive", "it was not asked"],
    ],
  );
});

test("an answer of which nothing is expected is a defect of the lists", () => {
  assert.throws(() => judgeRows(rows, [{ id: "other", observed: "200" }]), /nothing is expected of: other/);
});
