import { isResponder } from "../../policy/acme-client.ts";
import { type Estate, guestOf } from "../../policy/estate.ts";
import { describeDecider } from "../../policy/explain.ts";
import { places } from "../../policy/place.ts";
import { type FlowKey, parseFlowKey } from "../../probes/flow-key.ts";
import type { PacketObservation } from "../../probes/observation.ts";
import type { PacketProbe, Probe, TcpProbe } from "../../probes/probe.ts";
import type { Control, Observations } from "../control.ts";
import { declaredAt } from "../declared.ts";
import { expectation } from "../expectation.ts";
import type { Check } from "../finding.ts";
import {
  admittedBy,
  denialCheck,
  inWords,
  isByRule,
  type JudgedFlow,
  judgeFlows,
  permitsDeclared,
  suspectOf,
} from "../packets.ts";
import { declaredPorts } from "../ports.ts";
import { connection, isDeclared, pairSweep, pairSweeps, sampleWords, sweepsTo, twins } from "../sweep.ts";
import { guestInWords } from "../words.ts";

interface Pair {
  readonly from: string;
  readonly to: string;
  readonly name: string;
}

/** Every ordered pair: all places as sources, the host and the guests as destinations. */
function pairs(estate: Estate): Pair[] {
  return places(estate).flatMap((to) =>
    to.destination
      ? places(estate)
          .filter((from) => from.id !== to.id)
          .map((from) => ({
            from: from.id,
            to: to.id,
            name: to.id === "host" ? "the host" : `guest ${to.id} (${to.name})`,
          }))
      : [],
  );
}

/** The statement speaks of protocols and ports. */
function allSweeps(estate: Estate): PacketProbe[] {
  return pairs(estate).flatMap(({ from, to }) => pairSweeps(estate, from, to));
}

const undeclaredBlocked: Control = {
  id: "SEG-001",
  sampled: (estate, seen) => sampleWords(estate, seen.packetsOf(allSweeps(estate))),
  probes: (estate) => [
    ...allSweeps(estate),
    ...places(estate).flatMap(({ id, destination: judged }) => (judged ? twins(estate, id) : [])),
  ],
  judge: (estate, seen) =>
    pairs(estate).map(({ from, to, name }) =>
      denialCheck(estate, seen, {
        title: `${from} > ${to}: undeclared flows are blocked`,
        seen: seen.packetsOf(pairSweeps(estate, from, to)),
        twins: twins(estate, to),
        permits: permitsDeclared,
        expected: "only declared flows arrive",
        destination: name,
      }),
    ),
  notes: (estate, seen) => {
    const probed = pairs(estate).filter(
      ({ from, to }) => seen.packets(pairSweep(estate, from, to).id).sent > 0,
    );
    return [`matrix: ${probed.length} of ${pairs(estate).length} ordered pairs probed`];
  },
};

/** Each declared TCP flow between two places that a server answers: a connection by the sender's own stack. */
function declaredConnections(estate: Estate): TcpProbe[] {
  return pairs(estate).flatMap(({ from, to }) =>
    declaredPorts(estate)
      .filter((port) => isDeclared(estate, from, to, `tcp/${port}`) && !isResponder(estate, to, port))
      .map((port) => connection(estate, from, to, port)),
  );
}

const declaredWork: Control = {
  id: "SEG-002",
  probes: (estate) => [...declaredConnections(estate), ...allSweeps(estate)],
  judge: (estate, seen) => [
    ...declaredConnections(estate).map((probe) => connectionCheck(estate, seen, probe)),
    ...pairs(estate).flatMap((pair) => datagramChecks(estate, seen, pair)),
  ],
};

function connectionCheck(estate: Estate, seen: Observations, { id, from, to, port }: TcpProbe): Check {
  const { facts, answer, outcome } = seen.service(id);
  const admitted = admittedBy(expectation(estate, from, to, `tcp/${port}`));
  const common = {
    title: `${from} > ${to} tcp/${port} connects`,
    expected: "connected",
    observed: answer,
    ...("position" in admitted ? { declared: declaredAt(estate, admitted.position) } : {}),
    decider: describeDecider(admitted),
    evidence: [id],
  };
  if (facts.connected === true) return { ...common, result: "pass" };
  if (outcome === "unknown") return { ...common, result: "inconclusive", reason: answer };
  const reason = `${to} tcp/${port} is declared open to ${from}, but ${outcome === "silent" ? "nothing answers" : answer}: start its server, or remove the rule`;
  return { ...common, result: "fail", reason, disagreement: "converge fault" };
}

/** What a rule accepts and no server answers: the packet must arrive. Protocols of one class make one check. */
function datagramChecks(estate: Estate, seen: Observations, { from, to }: Pair): Check[] {
  return seen.packetsOf(pairSweeps(estate, from, to)).flatMap((observation) => {
    const declared = judgeFlows(estate, observation).filter(
      ({ key, decision }) => isByRule(decision) && !isServed(estate, to, key),
    );
    const alike = ({ key, packetClass, arrived, unknown }: JudgedFlow) =>
      key.startsWith("ip/") ? `${packetClass?.first} ${arrived} ${unknown}` : key;
    return [...Map.groupBy(declared, alike).values()].flatMap((flows) =>
      flows.slice(0, 1).map((flow) => datagramCheck(estate, observation, inWords(flows), flow)),
    );
  });
}

function isServed(estate: Estate, to: string, key: FlowKey): boolean {
  const { proto, first } = parseFlowKey(key);
  return proto === "tcp" && !isResponder(estate, to, first);
}

function datagramCheck(
  estate: Estate,
  { id, from, to, reason: unknownReason = "could not tell" }: PacketObservation,
  flows: string,
  flow: JudgedFlow,
): Check {
  const { arrived, unknown, decision } = flow;
  const admitted = admittedBy(decision);
  const common = {
    title: `${from} > ${to} ${flows} arrives`,
    expected: "delivered",
    observed: arrived ? "delivered" : unknown ? "could not tell" : "not delivered",
    ...("position" in admitted ? { declared: declaredAt(estate, admitted.position) } : {}),
    evidence: [id],
  };
  if (arrived) return { ...common, result: "pass" };
  const suspect = suspectOf(flow);
  if (unknown) return { ...common, result: "inconclusive", reason: unknownReason, suspect };
  const reason = `${flows} is declared open from ${from} to ${to}, but does not arrive`;
  return { ...common, result: "fail", reason, disagreement: "converge fault", suspect };
}

/** The statement speaks of a backend's service port, which every place is asked for. */
const noWayRound: Control = {
  id: "SEG-003",
  probes: (estate) =>
    routedGuests(estate).flatMap(({ id }): Probe[] => [
      ...sweepsTo(estate, id),
      ...twinsFromMesh(estate, id),
    ]),
  judge: (estate, seen) =>
    routedGuests(estate).map((guest) =>
      denialCheck(estate, seen, {
        title: `${guestInWords(guest)} answers Traefik and its declared sources only`,
        seen: sweepsTo(estate, guest.id).map(({ id }) => seen.packets(id)),
        twins: twinsFromMesh(estate, guest.id),
        permits: ({ from, decision }) =>
          isByRule(decision) && from !== "wan" && from !== guestOf(estate, "gateway").id,
        expected: "Nginx, peers and outside are blocked",
        destination: guestInWords(guest),
      }),
    ),
};

function routedGuests(estate: Estate) {
  return estate.guests.filter(({ id }) => estate.routes.some(({ guestId }) => guestId === id));
}

function twinsFromMesh(estate: Estate, id: string): TcpProbe[] {
  const mesh = guestOf(estate, "mesh").id;
  return estate.routes
    .filter(({ guestId }) => guestId === id)
    .map(({ port }) => connection(estate, mesh, id, port));
}

export const SEGMENTATION_CONTROLS: readonly Control[] = [undeclaredBlocked, declaredWork, noWayRound];
