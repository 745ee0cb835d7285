import assert from "node:assert/strict";
import { test } from "node:test";
import { estateWith } from "../fixtures/reference.ts";
import { classesOf } from "../policy/classes.ts";
import { places } from "../policy/place.ts";
import { countFlows, expandFlowKeys } from "../probes/flow-key.ts";
import type { PacketObservation } from "../probes/observation.ts";
import type { PacketProbe } from "../probes/probe.ts";
import { expectation } from "./expectation.ts";
import { countOf, judgeFlows } from "./packets.ts";
import {
  connection,
  flowsOf,
  forgedSweep,
  forgedWords,
  portlessSweep,
  inFull,
  pairSweep,
  sampleWords,
  sweep,
} from "./sweep.ts";

const estate = estateWith(({ lxc }) => {
  const { rules } = lxc.lxc_configs["801"].firewall;
  rules.push({ type: "in", action: "ACCEPT", proto: "tcp", port: "4000:4010", source: "10.0.0.13" });
});

/** What came of a probe of which nothing arrived. */
function silence({ keys, ...probe }: PacketProbe): PacketObservation {
  const sent = countFlows(keys);
  return { ...probe, sent, captured: 0, accounts: [], sport: 20_000, outcomes: { dropped: [...keys] } };
}

test("the fast form asks the ends of each class, and one within", () => {
  const { keys } = sweep(estate, "host", "801");
  for (const key of [
    "tcp/3999",
    "tcp/4000",
    "tcp/4005",
    "tcp/4010",
    "tcp/4011",
    "tcp/1",
    "tcp/65535",
    "udp/1900",
  ])
    assert.ok(keys.includes(key), key);
  for (const { proto, first, representative, last } of classesOf(estate, "host", "801"))
    if (proto === "tcp" || proto === "udp")
      for (const number of [first, representative, last]) assert.ok(keys.includes(`${proto}/${number}`));
  assert.equal(new Set(keys).size, keys.length);
  assert.ok(keys.length < 200);
});

test("a port that a rule opens to others is asked of everybody, and so are usual mistakes", () => {
  const { keys } = sweep(estate, "lan", "801");
  for (const key of ["tcp/4000", "tcp/4010", "udp/3000", "tcp/22", "tcp/8006", "icmp/8"])
    assert.ok(keys.includes(key), key);
});

test("a run asks every port of every destination from the internet, and of all pairs where it is exhaustive", () => {
  for (const { id } of places(estate).filter(({ destination }) => destination))
    assert.equal(countFlows(pairSweep(estate, "wan", id).keys), 131_071, id);
  const inside = pairSweep(estate, "lan", "801");
  assert.deepEqual(inside, sweep(estate, "lan", "801"));
  const full = inFull(estate, inside);
  assert.equal(countFlows(full.keys), 131_071);
  assert.equal(full.id, inside.id);
});

test("a forged source asks what is open to anybody, and in full everything", () => {
  const forged = forgedSweep(estate, "wan", "102", "801");
  assert.ok(forged.keys.includes("tcp/4010"));
  assert.ok(!forged.keys.includes("tcp/1"));
  assert.deepEqual(inFull(estate, forged), {
    ...forged,
    keys: inFull(estate, sweep(estate, "102", "801")).keys,
  });
});

test("a forged source has a port that no true sender's sweep has: what that one left tracked needs no forgetting", () => {
  const { sport } = forgedSweep(estate, "wan", "102", "801");
  assert.equal(sweep(estate, "102", "801").sport, undefined);
  assert.ok(sport !== undefined && (sport < 20_000 || sport >= 32_000));
});

test("what has no ports is asked apart: the ends of each class and one within, and in full every type and protocol", () => {
  const gre = estateWith(({ lxc }) => {
    lxc.lxc_configs["801"].firewall.rules.push({ type: "in", action: "ACCEPT", proto: "gre" });
  });
  const fast = portlessSweep(gre, "lan", "801");
  for (const key of ["ip/46", "ip/47", "ip/48", "ip/0", "ip/255", "icmp/0", "icmp/13", "icmp/255", "sctp/0"])
    assert.ok(fast.keys.includes(key), key);
  const full = inFull(gre, fast);
  const numbers = expandFlowKeys(full.keys).map((key) => key.replace(/^(dccp|sctp|udplite)\/0$/, "$1"));
  assert.equal(new Set(numbers).size, 255 + 250 + 3);
  assert.ok(fast.keys.every((key) => expandFlowKeys(full.keys).includes(key)));
  for (const key of ["icmp/8", "ip/1", "ip/6", "ip/17", "ip/132"]) assert.ok(!numbers.includes(key), key);
  assert.notEqual(fast.id, sweep(gre, "lan", "801").id);
});

test("what no socket could hear the host accept is not asked where it would, and is then not counted as asked", () => {
  const open = estateWith(({ host }) => {
    host.firewall.global_firewall_rules.push({ type: "in", action: "ACCEPT", source: "10.0.0.141" });
  });
  const [heard, unheard] = [portlessSweep(open, "802", "host"), portlessSweep(open, "801", "host")];
  assert.ok(heard.keys.includes("ip/0") && heard.keys.includes("ip/255"));
  assert.ok(!unheard.keys.includes("ip/0") && !unheard.keys.includes("ip/255"));
  assert.deepEqual(flowsOf([silence(inFull(open, unheard))]), { asked: 506, of: 508 });
  assert.deepEqual(flowsOf([silence(inFull(open, sweep(open, "801", "host")))]), {
    asked: 131_071,
    of: 131_071,
  });
});

test("what is no sweep has no full form", () => {
  const other = connection(estate, "102", "801", 3000);
  assert.equal(inFull(estate, other), other);
});

test("each flow is judged as the declaration decides it, however the outcome is folded", () => {
  const seen = silence(inFull(estate, sweep(estate, "host", "801")));
  const flows = judgeFlows(estate, seen);
  assert.equal(countOf(flows), 131_071);
  for (const { key, decision } of flows)
    for (const each of [expandFlowKeys([key]).at(0), expandFlowKeys([key]).at(-1)])
      assert.deepEqual(decision, expectation(estate, "host", "801", each ?? ""));
});

test("a port that the estate names is judged by itself, inside a declared range too", () => {
  const wide = estateWith(({ lxc }) => {
    lxc.lxc_configs["801"].firewall.rules = [
      { type: "in", action: "ACCEPT", proto: "tcp", port: "2900:3100" },
    ];
  });
  const keys = judgeFlows(wide, silence(inFull(wide, sweep(wide, "lan", "801")))).map(({ key }) => key);
  assert.ok(keys.includes("tcp/3000"));
  assert.ok(keys.includes("tcp/3001-3099"));
});

test("the sample's words count the classes that were told and the flows that were asked", () => {
  const probes = ["lan", "host"].map((from) => sweep(estate, from, "801"));
  const countOfPair = ({ from }: PacketProbe) =>
    classesOf(estate, from, "801", { sport: 20_000 }).filter(
      ({ proto }) => proto === "tcp" || proto === "udp",
    ).length;
  const counts = probes.map(countOfPair);
  const all = (counts[0] ?? 0) + (counts[1] ?? 0);
  const asked = probes.reduce((sum, { keys }) => sum + keys.length, 0);
  assert.equal(
    sampleWords(estate, probes.map(silence)),
    `classes ${all} of ${all}, ${asked} of 262,142 flows`,
  );
  const [first, second] = probes.map(silence);
  assert.ok(first && second);
  const dark = { ...second, outcomes: { unknown: second.outcomes.dropped ?? [] } };
  assert.match(sampleWords(estate, [first, dark]) ?? "", new RegExp(`^classes ${counts[0]} of ${all}, `));
});

test("where everything was asked nothing is sampled", () => {
  assert.equal(sampleWords(estate, [silence(pairSweep(estate, "wan", "801"))]), undefined);
  const forged = forgedSweep(estate, "wan", "102", "801");
  assert.match(forgedWords([silence(forged)]) ?? "", /^forged sources: \d+ of 131,071 flows$/);
  assert.equal(forgedWords([silence(inFull(estate, forged))]), undefined);
});
