import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type SmallGuests, smallEstate } from "../../fixtures/estates/small.ts";
import { nodeOf } from "../proxmox/node.ts";
import { type Diff, diffOf } from "./diff.ts";
import { sideOf } from "./side.ts";

const ADDRESSES = ["10.0.0.101", "10.0.0.102", "10.0.0.103", "10.0.0.77"] as const;

type Addresses = readonly string[];

/** Guests of the same rules on both sides, by the addresses that they have there. */
function moved(guests: SmallGuests, base: Addresses, head: Addresses): Diff {
  const [was, is] = [base, head].map((addresses) => {
    const { guests: own, ...rest } = smallEstate({}, guests);
    const placed = own.map((guest, index) => ({ ...guest, address: addresses[index] ?? guest.address }));
    const estate = { ...rest, guests: placed };
    // Without services, as Proxmox's own files.
    const { estate: _, ...side } = sideOf({ kind: "phoenix", folder: "", estate, node: nodeOf(estate) });
    return { ...side, exceptions: { approvals: [], waivers: [] } };
  });
  assert.ok(was && is);
  return diffOf(was, is, new Date(0));
}

const CLIENT = { rules: [{ type: "out", action: "ACCEPT" }] } as const;
const SERVER = { rules: [{ type: "in", action: "ACCEPT", proto: "tcp", port: "80" }] } as const;

test("two guests that move to one address answer there, and each is told", () => {
  const guests = { 101: CLIENT, 102: SERVER, 103: SERVER };
  const home = ["10.0.0.101", "10.0.0.102", "10.0.0.103"];
  const { packets } = moved(guests, home, ["10.0.0.101", "10.0.0.102", "10.0.0.102"]);
  const responders = packets.filter(({ kind }) => kind === "responder");
  assert.ok(responders.some(({ to, was }) => was?.id === "102" && to.some(({ id }) => id === "103")));
  assert.doesNotThrow(() => moved(guests, home, ["10.0.0.101", "10.0.0.77", "10.0.0.77"]));
});

test("guests that share an address on both sides took nothing over from each other", () => {
  const shared = ["10.0.0.101", "10.0.0.101", "10.0.0.103"];
  assert.deepEqual(moved({ 101: CLIENT, 102: SERVER, 103: SERVER }, shared, shared).packets, []);
});

const address = fc.constantFrom(undefined, ...ADDRESSES);
const rule = fc.record({
  type: fc.constantFrom("in", "in", "out"),
  action: fc.constantFrom("ACCEPT", "DROP", "REJECT"),
  source: address,
  dest: address,
  port: fc.constantFrom(undefined, "22", "80"),
});
const guest = fc.record({
  policyIn: fc.constantFrom("ACCEPT", "DROP"),
  policyOut: fc.constantFrom("ACCEPT", "DROP"),
  rules: fc.array(
    rule.map(({ type, action, source, dest, port }) => ({
      type,
      action,
      ...(source !== undefined && { source }),
      ...(dest !== undefined && { dest }),
      ...(port !== undefined && { proto: "tcp", port }),
    })),
    { maxLength: 3 },
  ),
});
const three = <T>(of: fc.Arbitrary<T>) => fc.tuple(of, of, of);

test("however guests move, the witness of each change fares on both sides as the change says", () => {
  let changes = 0;
  const places = three(fc.constantFrom(...ADDRESSES));
  fc.assert(
    fc.property(three(guest), places, places, ([first, second, third], base, head) => {
      const { packets } = moved({ 101: first, 102: second, 103: third }, base, head);
      for (const { kind, witness } of packets) {
        const [was, is] = [witness.base?.decision.verdict, witness.head?.decision.verdict];
        assert.equal(was === "accept", kind === "denied" || kind === "responder", `${kind}: ${was} before`);
        assert.equal(is === "accept", kind === "allowed" || kind === "responder", `${kind}: ${is} after`);
        changes++;
      }
    }),
    { numRuns: 60 },
  );
  assert.ok(changes > 0, "no change in any run");
});
