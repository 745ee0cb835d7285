import assert from "node:assert/strict";
import { test } from "node:test";
import { estateWith, type Files } from "../../fixtures/reference.ts";
import type { Estate } from "../../policy/estate.ts";
import { expandFlowKeys } from "../../probes/flow-key.ts";
import type { PacketObservation } from "../../probes/observation.ts";
import type { PacketProbe } from "../../probes/probe.ts";
import { conclude, Observations } from "../control.ts";
import { CLIENT_PORT, expectation } from "../expectation.ts";
import { NARROW_CONTROLS } from "./narrow.ts";

const [narrow] = NARROW_CONTROLS;
assert.ok(narrow);

/** A network of which every packet does what the model says, but for those of the flow `FROM > TO KEY`, which do the opposite. */
function observed(estate: Estate, probe: PacketProbe, odd?: string): PacketObservation {
  const { id, from, to, source, dest, keys } = probe;
  const arrives = (key: string) =>
    (expectation(estate, from, to, key).verdict === "accept") !== (`${from} > ${to} ${key}` === odd);
  const few = keys.flatMap((key) => (key.includes("-") ? [] : expandFlowKeys([key])));
  const delivered = few.filter(arrives);
  const dropped = few.filter((key) => !arrives(key));
  return {
    kind: "packets",
    id,
    from,
    to,
    source,
    dest,
    forged: false,
    sport: CLIENT_PORT,
    accounts: [],
    sent: few.length,
    captured: delivered.length,
    outcomes: { delivered, dropped },
  };
}

function finding(change: (files: Files) => unknown, odd?: string) {
  const estate = estateWith((files) => void change(files));
  const seen = narrow?.probes(estate).map((probe) => observed(estate, probe as PacketProbe, odd)) ?? [];
  assert.ok(narrow);
  return conclude(narrow, estate, new Observations(seen));
}

const GRAFANA = ({ lxc }: Files) => lxc.lxc_configs["801"].firewall.rules;

test("the reference estate: each ACCEPT is narrow, and lets through what it says", () => {
  const { result, checks } = finding(() => {});
  assert.equal(result, "pass");
  assert.equal(checks.length, 2 * 14);
});

/** A row each: what is wrong, the change, the flow that is not as the model says, and why the control fails. */
const WRONG: readonly (readonly [string, (files: Files) => unknown, string | undefined, RegExp])[] = [
  ["no comment", (files) => delete GRAFANA(files)[0].comment, undefined, /has no comment/],
  ["no port", (files) => delete GRAFANA(files)[0].port, undefined, /has no port/],
  [
    "another sender of its port",
    () => {},
    "lan > 801 tcp/3000",
    /801 is reached from lan on tcp\/3000, beside/,
  ],
  ["another port of its sender", () => {}, "102 > 801 tcp/22", /801 is reached from 102 on tcp\/22, beside/],
  [
    "its own flow does not arrive",
    () => {},
    "102 > 801 tcp/3000",
    /tcp\/3000 from 102 does not arrive at 801/,
  ],
];

for (const [title, change, odd, expected] of WRONG) {
  test(`${title} fails`, () => {
    const { result, checks } = finding(change, odd);
    assert.equal(result, "fail");
    assert.match(checks.flatMap(({ reason }) => reason ?? []).join("\n"), expected);
  });
}

test("an ACCEPT that no packet meets is told as such, and one that repeats another is a note", () => {
  const { checks, notes } = finding((files) => GRAFANA(files).push({ ...GRAFANA(files)[0] }));
  const idle = checks.filter(({ result }) => result === "notapplicable");
  assert.equal(idle.length, 1);
  assert.match(idle[0]?.reason ?? "", /^none was asked that it decides: /);
  assert.match(notes?.join("\n") ?? "", /^duplicate-rule phoenix_lxc_configs\.json:\d+:\d+: /);
});
