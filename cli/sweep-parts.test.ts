import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { countFlows, expandFlowKeys, parseFlowKey } from "../probes/flow-key.ts";
import { Parts } from "./sweep-parts.ts";

const range = fc
  .tuple(
    fc.constantFrom("tcp", "udp"),
    fc.integer({ min: 1, max: 65_535 }),
    fc.integer({ min: 0, max: 30_000 }),
  )
  .map(([proto, first, more]) => `${proto}/${first}-${Math.min(first + more, 65_535)}`);
const protocol = fc.integer({ min: 0, max: 255 }).map((number) => `ip/${number}`);

function drawn(keys: readonly string[], durations: readonly number[]): string[][] {
  const parts = new Parts(keys);
  const all: string[][] = [];
  for (let part = parts.next(); part; part = parts.next()) {
    all.push(part);
    parts.took(durations[all.length % durations.length] ?? 0);
  }
  return all;
}

test("the parts are all flows in their order, each once, each part of one protocol", () => {
  const keys = fc.array(fc.oneof(range, protocol), { maxLength: 5 });
  const durations = fc.array(fc.integer({ min: 0, max: 2000 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(keys, durations, (given, took) => {
      const parts = drawn(given, took);
      assert.deepEqual(expandFlowKeys(parts.flat()), expandFlowKeys(given));
      for (const part of parts) {
        assert.equal(new Set(part.map((key) => parseFlowKey(key).proto)).size, 1);
        assert.ok(countFlows(part) >= 1 && countFlows(part) <= 65_535);
      }
    }),
    { numRuns: 50 },
  );
});

test("a last flow that is left over has a part of its own", () => {
  assert.deepEqual(drawn(["tcp/1-16385"], [250]), [["tcp/1-16384"], ["tcp/16385"]]);
});

test("quick parts grow, slow ones shrink to a bound", () => {
  const sizes = (tookMs: number) => drawn(["tcp/1-65535"], [tookMs]).map(countFlows);
  assert.deepEqual(sizes(10), [16_384, 32_768, 16_383]);
  assert.equal(Math.max(...sizes(900).slice(4)), 1024);
  assert.deepEqual(new Set(sizes(250).slice(0, -1)), new Set([16_384]));
});
