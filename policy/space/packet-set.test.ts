import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { expression, holds, packet, setOf } from "../../fixtures/random-packet-set.ts";
import type { Family } from "../ip.ts";
import { PacketSet } from "./packet-set.ts";
import { PacketSpace } from "./packet-space.ts";
import { single } from "./spans.ts";

const FAMILIES = [4, 6] as const;
const RUNS = { numRuns: 400 };

function ofTwo(family: Family, law: (a: PacketSet, b: PacketSet, all: PacketSet) => void): void {
  fc.assert(
    fc.property(expression(family), expression(family), (left, right) => {
      const space = new PacketSpace(family);
      law(setOf(space, left), setOf(space, right), PacketSet.all(space));
    }),
    RUNS,
  );
}

function same(a: PacketSet, b: PacketSet): void {
  assert.equal(a.diagram, b.diagram);
}

for (const family of FAMILIES) {
  test(`a set of IPv${family} holds a packet just where its words do`, () => {
    fc.assert(
      fc.property(
        expression(family),
        fc.array(packet(family), { minLength: 40, maxLength: 40 }),
        (each, packets) => {
          const set = setOf(new PacketSpace(family), each);
          for (const known of packets)
            assert.equal(set.has(known), holds(each, known), JSON.stringify(known, big));
        },
      ),
      RUNS,
    );
  });

  test(`IPv${family}: equal sets are one diagram, by the laws of sets`, () => {
    ofTwo(family, (a, b, all) => {
      same(a.union(b).complement(), a.complement().intersect(b.complement()));
      same(a.intersect(b).complement(), a.complement().union(b.complement()));
      same(a.union(a.intersect(b)), a);
      same(a.intersect(a.union(b)), a);
      same(a.complement().complement(), a);
      same(a.subtract(b), a.intersect(b.complement()));
      same(a.subtract(b).union(a.intersect(b)), a);
      same(a.union(b), b.union(a));
      same(a.union(a.complement()), all);
      same(a.intersect(a.complement()), all.complement());
      assert.ok(a.intersect(b).isWithin(a) && a.isWithin(a.union(b)));
    });
  });

  test(`IPv${family}: a set has a witness, which it holds, or is empty`, () => {
    fc.assert(
      fc.property(expression(family), (each) => {
        const set = setOf(new PacketSpace(family), each);
        const found = set.witness();
        assert.equal(set.isEmpty, found === undefined);
        assert.equal(set.count() === 0n, found === undefined);
        if (found) assert.ok(set.has(found) && holds(each, found), JSON.stringify(found, big));
      }),
      RUNS,
    );
  });

  test(`IPv${family}: two sets and what they share count as many as both together`, () => {
    ofTwo(family, (a, b, all) => {
      assert.equal(a.union(b).count() + a.intersect(b).count(), a.count() + b.count());
      assert.equal(a.count() + a.complement().count(), all.count());
    });
  });

  test(`IPv${family}: another space adopts a set as its own`, () => {
    fc.assert(
      fc.property(expression(family), (each) => {
        const space = new PacketSpace(family);
        assert.equal(
          setOf(new PacketSpace(family), each).adoptedBy(space).diagram,
          setOf(space, each).diagram,
        );
      }),
      RUNS,
    );
  });
}

test("every packet of a small set counts once", () => {
  const space = new PacketSpace(4);
  const ip = (first: number, last = first) => [{ family: 4, first, last } as const];
  const count = (conditions: Parameters<typeof PacketSet.where>[1]) =>
    PacketSet.where(space, { states: [single(0)], foreignMac: false, ...conditions }).count();
  const ends = { sources: ip(10, 13), dests: ip(12, 19) };
  assert.equal(count({ ...ends, protos: [single(47)] }), 32n, "without ports, two of them its own replies");
  assert.equal(count({ ...ends, ports: [single(80)], sports: [single(80)], protos: [single(17)] }), 32n);
  assert.equal(
    count({ ...ends, flags: [single(2)], ports: [single(80)], sports: [{ first: 80, last: 81 }] }),
    64n,
  );
  assert.equal(count({ ...ends, icmp: [{ first: 0, last: 255 }], protos: [single(1)] }), 32n * 256n);
  assert.equal(count({ ...ends, protos: [single(6)] }), 32n * 64n * 65_536n ** 2n);
});

test("a set whose one packet can only be its own reply is that, and nothing without it", () => {
  const space = new PacketSpace(4);
  const here = [{ family: 4, first: 7, last: 7 } as const];
  const set = PacketSet.where(space, { protos: [single(47)], sources: here, dests: here });
  assert.equal(set.count(), 10n);
  const rest = set.subtract(PacketSet.where(space, { ownReply: true }));
  assert.ok(rest.isEmpty && rest.count() === 0n && rest.equals(PacketSet.none(space)));
});

function big(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString(16) : value;
}
