import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { expression, setOf } from "../../fixtures/random-packet-set.ts";
import { PacketSet } from "./packet-set.ts";
import { PacketSpace } from "./packet-space.ts";
import { sourcesOf } from "./sources.ts";

/** Those that random sets name, and others between them. */
const ADDRESSES = [
  0, 1, 9, 0x0a000000, 0x0a000001, 0x0a000002, 0x0a000003, 0x0a0000ff, 0xe0000000, 0xffffffff,
];

test("a packet of the set comes from each of its sources, and from no other address", () => {
  const seen = { within: 0, toSelf: 0, outside: 0 };
  fc.assert(
    fc.property(expression(4), (each) => {
      const space = new PacketSpace(4);
      const set = setOf(space, each).intersect(PacketSet.where(space, { ownReply: false }));
      const { spans, toSelf } = sourcesOf(set.diagram);
      for (const address of ADDRESSES) {
        const sources = [{ family: 4, first: address, last: address } as const];
        const from = set.intersect(PacketSet.where(space, { sources }));
        const isWithin = spans.some(({ first, last }) => first <= address && address <= last);
        if (isWithin) assert.equal(from.isEmpty, false);
        else if (toSelf.includes(address))
          assert.ok(from.isWithin(PacketSet.where(space, { dests: sources })));
        else assert.equal(from.isEmpty, true);
        seen[isWithin ? "within" : toSelf.includes(address) ? "toSelf" : "outside"]++;
      }
    }),
    { numRuns: 500 },
  );
  assert.ok(Math.min(...Object.values(seen)) > 0, JSON.stringify(seen));
});
