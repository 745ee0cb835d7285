import assert from "node:assert/strict";
import { test } from "node:test";
import type { Answer } from "./dns-answers.ts";
import { type Asked, faults, soaFaults } from "./dns-expectation.ts";
import { mixedCase, question } from "./questions.ts";

/* What BIND can't be brought to do, as replies of our own: each fault of a reply is told, and nothing of a right one. */

const ZONE = "a.test";
const SOA = `${ZONE} 300 SOA ns.test h.a.test 1 3600 600 604800 300`;
const asked: Asked = {
  question: question("udp", "A", `www.${ZONE}`),
  rcode: "NOERROR",
  answers: [`www.${ZONE} A 10.0.0.153`],
  zone: ZONE,
};
const none: Asked = { ...asked, question: question("udp", "AAAA", `www.${ZONE}`), answers: [] };
const right: Answer = {
  micros: 1,
  outcome: "answered",
  rcode: "NOERROR",
  opcode: "QUERY",
  flags: ["qr", "aa", "rd"],
  echo: "exact",
  surplusBytes: 16,
  answers: [`www.${ZONE} 300 A 10.0.0.153`],
  authority: [],
  additional: [],
};
const nodata: Answer = { ...right, answers: [], authority: [SOA] };

test("what is as declared has no fault, whatever case the owner's name is in", () => {
  assert.deepEqual(faults(asked, right), []);
  assert.deepEqual(faults(asked, { ...right, answers: ["wWw.A.test 300 A 10.0.0.153"] }), []);
  assert.deepEqual(faults(none, nodata), []);
  assert.deepEqual(faults({ ...none, rcode: "NXDOMAIN" }, { ...nodata, rcode: "NXDOMAIN" }), []);
  const apex: Asked = { ...asked, question: question("udp", "SOA", ZONE), answers: undefined };
  assert.deepEqual(faults(apex, { ...right, answers: [SOA] }), []);
});

const WRONG: readonly [string, Asked, Partial<Answer>, RegExp][] = [
  ["NXDOMAIN for a type that a name has not", none, { ...nodata, rcode: "NXDOMAIN" }, /NXDOMAIN, no answer/],
  ["SERVFAIL", none, { ...nodata, rcode: "SERVFAIL" }, /SERVFAIL/],
  ["NODATA without an SOA", none, { ...nodata, authority: [] }, /SOA \(RFC 2308/],
  ["NODATA with another zone's SOA", none, { ...nodata, authority: ["b.test 300 SOA x"] }, /SOA \(RFC 2308/],
  ["an answer without authority", asked, { flags: ["qr", "rd"] }, /not authoritative/],
  ["a query for an answer", asked, { flags: ["aa"] }, /no response/],
  ["truncation of what fits", asked, { flags: ["qr", "aa", "tc"] }, /truncated/],
  ["a reserved bit", asked, { flags: ["qr", "aa", "z"] }, /reserved bit/],
  ["authentic data of an unsigned zone", asked, { flags: ["qr", "aa", "ad"] }, /authentic/],
  ["letters that were lowered", asked, { echo: "case" }, /bit for bit/],
  ["no question in the reply", asked, { echo: "none" }, /bit for bit/],
  ["a second address", asked, { answers: [...right.answers, `www.${ZONE} 300 A 10.0.0.9`] }, /10\.0\.0\.9/],
  ["another address", asked, { answers: [`www.${ZONE} 300 A 10.0.0.9`] }, /10\.0\.0\.9/],
  [
    "a TTL of a day",
    asked,
    { answers: [`www.${ZONE} 86400 A 10.0.0.153`] },
    /TTL of 86400 s, not 30 to 3600/,
  ],
  ["surplus data", asked, { additional: ["b.test 300 A 10.0.0.9"] }, /surplus additional data: b\.test/],
  ["a referral beside it", asked, { authority: ["test 300 NS b.test"] }, /nobody asked for/],
  ["silence", asked, { outcome: "silent", reason: "no answer within 500 ms" }, /^silent: no answer/],
];
for (const [title, of, reply, expected] of WRONG) {
  test(`${title} is a fault`, () => {
    assert.match(faults(of, { ...right, ...reply }).join("\n"), expected);
  });
}

test("two SOA records at an apex are a fault, and so are timers that contradict each other", () => {
  const apex: Asked = { ...asked, question: question("udp", "SOA", ZONE), answers: undefined };
  assert.equal(faults(apex, { ...right, answers: [SOA, SOA.replace(" 1 ", " 2 ")] }).length, 1);
  assert.deepEqual(soaFaults(SOA), []);
  for (const [timers, check] of [
    ["600 600 604800 300", "ZONE04"],
    ["3600 600 1800 300", "ZONE05"],
    ["3600 600 604800 172800", "ZONE06"],
    ["3600 600 604800 0", "ZONE06"],
  ] as const)
    assert.match(soaFaults(SOA.replace("3600 600 604800 300", timers)).join(), new RegExp(check));
});

test("a name in mixed case is the same name", () => {
  assert.equal(mixedCase("ab-c.test"), "Ab-c.tEsT");
});
