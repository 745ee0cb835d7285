import type { Estate, Firewall, Position } from "../../policy/estate.ts";
import { places } from "../../policy/place.ts";
import type { PacketObservation } from "../../probes/observation.ts";
import type { PacketProbe, RecordProbe } from "../../probes/probe.ts";
import type { Control, Observations } from "../control.ts";
import { declaredAt } from "../declared.ts";
import type { Check } from "../finding.ts";
import { denialCheck, judgeFlows, permitsDeclared, suspectOf } from "../packets.ts";
import { pairSweeps, portlessSweep, sampleWords, sweepsTo, twins } from "../sweep.ts";
import { guestInWords } from "../words.ts";

/** The statement speaks of any port or protocol. */
function hostSweeps(estate: Estate): PacketProbe[] {
  return sweepsTo(estate, "host").flatMap(({ from }) => pairSweeps(estate, from, "host"));
}

const hostDrops: Control = {
  id: "FW-001",
  sampled: (estate, seen) => sampleWords(estate, seen.packetsOf(hostSweeps(estate))),
  probes: (estate) => [...hostSweeps(estate), ...twins(estate, "host")],
  judge: (estate, seen) => [
    ...sweepsTo(estate, "host").map(({ from }) =>
      denialCheck(estate, seen, {
        title: `${from} reaches only what is declared on the host`,
        seen: seen.packetsOf(pairSweeps(estate, from, "host")),
        twins: twins(estate, "host"),
        permits: permitsDeclared,
        expected: "no packet arrives without a declared ACCEPT or a standing accept",
        destination: "the host",
      }),
    ),
    defaultPolicy(estate, seen),
  ],
};

/** The live default action: the last, unconditional line of the host's inbound chain counted what nothing else took. */
function defaultPolicy(estate: Estate, seen: Observations): Check {
  const { policyIn, keys, position } = estate.host.firewall;
  const accounts = sweepsTo(estate, "host").flatMap(({ id }) => seen.packets(id).accounts);
  const last = accounts.find(({ chain, rule }) => chain === "PVEFW-HOST-IN" && rule === "-j DROP");
  const passes = policyIn === "DROP" && last !== undefined;
  return {
    title: "the live default inbound action is DROP",
    result: passes ? "pass" : "fail",
    expected: "default_input_policy DROP, live as the last line of PVEFW-HOST-IN",
    observed: `declared ${policyIn}; ${last ? `PVEFW-HOST-IN -j DROP counted ${last.gain}` : "its last line counted nothing"}`,
    ...(passes
      ? {}
      : { disagreement: policyIn === "DROP" ? ("converge fault" as const) : ("intent gap" as const) }),
    declared: declaredAt(estate, keys?.policyIn ?? position),
    evidence: sweepsTo(estate, "host").map(({ id }) => id),
  };
}

const guestsDrop: Control = {
  id: "FW-002",
  sampled: (estate, seen) =>
    sampleWords(
      estate,
      estate.guests.flatMap(({ id }) => seen.packetsOf(sweepsTo(estate, id))),
    ),
  probes: (estate) => estate.guests.flatMap(({ id }) => [...sweepsTo(estate, id), ...twins(estate, id)]),
  judge: (estate, seen) =>
    estate.guests.map((guest) =>
      denialCheck(estate, seen, {
        title: `guest ${guest.id} (${guest.name}) is silent on undeclared ports`,
        seen: sweepsTo(estate, guest.id).map(({ id }) => seen.packets(id)),
        twins: twins(estate, guest.id),
        permits: permitsDeclared,
        expected: "no packet arrives without a declared ACCEPT",
        destination: guestInWords(guest),
      }),
    ),
};

const RULES: RecordProbe = { kind: "record", id: "record live-rules", from: "host", record: "live-rules" };

/** Every ordered pair's sweeps: each packet that did not arrive must have moved a counter. */
function allSweeps(estate: Estate): PacketProbe[] {
  const ofPorts = places(estate).flatMap(({ id, destination: judged }) =>
    judged ? sweepsTo(estate, id) : [],
  );
  return [...ofPorts, ...ofPorts.map(({ from, to }) => portlessSweep(estate, from, to))];
}

const enforced: Control = {
  id: "FW-003",
  probes: (estate) => [RULES, ...allSweeps(estate)],
  judge: (estate, seen) => [
    switchedOn(estate, "the datacenter and the host", estate.host.firewall, estate.host.position),
    ...estate.guests.map((guest) => switchedOn(estate, guestInWords(guest), guest.firewall, guest.position)),
    liveCheck(seen),
    ...allSweeps(estate).map(({ id }) => witnessCheck(estate, seen.packets(id))),
  ],
};

function switchedOn(estate: Estate, what: string, firewall: Firewall | undefined, position: Position): Check {
  const on = firewall?.enabled === true;
  const observed = firewall ? (on ? "on" : "off") : "no firewall section: nothing filters its port";
  return {
    title: `the firewall of ${what} is on`,
    result: on ? "pass" : "fail",
    expected: "enabled",
    observed,
    ...(on
      ? {}
      : { reason: `${what}: ${observed}; set enabled to true`, disagreement: "intent gap" as const }),
    declared: declaredAt(estate, firewall?.keys?.enabled ?? firewall?.position ?? position),
    evidence: [],
  };
}

function liveCheck(seen: Observations): Check {
  const { id, facts, answer } = seen.service(RULES.id);
  const differences = Array.isArray(facts["differences"]) ? facts["differences"] : undefined;
  const reason = `the live rules are not the compiled declaration: ${differences?.join("; ") ?? answer}; converge again`;
  return {
    title: "the live rules, sets and links are the compiled declaration",
    result: differences ? (differences.length ? "fail" : "pass") : "inconclusive",
    expected: "no difference",
    observed: answer,
    ...(differences?.length === 0 ? {} : { reason }),
    ...(differences?.length ? { disagreement: "converge fault" as const } : {}),
    evidence: [id],
  };
}

function witnessCheck(estate: Estate, observation: PacketObservation): Check {
  const { id, sent, captured, accounts } = observation;
  const counted = accounts.reduce((sum, { gain }) => sum + gain, 0);
  const missing = sent - captured - counted;
  const dark = missing === 0 ? undefined : judgeFlows(estate, observation).find(({ unknown }) => unknown);
  return {
    title: `${id}: each packet that did not arrive was counted`,
    result: missing === 0 ? "pass" : "inconclusive",
    expected: `${sent - captured} counted`,
    observed: `${sent} sent, ${captured} captured, ${counted} counted`,
    ...(missing === 0 ? {} : { reason: `${missing} packets neither arrived nor were counted` }),
    ...(dark ? { suspect: suspectOf(dark) } : {}),
    evidence: [id],
  };
}

export const FIREWALL_CONTROLS: readonly Control[] = [hostDrops, guestsDrop, enforced];
