import assert from "node:assert/strict";
import { test } from "node:test";
import { estateWith } from "../fixtures/reference.ts";
import { foldFlowKeys } from "../probes/flow-key.ts";
import type { Observation, PacketObservation, ServiceObservation } from "../probes/observation.ts";
import { Observations } from "./control.ts";
import { expectation } from "./expectation.ts";
import { denialCheck, isByRule, isTolerated } from "./packets.ts";
import { connection, portlessSweep, sweep } from "./sweep.ts";

const estate = estateWith(() => {});
const PROBE = sweep(estate, "wan", "801");
const TWIN = connection(estate, "102", "801", 3000);

/** What a kernel that obeys the declaration gives: each flow as the model says, counted where it says. */
function obedient(): PacketObservation {
  const dropped = PROBE.keys.filter((key) => expectation(estate, "wan", "801", key).verdict !== "accept");
  const chains = Map.groupBy(dropped, (key) => expectation(estate, "wan", "801", key).decider.chain);
  const accounts = [...chains].map(([chain, keys]) => ({
    chain,
    rule: "-j DROP",
    effect: "drop" as const,
    gain: keys.length,
  }));
  const { id, from, to, source, dest, forged, keys } = PROBE;
  const counts = { sent: keys.length, captured: keys.length - dropped.length, sport: 20_000 };
  return {
    kind: "packets",
    id,
    from,
    to,
    source,
    dest,
    forged,
    accounts,
    ...counts,
    outcomes: { dropped: foldFlowKeys(dropped) },
  };
}

function twin(connected: boolean): ServiceObservation {
  const { id, from } = TWIN;
  const answer = connected ? "connected" : "no answer within 900 ms";
  const outcome = connected ? "answered" : "silent";
  return {
    kind: "tcp",
    id,
    from,
    to: "10.0.0.141:3000",
    request: "TCP connection",
    outcome,
    answer,
    facts: { connected },
  };
}

function judge(seen: PacketObservation, alive = true) {
  const all: Observation[] = [seen, twin(alive)];
  return denialCheck(estate, new Observations(all), {
    title: "wan > 801",
    seen: [seen],
    twins: [TWIN],
    permits: ({ decision }) => isByRule(decision),
    expected: "silence",
    destination: "guest 801",
  });
}

test("a denial passes with its four proofs", () => {
  const check = judge(obedient());
  assert.equal(check.result, "pass");
  assert.deepEqual(Object.keys(check.proofs ?? {}).sort(), ["drop", "silence", "stimulus", "twin"]);
});

test("no positive twin, no pass: a dead destination proves nothing", () => {
  const check = judge(obedient(), false);
  assert.equal(check.result, "inconclusive");
  assert.match(check.reason ?? "", /no positive twin: guest 801/);
});

test("what arrives undeclared is a leak, and it names port and what should have stopped it", () => {
  const seen = obedient();
  const leaking = { ...seen, outcomes: { ...seen.outcomes, "no-listener": ["tcp/8000"] } };
  const check = judge(leaking);
  assert.equal(check.result, "fail");
  assert.equal(check.disagreement, "converge fault");
  assert.match(
    check.reason ?? "",
    /guest 801 is reached from wan on tcp\/8000, and no declared rule allows it/,
  );
});

test("a refusal where the model drops is no denial as declared, though the same chain counts as much", () => {
  const seen = obedient();
  const [keys = []] = [seen.outcomes.dropped];
  const [first = "", ...others] = keys;
  const rejecting = [
    {
      ...seen.accounts[0],
      chain: seen.accounts[0]?.chain ?? "",
      rule: "-p tcp -j REJECT",
      effect: "reject" as const,
    },
    ...seen.accounts.slice(1),
  ].map((account) => ({ gain: 1, ...account }));
  const check = judge({
    ...seen,
    accounts: rejecting,
    outcomes: { dropped: others, rejected: [first] },
  });
  assert.equal(check.result, "fail");
  assert.equal(check.disagreement, "converge fault");
  assert.match(
    check.reason ?? "",
    /answered by a refusal, where the model drops in silence \(\S+ -p tcp -j REJECT\)/,
  );
});

test("what the declaration itself lets in is an intent gap, with the rule's line", () => {
  const open = estateWith(({ lxc }) => {
    const { rules } = lxc.lxc_configs["801"].firewall;
    rules.push({ type: "in", action: "ACCEPT", proto: "tcp", port: "8000", comment: "too wide" });
  });
  const seen = { ...obedient(), outcomes: { delivered: ["tcp/8000"] } };
  const check = denialCheck(open, new Observations([seen, twin(true)]), {
    title: "wan > 801",
    seen: [seen],
    twins: [TWIN],
    permits: () => false,
    expected: "silence",
    destination: "guest 801",
  });
  assert.equal(check.result, "fail");
  assert.equal(check.disagreement, "intent gap");
  assert.equal(check.declared?.file, "phoenix_lxc_configs.json");
  assert.match(check.reason ?? "", /narrow the rule or remove it/);
});

test("a standing accept is listed and fails nothing, but where the internet reaches tcp or udp of the host by it", () => {
  const igmp = expectation(estate, "wan", "host", "ip/2");
  assert.equal(igmp.verdict, "accept");
  const tolerated = (from: string, to: string, key: string) => isTolerated({ from, to, key, decision: igmp });
  assert.ok(tolerated("wan", "host", "ip/2"));
  assert.ok(tolerated("lan", "host", "tcp/8006"));
  assert.ok(tolerated("wan", "801", "udp/68"));
  assert.ok(!tolerated("wan", "host", "tcp/8006"));
  assert.ok(!tolerated("wan", "host", "udp/5404"));
  const byRule = expectation(estate, "wan", "101", "tcp/443");
  assert.ok(!isTolerated({ from: "wan", to: "101", key: "tcp/443", decision: byRule }));
});

test("what the internet reaches by a standing accept is no leak of its control", () => {
  const { id, from, to, source, dest, forged } = portlessSweep(estate, "wan", "host");
  const seen = { kind: "packets", id, from, to, source, dest, forged, sport: 20_000 } as const;
  const arrived = { ...seen, sent: 1, captured: 1, accounts: [], outcomes: { delivered: ["ip/2"] } };
  const alive = twin(true);
  const common = { title: "wan > host", twins: [TWIN], permits: () => false, expected: "silence" };
  const denial = { ...common, seen: [arrived], destination: "the host" };
  const { result, observed } = denialCheck(estate, new Observations([arrived, alive]), denial);
  assert.deepEqual([result, observed], ["pass", "0 of 1 packets did not arrive"]);
});

test("an unknown outcome is inconclusive, whatever else holds", () => {
  const seen = {
    ...obedient(),
    outcomes: { unknown: ["tcp/22"] },
    reason: "sent is not captured + accounted",
  };
  assert.equal(judge(seen).result, "inconclusive");
});

test("a drop that other chains count than the model's is no pass", () => {
  const seen = obedient();
  const moved = {
    ...seen,
    accounts: [{ chain: "SOMEBODY-ELSE", rule: "-j DROP", effect: "drop" as const, gain: seen.sent }],
  };
  const check = judge(moved);
  assert.equal(check.result, "fail");
  assert.equal(check.disagreement, "converge fault");
  assert.match(check.reason ?? "", /SOMEBODY-ELSE: model 0, kernel \d+/);
});
