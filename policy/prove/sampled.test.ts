import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { randomNetwork } from "../../fixtures/random-estate.ts";
import { decide } from "../decide.ts";
import type { Estate, Firewall } from "../estate.ts";
import type { Decision, Flow, Place } from "../flow.ts";
import { proveReaches } from "./reaches.ts";

/* What is proved, held against the model packet by packet; which control a packet breaks is worded here once more. */

const NETWORKS = 200;
const PACKETS = 800;

const GUESTS = ["101", "102", "103", "104", "105"];
const [GATEWAY, MESH, CA, ROUTED] = ["101", "102", "103", "105"] as const;

/** Drops by default, as most estates do, and accepts little. */
function shut(firewall: Firewall): Firewall {
  const rules = firewall.rules.filter(
    ({ action, source }, index) => action !== "ACCEPT" || (source !== undefined && index % 2 === 0),
  );
  return { ...firewall, enabled: true, policyIn: "DROP", rules };
}

const network = fc.tuple(randomNetwork, fc.nat(3)).map(([estate, openness]): Estate => {
  if (openness === 0) return estate;
  const guests = estate.guests.map((guest) => ({
    ...guest,
    ...(guest.firewall && { firewall: shut(guest.firewall) }),
  }));
  return { ...estate, host: { ...estate.host, firewall: shut(estate.host.firewall) }, guests };
});

function addressesOf(place: Place): readonly string[] {
  if (place === "wan") return ["203.0.113.10", "198.51.100.7", "8.8.8.8"];
  if (place === "lan") return ["10.0.0.200", "10.0.0.254"];
  return [place === "host" ? "10.0.0.13" : `10.0.0.${place}`];
}

const FORGED = ["10.0.0.102", "10.0.0.13", "10.0.0.77", "169.254.1.1"];
const port = fc.constantFrom(22, 22, 53, 53, 80, 80, 443, 8006);

/** A first packet, and whether its source is the sender's own. */
interface Sent {
  readonly flow: Flow;
  readonly isOwn: boolean;
}

const sent = fc
  .record({
    from: fc.constantFrom("wan", "wan", "lan", "host", ...GUESTS),
    to: fc.constantFrom("host", ...GUESTS, GATEWAY, MESH, CA, MESH, CA),
    proto: fc.constantFrom<Flow["proto"][]>("tcp", "tcp", "udp", "icmp", 47),
    nth: fc.nat(11),
    isForged: fc.constantFrom(false, false, true),
    isIp6: fc.constantFrom(false, false, false, true),
    dport: port,
    sport: fc.constantFrom(40000, 40000, 53),
  })
  .filter(({ from, to, proto, isIp6 }) => from !== to && !(isIp6 && proto === "icmp"))
  .map(({ from, to, proto, nth, isForged, isIp6, dport, sport }): Sent => {
    const isOwn = isIp6 || !isForged || from !== "wan";
    const known = isOwn ? addressesOf(from) : FORGED;
    const source = isIp6 ? ["2001:db8::5", "fe80::1"][nth % 2] : known[nth % known.length];
    const dest = isIp6 ? "2001:db8::1" : addressesOf(to)[0];
    const ports = proto === "tcp" || proto === "udp" ? { dport, sport } : {};
    return { isOwn, flow: { from, to, proto, source: source ?? "", dest: dest ?? "", ...ports } };
  });

/** The controls that an accepted packet breaks. */
function brokenBy({ flow, isOwn }: Sent, { decider }: Decision): readonly string[] {
  const { from, to, proto, source, dport } = flow;
  const isRule = decider.kind === "rule";
  const isStanding = decider.kind === "standing";
  const hasPorts = proto === "tcp" || proto === "udp";
  const isWeb = (ports: readonly number[]) => isRule && proto === "tcp" && ports.includes(dport ?? 0);
  const undeclared = isRule || isStanding ? [] : [to === "host" ? "FW-001" : "FW-002", "SEG-001"];
  const otherFamily = proto !== "tcp" || source.includes(":");
  const own = [
    ...undeclared,
    ...(undeclared.length > 0 && otherFamily ? ["FW-005"] : []),
    ...(from === "wan" && to === GATEWAY && hasPorts && !isWeb([80, 443]) ? ["EDGE-001"] : []),
    ...(to === MESH && !isStanding && !(isWeb([443]) && (from === GATEWAY || from === CA))
      ? ["RTE-001"]
      : []),
    ...(to === ROUTED && !isStanding && (!isRule || from === "wan" || from === GATEWAY) ? ["SEG-003"] : []),
    ...(to === CA && !isStanding && (!isRule || from === "wan" || from === "lan") ? ["PKI-004"] : []),
  ];
  const isOutside = from === "wan" && to !== GATEWAY && (!isStanding || (hasPorts && to === "host"));
  return [...(isOwn ? own : []), ...(isOutside ? ["EDGE-002"] : [])];
}

test("no packet that the model lets through breaks a control that is proved", (t) => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  t.diagnostic(`seed ${seed}`);
  let [proved, broken] = [0, 0];
  for (const [index, estate] of fc.sample(network, { numRuns: NETWORKS, seed }).entries()) {
    const holds = new Set(
      proveReaches(estate).flatMap(({ control, violations }) => (violations.length === 0 ? [control] : [])),
    );
    proved += holds.size;
    for (const each of fc.sample(sent, { numRuns: PACKETS, seed: seed + index })) {
      const decision = decide(estate, each.flow);
      const controls = decision.verdict === "accept" ? brokenBy(each, decision) : [];
      broken += controls.length;
      const wrong = controls.filter((control) => holds.has(control));
      assert.deepEqual(wrong, [], `${JSON.stringify(each.flow)} in estate ${index} of seed ${seed}`);
    }
  }
  assert.ok(proved > NETWORKS && broken > NETWORKS, `${proved} proved, ${broken} packets break one`);
});
