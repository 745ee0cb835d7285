import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { smallEstate, type SmallRule } from "../fixtures/estates/small.ts";
import { estateWith } from "../fixtures/reference.ts";
import { sourceEdges } from "./class-edges.ts";
import { type ClassProto, classesOf, linesOn, type PacketClass } from "./classes.ts";
import { decide } from "./decide.ts";
import type { Estate, Policy } from "./estate.ts";
import type { Flow } from "./flow.ts";
import { addressOf, places } from "./place.ts";

const policy = fc.constantFrom<Policy>("ACCEPT", "DROP", "REJECT");
const maybe = <T>(...values: T[]) => fc.option(fc.constantFrom(...values), { nil: undefined });
const port = fc.oneof(
  fc.constantFrom(1, 80, 134, 136, 445, 1900, 20_000, 65_535),
  fc.integer({ min: 1, max: 65_535 }),
);
const ports = fc.oneof(
  port.map(String),
  fc.tuple(port, port).map(([a, b]) => `${Math.min(a, b)}:${Math.max(a, b)}`),
  fc.tuple(port, port, port).map((list) => list.join(",")),
);
const address = maybe(
  "10.0.0.0/24",
  "10.0.0.101",
  "10.0.0.40-10.0.0.110",
  "10.0.0.101,10.0.0.102",
  "192.168.0.0/16",
);
const condition = fc.oneof(
  fc.record({
    proto: fc.constantFrom("tcp", "udp"),
    port: fc.option(ports, { nil: undefined }),
    sport: maybe("20000", "137", "53", "1024:65535"),
    source: address,
    dest: address,
  }),
  fc.record({
    proto: fc.constant("icmp"),
    icmpType: maybe("echo-request", "time-exceeded", "any"),
    source: address,
  }),
  fc.record({ macro: fc.constantFrom("SSH", "DNS", "Ping", "SMB", "Web"), source: address }),
  fc.record({ proto: fc.constantFrom("47", "2", "132", "esp"), source: address }),
  fc.record({ proto: fc.constant("sctp"), port: maybe("80"), sport: maybe("20000") }),
);
const rule = fc
  .tuple(fc.constantFrom("in" as const, "out" as const), policy, condition)
  .map(([type, action, rest]): SmallRule => {
    const given = Object.entries(rest).filter(([, value]) => value !== undefined);
    return { type, action, ...(Object.fromEntries(given) as Partial<SmallRule>) };
  });
const firewall = fc.record({ policyIn: policy, policyOut: policy, rules: fc.array(rule, { maxLength: 6 }) });
const estates = fc
  .tuple(firewall, firewall, firewall)
  .map(([host, one, two]) => smallEstate(host, { "101": one, "102": two, "103": "absent" }));
const pairs = fc
  .tuple(
    fc.constantFrom("wan", "lan", "host", "101", "102", "103"),
    fc.constantFrom("host", "101", "102", "103"),
  )
  .filter(([from, to]) => from !== to);
const SPORTS = [20_000, 137, 53] as const;

function flowOf(
  estate: Estate,
  from: string,
  to: string,
  proto: ClassProto,
  number: number,
  sport: number,
): Flow {
  const ends = { from, to, source: addressOf(estate, from), dest: addressOf(estate, to), sport };
  if (proto === "ip") return { ...ends, proto: number };
  return proto === "icmp"
    ? { ...ends, proto, icmpType: number, icmpCode: 0 }
    : { ...ends, proto, dport: number };
}

/** Each number of these is decided as its class says. */
function assertDecided(
  estate: Estate,
  from: string,
  to: string,
  sport: number,
  some: (all: PacketClass) => number[],
) {
  for (const each of classesOf(estate, from, to, { sport }))
    for (const number of some(each)) {
      const decision = decide(estate, flowOf(estate, from, to, each.proto, number, sport));
      assert.deepEqual(decision, each.decision, `${from} > ${to} ${each.proto}/${number}`);
    }
}

const all = ({ first, last }: PacketClass) =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

/** The ends and some between; of short classes all. */
function dense(each: PacketClass): number[] {
  if (each.flows < 40) return all(each);
  const step = (each.flows - 1) / 39;
  return Array.from({ length: 40 }, (_, index) => Math.round(each.first + index * step));
}

test("each number of a class is decided as the class says, on random firewalls", () => {
  fc.assert(
    fc.property(estates, pairs, fc.constantFrom(...SPORTS), (estate, [from, to], sport) =>
      assertDecided(estate, from, to, sport, dense),
    ),
    { numRuns: 400 },
  );
});

test("the same of every port, ICMP type and protocol of some random firewalls", () => {
  fc.assert(
    fc.property(estates, pairs, fc.constantFrom(...SPORTS), (estate, [from, to], sport) =>
      assertDecided(estate, from, to, sport, all),
    ),
    { numRuns: 4 },
  );
});

test("classes are all numbers, each once, in order", () => {
  fc.assert(
    fc.property(estates, pairs, (estate, [from, to]) => {
      const classes = classesOf(estate, from, to);
      const numbers = (proto: ClassProto) => classes.filter((each) => each.proto === proto).flatMap(all);
      const upTo = (first: number, last: number) =>
        Array.from({ length: last - first + 1 }, (_, index) => first + index);
      assert.deepEqual(numbers("tcp"), upTo(1, 65_535));
      assert.deepEqual(numbers("udp"), upTo(1, 65_535));
      assert.deepEqual(numbers("icmp"), upTo(0, 255));
      assert.deepEqual(
        numbers("ip"),
        upTo(0, 255).filter((each) => ![1, 6, 17].includes(each)),
      );
      for (const each of classes)
        assert.ok(each.first <= each.representative && each.representative <= each.last);
    }),
    { numRuns: 30 },
  );
});

const tcp = (classes: readonly PacketClass[]) =>
  classes.filter(({ proto }) => proto === "tcp").map(({ first, last }) => `${first}-${last}`);

test("a line cuts only for who it speaks of: another source sees nothing of it", () => {
  const rules = [
    { type: "in", action: "ACCEPT", proto: "tcp", port: "3000:3010", source: "10.0.0.102" },
    { type: "in", action: "DROP", proto: "udp", port: "9" },
  ] as const;
  const estate = smallEstate({}, { "101": { policyIn: "ACCEPT", rules }, "102": {} });
  assert.deepEqual(tcp(classesOf(estate, "lan", "101")), ["1-65535"]);
  assert.deepEqual(tcp(classesOf(estate, "102", "101")), ["1-2999", "3000-3010", "3011-65535"]);
});

test("the shared chains cut where a policy asks them", () => {
  const estate = smallEstate({}, { "101": {}, "102": { policyIn: "ACCEPT" } });
  const own = ["1-134", "135-135", "136-138", "139-139", "140-444", "445-445", "446-65535"];
  assert.deepEqual(tcp(classesOf(estate, "lan", "101")), own);
  assert.deepEqual(tcp(classesOf(estate, "lan", "102")), ["1-65535"]);
});

test("every pair of the reference estate has few classes, each decided as its ends are", () => {
  const estate = estateWith(() => {});
  for (const { id: from } of places(estate))
    for (const { id: to, destination } of places(estate)) {
      if (!destination || from === to) continue;
      assertDecided(estate, from, to, 20_000, dense);
      assert.ok(classesOf(estate, from, to).length < 100);
    }
});

test("a source's edges are the addresses just inside and just outside of each network", () => {
  const source = "10.0.0.64/28,10.0.0.80,10.0.0.0";
  const rules = [{ type: "in", action: "ACCEPT", proto: "tcp", port: "22", source }] as const;
  const estate = smallEstate({}, { "101": { rules } });
  const [line] = linesOn(estate, "lan", "101", 4).filter(({ decider }) => decider.kind === "rule");
  assert.ok(line);
  assert.deepEqual(sourceEdges(line.match, 4), {
    inside: ["10.0.0.64", "10.0.0.79", "10.0.0.80", "10.0.0.0"],
    outside: ["10.0.0.63", "10.0.0.81", "9.255.255.255", "10.0.0.1"],
  });
});
