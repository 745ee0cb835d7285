import type { Estate } from "../../policy/estate.ts";
import { ip6Of } from "../../policy/ip6.ts";
import { places, type Vantage } from "../../policy/place.ts";
import type { PacketProbe, RecordProbe } from "../../probes/probe.ts";
import { serviceCheck } from "../check.ts";
import type { Control, Observations } from "../control.ts";
import type { Check } from "../finding.ts";
import { denialCheck, type JudgedFlow, permitsDeclared } from "../packets.ts";
import { pairSweeps, sampleWords, sweep6, twins } from "../sweep.ts";

const STATE: RecordProbe = { kind: "record", id: "record ip6-state", from: "phx", record: "ip6-state" };

function destinations(estate: Estate): Vantage[] {
  return places(estate).filter(({ destination }) => destination);
}

function wordsOf({ id, name }: Vantage): string {
  return id === "host" ? "the host" : `guest ${id} (${name})`;
}

/** UDP and ICMP over IPv4: of what a run asks anyway. */
function sweeps4(estate: Estate, to: string): PacketProbe[] {
  return places(estate)
    .filter(({ id }) => id !== to)
    .flatMap(({ id }) => pairSweeps(estate, id, to));
}

/**
 * Over IPv6 between whoever stands on the bridge. The node takes none at all while its stack has the family switched off,
 * and no file says by which way `wan` would come: both are judged by what they have of it.
 */
function sweeps6(estate: Estate, to: string): PacketProbe[] {
  if (to === "host") return [];
  return places(estate).flatMap(({ id }) => {
    const isEnd = id === to || id === "host" || ip6Of(estate, id) === undefined;
    return isEnd ? [] : [sweep6(estate, id, to)];
  });
}

const everyFamily: Control = {
  id: "FW-005",
  sampled: (estate, seen) =>
    sampleWords(
      estate,
      destinations(estate).flatMap(({ id }) =>
        seen.packetsOf([...sweeps4(estate, id), ...sweeps6(estate, id)]),
      ),
    ),
  probes: (estate) => [
    STATE,
    ...destinations(estate).flatMap(({ id }) => [
      ...sweeps4(estate, id),
      ...sweeps6(estate, id),
      ...twins(estate, id),
    ]),
  ],
  judge: (estate, seen) => [
    ...destinations(estate).map((to) =>
      denialCheck(estate, seen, {
        title: `${wordsOf(to)} drops UDP and ICMP as it does TCP`,
        seen: seen.packetsOf(sweeps4(estate, to.id)),
        twins: twins(estate, to.id),
        permits: (flow) => isTcp(flow) || permitsDeclared(flow),
        expected: "no UDP, no ICMP and no other protocol arrives without a declared ACCEPT",
        destination: wordsOf(to),
      }),
    ),
    ...destinations(estate)
      .filter(({ id }) => id !== "host")
      .map((to) =>
        denialCheck(estate, seen, {
          title: `${wordsOf(to)} drops IPv6 as it does IPv4`,
          seen: seen.packetsOf(sweeps6(estate, to.id)),
          twins: twins(estate, to.id),
          permits: permitsDeclared,
          expected: "no packet of IPv6 arrives without a declared ACCEPT",
          destination: wordsOf(to),
        }),
      ),
    ...stateChecks(seen),
  ],
  notes: () => [
    "IPv6: the files declare no address of it; the host, whose stack has it switched off, and the internet, whose way in no file tells, are judged by their addresses and listeners",
  ],
};

/** Another control speaks of TCP over IPv4. */
function isTcp({ key }: JudgedFlow): boolean {
  return key.startsWith("tcp/");
}

/** A family that the files don't declare is disabled. */
function stateChecks(seen: Observations): Check[] {
  const { id, facts, answer, outcome } = seen.service(STATE.id);
  const check = (fact: string, title: string, remedy: string): Check => {
    const found = Array.isArray(facts[fact]) ? facts[fact] : undefined;
    return serviceCheck(found ? outcome : "unknown", found?.length === 0, {
      title,
      expected: "none, at any place",
      observed: found?.join(", ") || answer,
      reason: found ? `${found.join(", ")}: IPv6 is declared nowhere; ${remedy}` : answer,
      evidence: [id],
    });
  };
  return [
    check("addresses", "nobody has a global address of IPv6", "take the address away, or declare it"),
    check("listeners", "nobody listens on IPv6", "let the server listen at its IPv4 address"),
  ];
}

export const FAMILY_CONTROLS: readonly Control[] = [everyFamily];
