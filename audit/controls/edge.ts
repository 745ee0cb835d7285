import { type Estate, guestOf, type PublicName } from "../../policy/estate.ts";
import { places, WAN_ADDRESS } from "../../policy/place.ts";
import { expandFlowKeys } from "../../probes/flow-key.ts";
import type { HttpProbe, PacketProbe, TcpProbe, TlsProbe } from "../../probes/probe.ts";
import type { Control, Observations } from "../control.ts";
import { at, declaredAt } from "../declared.ts";
import type { Check } from "../finding.ts";
import { denialCheck, isByRule } from "../packets.ts";
import { connection, forgedSweep, forgedWords, pairSweep, twins } from "../sweep.ts";
import { serviceCheck } from "../check.ts";
import { closedTo } from "../route.ts";
import { answerChecks, answerProbes } from "./edge-answers.ts";
import { guestInWords } from "../words.ts";
import { browserChecks, browserProbes } from "./browser-pages.ts";

const OPEN_PORTS = [80, 443];

function gatewayTwins(estate: Estate): TcpProbe[] {
  return OPEN_PORTS.map((port) => connection(estate, "wan", guestOf(estate, "gateway").id, port));
}

const onlyWeb: Control = {
  id: "EDGE-001",
  probes: (estate) => [pairSweep(estate, "wan", guestOf(estate, "gateway").id), ...gatewayTwins(estate)],
  judge: (estate, seen) => {
    const gateway = guestOf(estate, "gateway");
    const observation = seen.packets(pairSweep(estate, "wan", gateway.id).id);
    const permitted = new Set(OPEN_PORTS.map((port) => `tcp/${port}`));
    const arrived = expandFlowKeys([
      ...(observation.outcomes.delivered ?? []),
      ...(observation.outcomes["no-listener"] ?? []),
    ]);
    const missing = [...permitted].filter((key) => !arrived.includes(key));
    return [
      denialCheck(estate, seen, {
        title: "all other TCP and UDP ports of the gateway are silent",
        seen: [observation],
        twins: gatewayTwins(estate),
        permits: ({ key, decision }) => permitted.has(key) && isByRule(decision),
        expected: "65,533 TCP and 65,535 UDP ports silent",
        destination: guestInWords(gateway),
      }),
      {
        title: "80 and 443 answer",
        result: missing.length === 0 ? "pass" : "fail",
        expected: "tcp/80 and tcp/443 arrive",
        observed: missing.length === 0 ? "both arrive" : `${missing.join(", ")} did not arrive`,
        ...(missing.length
          ? { reason: `${missing.join(", ")} of ${guestInWords(gateway)} did not arrive from wan` }
          : {}),
        ...(gateway.firewall ? { declared: declaredAt(estate, gateway.firewall.position) } : {}),
        evidence: [observation.id],
      },
    ];
  },
};

/** The host and every guest but the gateway. */
function inner(estate: Estate) {
  const gateway = guestOf(estate, "gateway").id;
  return places(estate).filter(({ id, destination: judged }) => judged && id !== gateway);
}

/** From outside under each address of host, guests and `lan`, never the gateway's own. */
function forged(estate: Estate, to: string): PacketProbe[] {
  return places(estate)
    .filter(({ id, address }) => id !== to && address !== WAN_ADDRESS)
    .map(({ id }) => forgedSweep(estate, "wan", id, to));
}

const nothingElse: Control = {
  id: "EDGE-002",
  sampled: (estate, seen) =>
    forgedWords(inner(estate).flatMap(({ id }) => seen.packetsOf(forged(estate, id)))),
  probes: (estate) =>
    inner(estate).flatMap(({ id }) => [
      pairSweep(estate, "wan", id),
      ...forged(estate, id),
      ...twins(estate, id),
    ]),
  judge: (estate, seen) =>
    inner(estate).flatMap(({ id, name }) => {
      const where = id === "host" ? "the host" : `guest ${id} (${name})`;
      const denial = { twins: twins(estate, id), permits: () => false, destination: where };
      return [
        denialCheck(estate, seen, {
          ...denial,
          title: `${where} answers nothing to wan`,
          seen: [seen.packets(pairSweep(estate, "wan", id).id)],
          expected: "no packet arrives",
        }),
        denialCheck(estate, seen, {
          ...denial,
          title: `${where} answers nothing to wan under a forged internal address`,
          seen: forged(estate, id).map((probe) => seen.packets(probe.id)),
          expected: "the gateway's reverse path filter drops each",
        }),
      ];
    }),
  notes: () => [
    "forged sources: the gateway's strict reverse path filter is assumed of the real gateway, not declared",
  ],
};

function handshake(estate: Estate, { external }: PublicName): TlsProbe {
  const { address } = guestOf(estate, "gateway");
  const id = `tls wan > ${address}:443 ${external}`;
  return { kind: "tls", id, from: "wan", address, port: 443, servername: external, roots: "public" };
}

function page(estate: Estate, { external }: PublicName): HttpProbe {
  const { address } = guestOf(estate, "gateway");
  const tls = { servername: external, roots: "public" as const };
  return {
    kind: "http",
    id: `https wan > ${external}`,
    from: "wan",
    address,
    port: 443,
    tls,
    host: external,
    path: "/",
  };
}

function plain(estate: Estate, { external }: PublicName): HttpProbe {
  const { address } = guestOf(estate, "gateway");
  return {
    kind: "http",
    id: `http wan > ${external}`,
    from: "wan",
    address,
    port: 80,
    host: external,
    path: "/a?b=c",
  };
}

const publicTls: Control = {
  id: "EDGE-003",
  probes: (estate) => [
    ...estate.publicNames.flatMap((name) => [
      handshake(estate, name),
      page(estate, name),
      plain(estate, name),
    ]),
    ...answerProbes(estate),
    ...browserProbes(estate),
  ],
  judge: (estate, seen) => [
    ...estate.publicNames.flatMap((name) => [
      tlsCheck(estate, seen, name),
      pageCheck(estate, seen, name),
      redirectCheck(estate, seen, name),
    ]),
    ...answerChecks(estate, seen),
    ...browserChecks(estate, seen),
  ],
};

function tlsCheck(estate: Estate, seen: Observations, name: PublicName): Check {
  const { id, facts, answer, outcome } = seen.service(handshake(estate, name).id);
  const names = Array.isArray(facts.names) ? facts.names : [];
  const good = facts.authorized === true && names.includes(name.external);
  return serviceCheck(outcome, good, {
    title: `${name.external} presents a valid public chain`,
    expected: `a chain to the public root that names ${name.external}`,
    observed: answer,
    reason: `${name.external} on 443: ${answer}`,
    declared: declaredAt(estate, name.position),
    evidence: [id],
  });
}

/** The request reaches the declared backend, and reaches it from Traefik. */
function pageCheck(estate: Estate, seen: Observations, name: PublicName): Check {
  const { id, facts, answer, outcome } = seen.service(page(estate, name).id);
  const route = estate.routes.find(({ hostname }) => hostname === name.internal);
  const mesh = guestOf(estate, "mesh").address;
  const good = facts.guest === route?.guestId && facts.canaryReturned === true && facts.peer === mesh;
  return serviceCheck(outcome, good, {
    title: `https://${name.external} reaches its service through Traefik`,
    expected: `the canary from guest ${route?.guestId ?? "none"}, asked by ${mesh}`,
    observed: `${answer}${facts.peer ? `, asked by ${String(facts.peer)}` : ""}`,
    reason: `https://${name.external}: ${answer} (declared at ${at(name.position)})${route ? closedTo(estate, route) : ""}`,
    declared: declaredAt(estate, name.position),
    evidence: [id],
  });
}

function redirectCheck(estate: Estate, seen: Observations, name: PublicName): Check {
  const { id, facts, answer, outcome } = seen.service(plain(estate, name).id);
  const location = `https://${name.external}/a?b=c`;
  return serviceCheck(outcome, facts.status === 301 && facts.location === location, {
    title: `http://${name.external} redirects to https`,
    expected: `301 to ${location}`,
    observed: answer,
    reason: `http://${name.external}: ${answer}`,
    declared: declaredAt(estate, name.position),
    evidence: [id],
  });
}

export const EDGE_CONTROLS: readonly Control[] = [onlyWeb, nothingElse, publicTls];
