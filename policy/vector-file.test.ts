import assert from "node:assert/strict";
import { test } from "node:test";
import { worlds } from "../fixtures/vectors.ts";
import { readVectors } from "./vector-file.ts";

const CASE = { from: "outside", to: "vm101", proto: "tcp", dport: 80, expect: "DROP" };
let id = 0;
const vector = (...cases: object[]) => ({ id: String(id++), files: {}, cases });
const read = (...lines: (string | object)[]) =>
  readVectors(
    "f.jsonl",
    lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n"),
    worlds(),
  );

test("a case becomes a flow, with the defaults of what it leaves out", () => {
  const [{ flows, world } = { flows: [], world: "" }] = read(
    vector(
      CASE,
      { ...CASE, from: "nfvm", to: "vm100i1", sport: 53, source: "10.9.9.9", dest: "10.0.0.7" },
      { ...CASE, from: "vm100i0", to: "host", proto: "icmp", dport: "port-unreachable" },
      { ...CASE, from: "host", to: "ct200", proto: "gre", dport: undefined },
      { ...CASE, proto: 17 },
      { ...CASE, proto: "icmp", dport: 13 },
    ),
  );
  const ends = { source: "100.100.1.2", dest: "100.200.3.4" };
  assert.equal(world, "general");
  assert.deepEqual(flows, [
    { from: "outside", to: "101", ...ends, proto: "tcp", dport: 80 },
    { from: "lan", to: "100i1", source: "10.9.9.9", dest: "10.0.0.7", proto: "tcp", sport: 53, dport: 80 },
    { from: "100", to: "host", ...ends, dest: "172.16.1.2", proto: "icmp", icmpType: 3, icmpCode: 3 },
    { from: "host", to: "200", ...ends, source: "172.16.1.2", proto: 47 },
    { from: "outside", to: "101", ...ends, proto: "udp", dport: 80 },
    { from: "outside", to: "101", ...ends, proto: "icmp", icmpType: 13, icmpCode: 0 },
  ]);
});

test("a line that is no vector: where, what was expected, what was found", () => {
  const cases: [string | object, RegExp][] = [
    ["", /^f\.jsonl:1:1: expected a configuration a line, found an empty file/],
    ["[1]", /:2:1: expected an object, found an array/],
    ["null", /:2:1: expected an object, found null/],
    ["\ufffd{}", /:2:1: expected a value of JSON/],
    ["[".repeat(20_000), /:2:201: expected at most 200 levels/],
    ['{"id":"1","files":{},"cases":[', /:2:31 .*expected/],
    [{ files: {}, cases: [] }, /\/id: expected/],
    [
      `{ "id": 2, "files": {}, "cases": [${JSON.stringify({ ...CASE, to: "ct101" })}] }`,
      /:2:58 \/cases\/0\/to: expected one of host.*vm101.*found ct101/,
    ],
    [
      vector(CASE, { ...CASE, from: "vm100i9" }),
      /:2:\d\d+ \/cases\/1\/from: expected one of .*found vm100i9/,
    ],
    [vector({ ...CASE, proto: "bogus" }), /:2:\d+ \/cases\/0\/proto: expected tcp.*found "bogus"/],
    [vector({ ...CASE, dport: 65_536 }), /\/cases\/0\/dport: expected a port/],
    [
      vector({ ...CASE, dport: "echo-request" }),
      /\/cases\/0\/dport: expected a port's number, found echo-request/,
    ],
    [
      vector({ ...CASE, proto: "icmp", dport: "ping" }),
      /\/cases\/0\/dport: expected an ICMP type, found ping/,
    ],
    [vector({ ...CASE, source: "10.0.0" }), /\/cases\/0\/source: expected an address, found "10.0.0"/],
    [
      vector({ ...CASE, source: "::1", dest: "10.0.0.1" }),
      /\/cases\/0\/source: expected source and dest of one family/,
    ],
    [vector({ ...CASE, expect: "drop" }), /\/cases\/0\/expect: expected "ACCEPT" or "DROP" or "REJECT"/],
    [{ ...vector(CASE), files: { "x.fw": "" } }, /\/files.*expected cluster\.fw.*found "x\.fw"/],
    [{ ...vector(CASE), estate: {} }, /\/estate\/host: expected an object, found nothing/],
    ["x".repeat(4_000_001), /expected a line of at most 4000000 characters, found one of 4000001/],
  ];
  for (const [line, message] of cases) {
    const before = line === "" ? [] : [vector(CASE)];
    assert.throws(() => read(...before, line), { message });
  }
});

test("all faults of a file are told at once, in order", () => {
  const bad = vector({ ...CASE, proto: "bogus" }, { ...CASE, sport: -1 });
  assert.throws(
    () => read(bad, vector(CASE), "{"),
    (error: Error) => {
      const places = error.message.split("\n").map((line) => line.split(":")[1]);
      assert.deepEqual(places, ["1", "1", "3"]);
      return true;
    },
  );
});

test("an id that an earlier line of the file has: both lines are named", () => {
  const line = { ...vector(CASE), id: "twice" };
  const message =
    /^f\.jsonl:3:7 \/id: expected an id that no other line has, found twice, as on line 1\. .*\[vector-invalid\]$/;
  assert.throws(() => read(line, vector(CASE), line), { message });
  assert.equal(read({ ...line, id: 1 }, { ...line, id: "01" }).length, 2);
});

test("a byte order mark before a line changes nothing", () => {
  const line = JSON.stringify(vector(CASE));
  assert.equal(read(`\uFEFF${line}`, `\uFEFF${JSON.stringify(vector(CASE))}`).length, 2);
});
