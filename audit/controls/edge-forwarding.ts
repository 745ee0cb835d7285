import { type Estate, guestOf, type PublicName } from "../../policy/estate.ts";
import type { ForwardingProbe, ReceiptsProbe, RecordProbe } from "../../probes/probe.ts";
import { serviceCheck } from "../check.ts";
import type { Control, Observations } from "../control.ts";
import { declaredAt } from "../declared.ts";
import type { Check } from "../finding.ts";
import { declaredRequest, get, listOf, toEdge } from "../raw-request.ts";

const TARGETS: RecordProbe = {
  kind: "record",
  id: "record proxy-targets",
  from: "gateway",
  record: "proxy-targets",
};

function forwarding(estate: Estate): ForwardingProbe {
  const { id: at, address: source } = guestOf(estate, "gateway");
  const requests = estate.publicNames.flatMap((name) => [
    declaredRequest(estate, name),
    toEdge(estate, `GET http://${name.external}/`, get(name.external), "plain"),
  ]);
  return { kind: "forwarding", id: `connections of ${at}`, from: "wan", at, source, requests };
}

function receipts(estate: Estate): ReceiptsProbe {
  const of = estate.publicNames.map((name) => declaredRequest(estate, name).id);
  return { kind: "receipts", id: "receipts of requests through Nginx", from: "host", of };
}

function traefik(estate: Estate): string {
  return `${guestOf(estate, "mesh").address}:443`;
}

const toTraefikAlone: Control = {
  id: "EDGE-005",
  probes: (estate) => [
    TARGETS,
    forwarding(estate),
    ...estate.publicNames.map((name) => declaredRequest(estate, name)),
    receipts(estate),
  ],
  judge: (estate, seen) => [
    targetsCheck(estate, seen),
    connectionsCheck(estate, seen),
    ...estate.publicNames.map((name) => arrivalCheck(estate, seen, name)),
  ],
};

function targetsCheck(estate: Estate, seen: Observations): Check {
  const observation = seen.service(TARGETS.id);
  const targets = listOf(observation, "targets");
  const wrong = targets.filter((line) => line.split(" > ")[1] !== traefik(estate));
  const good = observation.outcome === "answered" && wrong.length === 0;
  return serviceCheck(observation.outcome, good, {
    title: "every target that Nginx's files name is Traefik",
    expected: `each > ${traefik(estate)}`,
    observed: targets.join("; ") || observation.answer,
    reason: observation.reason ?? `Nginx passes requests to what is not Traefik: ${wrong.join("; ")}`,
    evidence: [observation.id],
  });
}

/** Every connection that left Nginx's guest while requests came in; without one to Traefik nothing was shown. */
function connectionsCheck(estate: Estate, seen: Observations): Check {
  const { id, outcome, answer, facts, reason } = seen.service(forwarding(estate).id);
  const opened = Array.isArray(facts["connections"]) ? facts["connections"] : [];
  const own = opened.filter((line) => line.startsWith(`${traefik(estate)}/tcp `));
  const others = opened.filter((line) => !own.includes(line));
  const count = Number(own[0]?.split(" ")[1] ?? 0);
  const common = {
    title: "Nginx opens connections to Traefik alone",
    expected: `${estate.publicNames.length} to ${traefik(estate)}, no other`,
    observed: answer,
    evidence: [id],
    proofs: {
      stimulus: `${forwarding(estate).requests.length} requests were answered: ${listOf(seen.service(id), "answers").join("; ")}`,
      ...(others.length === 0 ? { silence: "no other SYN or datagram passed the guest's device" } : {}),
      ...(count ? { twin: `${count} SYN to ${traefik(estate)}` } : {}),
    },
  };
  if (others.length)
    return {
      ...common,
      result: "fail",
      reason: `Nginx connects to ${others.join(", ")}`,
      disagreement: "converge fault",
    };
  if (outcome === "answered" && count >= estate.publicNames.length) return { ...common, result: "pass" };
  return {
    ...common,
    result: "inconclusive",
    reason:
      reason ?? `no positive twin: of ${estate.publicNames.length} requests ${count} went on to Traefik`,
  };
}

/** Traefik adds the address that it was asked from; the backend is asked by Traefik. */
function arrivalCheck(estate: Estate, seen: Observations, name: PublicName): Check {
  const { id, answer, facts } = seen.service(declaredRequest(estate, name).id);
  const gateway = guestOf(estate, "gateway").address;
  const mesh = guestOf(estate, "mesh").address;
  const arrived = seen.service(receipts(estate).id);
  const at = listOf(arrived, id);
  const field =
    listOf(seen.service(id), "received").find((line) => line.startsWith("x-forwarded-for: ")) ?? "";
  const asker = field.split(/[:,] /).at(-1) ?? "";
  const foreign = at.filter((line) => !line.includes(` from ${mesh}: `));
  const common = {
    title: `a request for ${name.external} reaches Traefik from Nginx, and its backend from Traefik`,
    expected: `Traefik is asked by ${gateway}, the backend by ${mesh}`,
    observed: at.length ? `${at.join("; ")}; ${field || "no X-Forwarded-For"}` : answer,
    declared: declaredAt(estate, name.position),
    evidence: [id, arrived.id],
  };
  if (foreign.length || (at.length && asker !== gateway)) {
    const reason = foreign.length
      ? `the backend was not asked by Traefik: ${foreign.join("; ")}`
      : `Traefik was asked by ${asker || "nobody it names"}, not by Nginx`;
    return { ...common, result: "fail", reason, disagreement: "converge fault" };
  }
  if (at.length && facts["canaryReturned"] === true) return { ...common, result: "pass" };
  return { ...common, result: "inconclusive", reason: `no request for ${name.external} arrived: ${answer}` };
}

export const EDGE_FORWARDING_CONTROLS: readonly Control[] = [toTraefikAlone];
