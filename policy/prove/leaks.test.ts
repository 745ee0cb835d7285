import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type SmallFirewall, smallEstate } from "../../fixtures/estates/small.ts";
import { mistakes } from "../../fixtures/mistakes.ts";
import { randomNetwork } from "../../fixtures/random-estate.ts";
import { NEWER, REFERENCE } from "../../fixtures/reference.ts";
import { decide } from "../decide.ts";
import type { Estate } from "../estate.ts";
import { readEstate } from "../read.ts";
import { flowOfPacket } from "../space/witness.ts";
import { type Leak, leaksOf, leaksOn, lineOf } from "./leaks.ts";
import { tasteOf } from "./reach.ts";
import { countPairs, pairsOf, REQUIREMENTS, type Requirement } from "./requirement.ts";

/** What is to be found, by its definition: pair by pair. */
function pairwise(estate: Estate, requirement: Requirement): readonly Leak[] {
  const all = [...pairsOf(estate, requirement)].flatMap((pair) => leaksOn(estate, requirement, pair));
  return [...Map.groupBy(all, ({ decider }) => lineOf(decider)).values()].map((own) => ({
    reaches: own.filter(({ from, to }) => from === own[0]?.from && to === own[0].to),
    pairs: new Set(own.map(({ from, to }) => `${from} ${to}`)).size,
  }));
}

/** As a value that says where two differ; equal sets of one space are one diagram. */
function told(leaks: readonly Leak[]) {
  return leaks.map(({ reaches, pairs }) => ({
    pairs,
    reaches: reaches.map(({ set, decider, ...pair }) => ({
      ...pair,
      line: lineOf(decider),
      set: set.diagram.id,
    })),
  }));
}

function agrees(estate: Estate): void {
  for (const requirement of REQUIREMENTS) {
    const found = leaksOf(estate, requirement);
    assert.deepEqual(told(found), told(pairwise(estate, requirement)), requirement.control);
    assert.equal(countPairs(estate, requirement), [...pairsOf(estate, requirement)].length);
    for (const leak of found) passes(estate, leak);
  }
}

/** Each witness is a packet that the model lets through by that line. */
function passes(estate: Estate, { reaches }: Leak): void {
  for (const { from, to, set, decider } of reaches) {
    const packet = set.witness(tasteOf(estate, from, to));
    assert.ok(packet);
    const decision = decide(estate, flowOfPacket(packet, from, to));
    assert.equal(decision.verdict, "accept");
    assert.equal(lineOf(decision.decider), lineOf(decider));
  }
}

for (const { name, folder } of mistakes())
  test(`what leaks in ${name} is what leaks pair by pair`, () => {
    agrees(readEstate(folder));
  });

test("in the reference estate and its newer form nothing leaks, pair by pair or at once", () => {
  for (const folder of [REFERENCE, NEWER]) {
    const estate = readEstate(folder);
    agrees(estate);
    assert.deepEqual(
      REQUIREMENTS.flatMap((each) => leaksOf(estate, each)),
      [],
    );
  }
});

/** Host, gateway 101, Traefik 102, Step-CA 103, backends 104 and 105. */
function networkOf(
  host: SmallFirewall,
  changes: Readonly<Record<string, SmallFirewall>>,
  bridge = "vmbr0",
): Estate {
  const ids = ["101", "102", "103", "104", "105"];
  const estate = smallEstate(host, Object.fromEntries(ids.map((id) => [id, changes[id] ?? {}])));
  const roles = ["gateway", "mesh", "ca", "backend", "backend"] as const;
  const guests = estate.guests.map((guest, index) => ({
    ...guest,
    role: roles[index] ?? "backend",
    ...(guest.id === "104" && { bridge }),
  }));
  return { ...estate, guests };
}

/** Of one control, who leaks first and how many pairs do. */
function leaksIn(estate: Estate, control: string) {
  const requirement = REQUIREMENTS.find((each) => each.control === control);
  assert.ok(requirement);
  return leaksOf(estate, requirement).map(
    ({ reaches: [first], pairs }) => `${first?.from} ${first?.to} ${pairs}`,
  );
}

const DNS = { type: "in", action: "ACCEPT", proto: "udp", port: "53" } as const;

test("a guest that sends to its own address leaks where the ports may differ", () => {
  const open = networkOf({}, { "102": { rules: [{ ...DNS, dest: "10.0.0.105" }] } });
  agrees(open);
  assert.deepEqual(leaksIn(open, "RTE-001"), ["wan 102 7"]);
  const same = networkOf({}, { "102": { rules: [{ ...DNS, dest: "10.0.0.105", sport: "53" }] } });
  agrees(same);
  assert.deepEqual(leaksIn(same, "RTE-001"), ["wan 102 6"]);
});

test("what one bridge of the host drops comes in by the other", () => {
  const rules = [{ type: "in", action: "DROP", iface: "vmbr0" }] as const;
  const estate = networkOf({ policyIn: "ACCEPT", rules }, {}, "vmbr1");
  agrees(estate);
  assert.deepEqual(leaksIn(estate, "FW-001"), ["104 host 1"]);
});

test("a guest that sends no IPv6 leaks by IPv4, and one that sends no IPv4 by IPv6", () => {
  const drop = (dest: string) => ({ rules: [{ type: "out", action: "DROP", dest } as const] });
  const [no4, no6] = [drop("0.0.0.0/0"), drop("::/0")];
  const mesh = { rules: [DNS] };
  const of = (changes: Readonly<Record<string, SmallFirewall>>) => networkOf({}, { "102": mesh, ...changes });
  for (const estate of [of({ "104": no6 }), of({ "104": no4 }), of({ "104": no4, "105": no6 })]) {
    agrees(estate);
    assert.deepEqual(leaksIn(estate, "RTE-001"), ["wan 102 7"]);
  }
  const neither = of({ "104": { rules: [...no4.rules, ...no6.rules] }, "105": no6 });
  agrees(neither);
  assert.deepEqual(leaksIn(neither, "RTE-001"), ["wan 102 6"]);
});

test("of random estates what leaks is what leaks pair by pair, in its order, with its sets and counts", () => {
  fc.assert(fc.property(randomNetwork, agrees), { numRuns: 100 });
});
