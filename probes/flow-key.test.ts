import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { countFlows, expandFlowKeys, FlowKey, foldFlowKeys, parseFlowKey } from "./flow-key.ts";

const single = fc.oneof(
  fc.tuple(
    fc.constantFrom("tcp", "udp", "sctp", "dccp", "udplite"),
    fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 65_535 })),
  ),
  fc.tuple(fc.constant("icmp"), fc.integer({ min: 0, max: 255 })),
  fc.tuple(fc.constant("ip"), fc.integer({ min: 0, max: 255 })),
);
const keys = fc.uniqueArray(
  single.map(([proto, number]) => `${proto}/${number}`),
  { maxLength: 60 },
);

test("folded and expanded again, the flows are the same; folding twice is folding once", () => {
  fc.assert(
    fc.property(keys, (some) => {
      const folded = foldFlowKeys(some);
      assert.deepEqual(expandFlowKeys(folded).sort(), [...some].sort());
      assert.deepEqual(foldFlowKeys(folded), folded);
      assert.equal(countFlows(folded), some.length);
      for (const key of folded) assert.equal(FlowKey.parse(key), key);
    }),
  );
});

test("folded is as short as can be: two neighbours are never two keys, but of ip each stands alone", () => {
  fc.assert(
    fc.property(keys, (some) => {
      const parts = foldFlowKeys(some).map(parseFlowKey);
      for (const { proto, last } of parts)
        if (proto !== "ip")
          assert.ok(!parts.some((other) => other.proto === proto && other.first === last + 1));
    }),
  );
  assert.deepEqual(foldFlowKeys(["ip/47", "ip/48"]), ["ip/47", "ip/48"]);
});

const FOLDED: readonly [readonly string[], readonly string[]][] = [
  [["tcp/1-9", "tcp/2-3", "tcp/10"], ["tcp/1-10"]],
  [["tcp/3", "tcp/1", "tcp/2"], ["tcp/1-3"]],
  [["tcp/1-3", "tcp/2-5", "tcp/6"], ["tcp/1-6"]],
  [
    ["tcp/1", "udp/2"],
    ["tcp/1", "udp/2"],
  ],
  [["tcp/1", "tcp/1"], ["tcp/1"]],
  [["tcp/1-65535"], ["tcp/1-65535"]],
  [[], []],
];
for (const [given, folded] of FOLDED)
  test(`${given.join(" ") || "nothing"} folds to ${folded.join(" ") || "nothing"}`, () =>
    assert.deepEqual(foldFlowKeys(given), folded));

test("a key is a protocol and a number, a range only where there are ports or types", () => {
  for (const good of ["tcp/443", "udp/1-65535", "sctp/1-9", "dccp/0", "udplite/80", "icmp/8", "ip/47"])
    assert.ok(FlowKey.safeParse(good).success, good);
  for (const bad of ["tcp", "tcp/", "tcp/x", "gre/1", "ip/1-2", "tcp/1-", "tcp/1-2-3", " tcp/1", "TCP/1"])
    assert.ok(!FlowKey.safeParse(bad).success, bad);
});
