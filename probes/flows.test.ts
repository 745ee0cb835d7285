import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { expandFlowKeys, foldFlowKeys } from "./flow-key.ts";
import { Flows } from "./flows.ts";

const key = fc
  .record({ proto: fc.constantFrom("tcp", "udp", "icmp", "ip", "sctp"), first: fc.nat(30), more: fc.nat(4) })
  .map(({ proto, first, more }) =>
    proto === "ip" || more === 0 ? `${proto}/${first}` : `${proto}/${first}-${first + more}`,
  );
const keys = fc.array(key, { maxLength: 12 });

/** A flow that is asked for twice is one. */
const folded = (all: readonly string[]) => foldFlowKeys([...new Set(all)]);

test("flows folded are the keys that strings would fold to, each under its outcome", () => {
  const outcomes = fc.func(fc.constantFrom("delivered", "dropped", "unknown"));
  fc.assert(
    fc.property(keys, outcomes, (given, outcomeOf) => {
      const flows = new Flows(given);
      const expanded = expandFlowKeys(given);
      assert.equal(flows.count, expanded.length);
      assert.deepEqual(flows.keys(flows.all()), folded(expanded));
      for (const flow of flows.all()) flows.set(Uint32Array.of(flow), outcomeOf(flow));
      const groups = Map.groupBy(expanded.keys(), (flow) => outcomeOf(flow));
      assert.deepEqual(
        flows.outcomes(),
        Object.fromEntries(
          [...groups].map(([outcome, which]) => [outcome, folded(which.map((each) => expanded[each] ?? ""))]),
        ),
      );
      for (const [outcome, which] of groups) assert.equal(flows.counts()[outcome], which.length);
    }),
  );
});
