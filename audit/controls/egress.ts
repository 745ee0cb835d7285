import type { Estate, Guest } from "../../policy/estate.ts";
import { places, type Vantage } from "../../policy/place.ts";
import { proveEgress } from "../../policy/prove/egress.ts";
import type { PacketProbe, TcpProbe } from "../../probes/probe.ts";
import type { Control, Observations } from "../control.ts";
import { declaredAt } from "../declared.ts";
import type { Check } from "../finding.ts";
import { denialCheck } from "../packets.ts";
import { pairSweeps, portlessSweep, sampleWords, sweep, twins } from "../sweep.ts";
import { guestInWords } from "../words.ts";

/** Whether a DROP or a REJECT, by a rule or by default, keeps a guest from anything. */
function isLimited({ firewall }: Guest): boolean {
  return (
    firewall?.enabled === true &&
    (firewall.policyOut !== "ACCEPT" ||
      firewall.rules.some(({ type, action, enabled }) => enabled && type === "out" && action !== "ACCEPT"))
  );
}

/** Where it may send: here the internet and a plain device of the LAN are destinations too. */
function targets(estate: Estate, { id }: Guest): Vantage[] {
  return places(estate).filter((to) => to.id !== id);
}

function sweepsFrom(estate: Estate, { id }: Guest, to: Vantage): PacketProbe[] {
  return to.destination
    ? pairSweeps(estate, id, to.id)
    : [sweep(estate, id, to.id), portlessSweep(estate, id, to.id)];
}

/** Of one that is not limited only what leaves the estate is looked at. */
function judged(estate: Estate, guest: Guest): Vantage[] {
  return targets(estate, guest).filter(({ destination }) => isLimited(guest) || !destination);
}

/** What shows that somebody takes packets there; one whose egress is open shows it by its own. */
function twinsOf(estate: Estate, guest: Guest, { id, destination }: Vantage): (TcpProbe | PacketProbe)[] {
  if (destination) return twins(estate, id);
  return isLimited(guest) ? [sweep(estate, "host", id)] : [];
}

const declaredEgress: Control = {
  id: "SEG-004",
  sampled: (estate, seen) =>
    sampleWords(
      estate,
      estate.guests
        .filter(isLimited)
        .flatMap((guest) =>
          judged(estate, guest).flatMap((to) => seen.packetsOf(sweepsFrom(estate, guest, to))),
        ),
    ),
  probes: (estate) =>
    estate.guests.flatMap((guest) =>
      judged(estate, guest).flatMap((to) => [
        ...sweepsFrom(estate, guest, to),
        ...twinsOf(estate, guest, to),
      ]),
    ),
  judge: (estate, seen) => [
    ...written(estate),
    ...estate.guests.flatMap((guest) => judged(estate, guest).map((to) => wayOut(estate, seen, guest, to))),
  ],
  notes: (estate) => proveEgress(estate).notes,
};

/** A guest that drops by default on its way out, and yet lets out what no rule says. */
function written(estate: Estate): Check[] {
  return proveEgress(estate).violations.map(({ message, position, remedy }) => ({
    title: "what leaves a guest that drops by default is declared",
    result: "fail",
    expected: "declared ACCEPTs alone",
    observed: message,
    reason: `${message}. ${remedy}`,
    disagreement: "intent gap",
    declared: declaredAt(estate, position),
    evidence: [],
  }));
}

function wayOut(estate: Estate, seen: Observations, guest: Guest, to: Vantage): Check {
  const limited = isLimited(guest);
  const where = `${to.id} (${to.name})`;
  return denialCheck(estate, seen, {
    title: limited
      ? `${guestInWords(guest)} > ${where}: what precedes its DROP leaves, and nothing else`
      : `${guestInWords(guest)} > ${where}: egress open by declaration`,
    seen: seen.packetsOf(sweepsFrom(estate, guest, to)),
    twins: twinsOf(estate, guest, to),
    permits: ({ decision }) => decision.verdict === "accept",
    expected: limited ? "the declared egress only" : "no DROP or REJECT limits it: what is sent arrives",
    destination: where,
  });
}

export const EGRESS_CONTROLS: readonly Control[] = [declaredEgress];
