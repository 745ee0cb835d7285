import assert from "node:assert/strict";
import { test } from "node:test";
import { estateWith } from "../fixtures/reference.ts";
import type { Account, PacketObservation } from "../probes/observation.ts";
import { agreementOf } from "./agreement.ts";

const estate = estateWith(({ lxc }) => {
  lxc.lxc_configs["101"].firewall.rules.push({ type: "in", action: "REJECT", proto: "tcp", port: "7000" });
});

function seen(outcomes: PacketObservation["outcomes"], accounts: Account[] = []): PacketObservation {
  return {
    kind: "packets",
    id: "x",
    from: "wan",
    to: "101",
    source: "203.0.113.10",
    dest: "10.0.0.153",
    forged: false,
    sent: 0,
    captured: 0,
    accounts,
    outcomes,
    sport: 20_000,
  };
}

const account = (chain: string, effect: Account["effect"], gain: number): Account => ({
  chain,
  rule: "",
  effect,
  gain,
});

test("each verdict has its outcomes, and the chains count the same", () => {
  const { agreed, disagreements, chains } = agreementOf(
    estate,
    seen(
      {
        delivered: ["tcp/443"],
        "no-listener": ["tcp/80"],
        rejected: ["tcp/7000"],
        dropped: ["tcp/81-90", "icmp/8"],
      },
      [account("veth101i0-IN", "drop", 11), account("PVEFW-reject", "reject", 1)],
    ),
  );
  assert.deepEqual([agreed, disagreements], [14, []]);
  assert.deepEqual(chains, [
    { chain: "PVEFW-reject", model: 1, kernel: 1 },
    { chain: "veth101i0-IN", model: 11, kernel: 11 },
  ]);
});

test("what differs is told by outcome and path, its flows folded", () => {
  const { agreed, disagreements, chains } = agreementOf(
    estate,
    seen(
      {
        delivered: ["tcp/8000-8002", "tcp/7000", "tcp/443"],
        dropped: ["tcp/80"],
        rejected: ["udp/53"],
        "no-route": ["tcp/9"],
      },
      [account("gateway routes", "no-route", 1)],
    ),
  );
  assert.deepEqual(
    chains.map(({ chain, kernel }) => [chain, kernel]),
    [
      ["none", 0],
      ["veth101i0-IN", 0],
    ],
  );
  assert.equal(agreed, 1);
  assert.deepEqual(
    disagreements.map(({ keys, outcome, decision }) => [keys, outcome, decision.verdict]),
    [
      [["tcp/8000-8002"], "delivered", "drop"],
      [["tcp/7000"], "delivered", "reject"],
      [["tcp/80"], "dropped", "accept"],
      [["udp/53"], "rejected", "drop"],
      [["tcp/9"], "no-route", "drop"],
    ],
  );
});

test("a chain that stopped what another should have, or what none should have, shows in the counts", () => {
  const elsewhere = agreementOf(estate, seen({ dropped: ["tcp/80-81"] }, [account("INPUT", "drop", 2)]));
  assert.deepEqual(elsewhere.chains, [
    { chain: "INPUT", model: 0, kernel: 2 },
    { chain: "none", model: 1, kernel: 0 },
    { chain: "veth101i0-IN", model: 1, kernel: 0 },
  ]);
});

test("what could not be told neither agrees nor differs", () => {
  const { agreed, disagreements, chains } = agreementOf(estate, seen({ unknown: ["tcp/1-65535"] }));
  assert.deepEqual([agreed, disagreements, chains], [0, [], []]);
});
