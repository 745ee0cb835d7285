import assert from "node:assert/strict";
import { test } from "node:test";
import { type SmallRule, smallEstate } from "../fixtures/estates/small.ts";
import type { Estate } from "../policy/estate.ts";
import { places } from "../policy/place.ts";
import { countFlows } from "../probes/flow-key.ts";
import type { PacketObservation } from "../probes/observation.ts";
import type { PacketProbe } from "../probes/probe.ts";
import { coverageOf } from "./coverage.ts";
import { sweep } from "./sweep.ts";

const WEB: SmallRule = { type: "in", action: "ACCEPT", proto: "tcp", port: "80" };

function estateOf(...rules: SmallRule[]): Estate {
  return smallEstate({}, { "101": { rules }, "102": { rules: [{ ...WEB, type: "out" }] } });
}

/** What was observed of a probe, whatever it was. */
function observed({ keys, ...probe }: PacketProbe): PacketObservation {
  const sent = countFlows(keys);
  return { ...probe, sent, captured: 0, accounts: [], sport: 20_000, outcomes: { dropped: [...keys] } };
}

/** The coverage of a run that asked every pair in the fast form, by the rule's text; those of guest 101. */
function swept(estate: Estate) {
  const everywhere = places(estate).flatMap((to) =>
    places(estate).flatMap((from) =>
      to.destination && from.id !== to.id ? [observed(sweep(estate, from.id, to.id))] : [],
    ),
  );
  return coverageOf(estate, everywhere);
}

function partOf(estate: Estate, text: RegExp) {
  const found = swept(estate).find((each) => each.where === "guest 101" && text.test(each.text));
  assert.ok(found);
  const { probes, flow, reason } = found;
  return { probes, flow, reason };
}

const NONE = { probes: 0, flow: undefined, reason: undefined };

test("a rule counts the probes that it decided, at whichever hop", () => {
  const estate = estateOf(WEB);
  const seen = [observed({ ...sweep(estate, "102", "101"), keys: ["tcp/79", "tcp/80", "udp/80"] })];
  assert.deepEqual(
    coverageOf(estate, seen).map(({ where, text, probes }) => [where, text, probes]),
    [
      ["guest 101", "IN ACCEPT -p tcp -dport 80", 1],
      ["guest 102", "OUT ACCEPT -p tcp -dport 80", 1],
    ],
  );
});

test("a range counts each of its probes, and what came of a probe must be known", () => {
  const estate = estateOf({ ...WEB, port: "80:89" });
  const probe = { ...sweep(estate, "lan", "101"), keys: ["tcp/1-100"] };
  assert.equal(coverageOf(estate, [observed(probe)]).at(-1)?.probes, 10);
  const dark = { ...observed(probe), outcomes: { unknown: ["tcp/1-100"] } };
  assert.equal(
    coverageOf(estate, [dark]).every(({ probes }) => probes === 0),
    true,
  );
});

test("a rule that the run's probes left out is listed first, with a flow that it would decide", () => {
  const estate = estateOf(WEB, { ...WEB, port: "81" });
  const seen = [observed({ ...sweep(estate, "lan", "101"), keys: ["tcp/80"] })];
  const [first] = coverageOf(estate, seen);
  assert.equal(first?.text, "IN ACCEPT -p tcp -dport 81");
  assert.equal(first?.flow, "102 > 101 tcp/81");
});

test("a rule that a narrowed run asked nothing of is no idle one; one that it asked for in vain is", () => {
  const estate = estateOf(WEB, { ...WEB, port: "81" }, { type: "in", action: "ACCEPT", proto: "gre" });
  const wordsOf = (seen: readonly PacketObservation[]) =>
    coverageOf(estate, seen)
      .filter(({ where }) => where === "guest 101")
      .map(
        ({ text, probes, unasked }) => `${text.replace("IN ACCEPT ", "")}: ${unasked ? "unasked" : probes}`,
      );
  assert.deepEqual(wordsOf([]), [
    "-p tcp -dport 80: unasked",
    "-p tcp -dport 81: unasked",
    "-p gre: unasked",
  ]);
  const asked = observed({ ...sweep(estate, "lan", "101"), keys: ["tcp/80-81"] });
  assert.deepEqual(wordsOf([asked]), ["-p gre: unasked", "-p tcp -dport 80: 1", "-p tcp -dport 81: 1"]);
  const dark = { ...asked, outcomes: { delivered: ["tcp/80"], unknown: ["tcp/81"] } };
  assert.deepEqual(wordsOf([dark]), ["-p tcp -dport 81: 0", "-p gre: unasked", "-p tcp -dport 80: 1"]);
  const elsewhere = estateOf({ ...WEB, type: "out", dest: "203.0.113.10" });
  assert.equal(coverageOf(elsewhere, []).find(({ text }) => /203/.test(text))?.unasked, undefined);
});

test("the fast form exercises every rule that a client's packet can meet", () => {
  const estate = estateOf(
    WEB,
    { ...WEB, port: "81:90", source: "10.0.0.13" },
    { ...WEB, proto: "udp", port: "9" },
  );
  assert.deepEqual(
    swept(estate).filter(({ probes }) => probes === 0),
    [],
  );
});

test("a source that no place has: the flow is named, and what is odd about it", () => {
  const way = partOf(estateOf({ ...WEB, source: "192.168.7.8/29" }), /192/);
  const reason = "its source would be 192.168.7.8, which 102 has not";
  assert.deepEqual(way, { probes: 0, flow: "102 > 101 tcp/80", reason });
});

test("a source port that no client has", () => {
  const way = partOf(estateOf({ ...WEB, sport: "53" }), /53/);
  assert.deepEqual(way, { probes: 0, flow: "102 > 101 tcp/80", reason: "its source port would be 53" });
});

test("a protocol that no probe asks", () => {
  const way = partOf(estateOf({ type: "in", action: "ACCEPT", proto: "gre" }), /gre/);
  assert.deepEqual(way, { ...NONE, flow: "102 > 101 ip/47" });
});

test("a rule that can decide nothing says why", () => {
  const reasonOf = (rule: SmallRule, ...before: SmallRule[]) =>
    partOf(estateOf(...before, rule), /dport 99/).reason ?? "";
  const rule = { ...WEB, port: "99" };
  assert.match(
    reasonOf({ ...rule, dest: "192.168.7.1" }),
    /no place of the estate has an address of its destination/,
  );
  assert.match(reasonOf(rule, { ...WEB, port: "90:100" }), /decide first/);
  assert.match(reasonOf({ ...rule, enabled: false }), /disabled/);
  assert.match(reasonOf({ ...rule, iface: "net7" }), /for another interface/);
  assert.match(reasonOf({ ...rule, source: "10.0.0.5/24" }), /^Proxmox refuses it: /);
});

test("a rule of a guest whose firewall is off decides nothing", () => {
  const estate = smallEstate({}, { "101": { enabled: false, rules: [WEB] } });
  assert.match(swept(estate)[0]?.reason ?? "", /its firewall is off/);
});
