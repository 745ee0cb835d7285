import assert from "node:assert/strict";
import { test } from "node:test";
import { diffed, sideOfEstate } from "../../fixtures/diffed.ts";
import { estateWith, type Files } from "../../fixtures/reference.ts";
import type { PacketObservation, PacketOutcome } from "../../probes/observation.ts";
import type { PacketProbe } from "../../probes/probe.ts";
import { Observations } from "../control.ts";
import { askTwice } from "./ask.ts";
import { judgeTwice } from "./judge.ts";

const BASE = estateWith(() => {});

/** Nginx may reach tcp 8080 to 8090 of Traefik. */
function open({ lxc }: Files): void {
  const rule = { type: "in", action: "ACCEPT", proto: "tcp", port: "8080:8090", source: "10.0.0.153" };
  lxc.lxc_configs["102"].firewall.rules.push(rule);
}

function asked(change: (files: Files) => void) {
  const estates = { base: BASE, head: estateWith(change) };
  const { diff } = diffed(sideOfEstate(estates.base), sideOfEstate(estates.head));
  return { estates, all: diff.packets.map((each, index) => askTwice(estates, each, index)) };
}

test("of a port range both ends and one within are asked on both sides, and the ports beside it", () => {
  const { all } = asked(open);
  assert.equal(all.length, 1);
  const [pair, ...others] = all[0]?.pairs ?? [];
  assert.deepEqual(others, []);
  assert.deepEqual(pair?.inside, ["tcp/8080", "tcp/8085", "tcp/8090"]);
  assert.deepEqual(pair.border, ["tcp/8079", "tcp/8091"]);
  assert.deepEqual(pair.probes.base, pair.probes.head);
  assert.ok(pair.twins.base && pair.twins.head);
});

/** What packets that fare so are seen as, each refused one counted by the default policy of Traefik's chain. */
function seenAs(probe: PacketProbe, fates: Readonly<Record<string, PacketOutcome>>): PacketObservation {
  const { id, from, to, source, dest, forged, keys, sport = 0 } = probe;
  const groups = Map.groupBy(keys, (key) => fates[key] ?? "dropped");
  const gain = groups.get("dropped")?.length ?? 0;
  const account = { chain: "veth102i0-IN", rule: "-j DROP", effect: "drop", gain } as const;
  return {
    kind: "packets",
    id,
    from,
    to,
    source,
    dest,
    forged,
    sport,
    sent: keys.length,
    captured: (groups.get("delivered") ?? []).length,
    accounts: gain > 0 ? [account] : [],
    outcomes: Object.fromEntries(groups),
  };
}

const ARRIVED = { "tcp/8080": "delivered", "tcp/8085": "delivered", "tcp/8090": "delivered" } as const;

function judged(
  base: Readonly<Record<string, PacketOutcome>>,
  head: Readonly<Record<string, PacketOutcome>>,
  hasTwin = true,
) {
  const { estates, all } = asked(open);
  const [change] = all;
  const [pair] = change?.pairs ?? [];
  assert.ok(change && pair?.probes.base && pair.probes.head && pair.twins.base && pair.twins.head);
  const fate = { [pair.twins.base.keys.join()]: hasTwin ? "delivered" : "dropped" } as const;
  const seen = {
    base: new Observations([seenAs(pair.probes.base, base), seenAs(pair.twins.base, fate)]),
    head: new Observations([
      seenAs(pair.probes.head, head),
      seenAs(pair.twins.head, { ...fate, ...ARRIVED }),
    ]),
  };
  return judgeTwice(estates, change, "101 -> 102", seen);
}

test("dropped on BASE with its four proofs and arrived on HEAD is shown", () => {
  const { result, pairs } = judged({}, ARRIVED);
  assert.equal(result, "shown", JSON.stringify(pairs));
  assert.deepEqual(Object.keys(pairs[0]?.base.proofs ?? {}).toSorted(), [
    "drop",
    "silence",
    "stimulus",
    "twin",
  ]);
});

test("arrived on BASE already, or stopped on HEAD, or a port beside the range that arrived, is refuted", () => {
  assert.equal(judged({ "tcp/8085": "delivered" }, ARRIVED).result, "refuted");
  assert.equal(judged({}, { ...ARRIVED, "tcp/8090": "dropped" }).result, "refuted");
  assert.equal(judged({}, { ...ARRIVED, "tcp/8091": "delivered" }).result, "refuted");
});

test("an unknown outcome, and silence at a place that nothing shows alive, are untold, never shown", () => {
  assert.equal(judged({ "tcp/8080": "unknown" }, ARRIVED).result, "untold");
  assert.equal(judged({}, ARRIVED, false).result, "untold");
});
