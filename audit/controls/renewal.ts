import type { Estate, Route } from "../../policy/estate.ts";
import type { TrialProbe } from "../../probes/probe.ts";
import { serviceCheck } from "../check.ts";
import type { Control, Observations } from "../control.ts";
import { declaredAt } from "../declared.ts";
import type { Check } from "../finding.ts";
import { type Endpoint, endpoints } from "./pki.ts";

const HOUR_SECONDS = 3600;
/** Step-CA's longest, and the minute by which it dates back. */
const LONGEST_SECONDS = 24 * HOUR_SECONDS + 60;
/** Traefik renews what it orders for 24 hours 6 hours before its end. */
const RENEWED_BEFORE_SECONDS = 6 * HOUR_SECONDS;
/** It looks every 10 minutes: twice that. */
const MARGIN_SECONDS = 20 * 60;

const TRIAL: TrialProbe = { kind: "trial", id: "trial renewal", from: "phx", trial: "renewal" };

const renewed: Control = {
  id: "PKI-005",
  disturbs: true,
  waits: "Traefik's renewals, which it looks for once a minute",
  probes: (estate) => [
    ...endpoints(estate).map(({ probe }) => probe),
    ...(estate.routes.length ? [TRIAL] : []),
  ],
  judge: (estate, seen) => [
    ...endpoints(estate).map((endpoint) => lifetimeCheck(seen, endpoint)),
    ...estate.routes.map((route) => renewalCheck(estate, seen, route)),
    ...(estate.routes.length ? [flowCheck(seen)] : []),
  ],
};

function lifetimeCheck(seen: Observations, { title, probe }: Endpoint): Check {
  const { id, facts, answer, outcome } = seen.service(probe.id);
  const [lifetime, remaining] = [Number(facts["lifetimeSeconds"]), Number(facts["remainingSeconds"])];
  const isShown = Number.isFinite(lifetime) && Number.isFinite(remaining);
  const least = RENEWED_BEFORE_SECONDS - MARGIN_SECONDS;
  const figures = isShown ? `${inHours(lifetime)} long, ${inHours(remaining)} left` : answer;
  return serviceCheck(outcome, isShown && lifetime <= LONGEST_SECONDS && remaining >= least, {
    title: `${title} shows a leaf of policy's lifetime that is not past its renewal`,
    expected: `at most ${inHours(LONGEST_SECONDS)} long, at least ${inHours(least)} left`,
    observed: figures,
    reason: `${title}: ${figures}; Step-CA's longest are 24 h and a minute, and 6 h before the end it is to be renewed`,
    evidence: [id],
  });
}

function inHours(seconds: number): string {
  return `${Math.floor(seconds / HOUR_SECONDS)} h ${Math.floor((seconds % HOUR_SECONDS) / 60)} min`;
}

/** The new serial is on the wire for good, and the CA's record says how it came. */
function renewalCheck(estate: Estate, seen: Observations, route: Route): Check {
  const { id, facts, answer, outcome } = seen.service(TRIAL.id);
  const { hostname } = route;
  const lines = (fact: string) => (Array.isArray(facts[fact]) ? facts[fact] : []);
  const [, old, fresh = ""] =
    lines("renewed")
      .find((line) => line.startsWith(`${hostname} `))
      ?.split(" ") ?? [];
  const kept = lines("kept").find((line) => line.startsWith(`${hostname}: `));
  const order = `${hostname} ${estate.ca.provisioner} tls-alpn-01`;
  const isOrdered = lines("issued").includes(`${fresh.replace(/^0+/, "")} ${order}`);
  const hasRelapsed = lines("relapsed").includes(hostname);
  const reason = kept
    ? `Traefik did not renew it: ${kept}`
    : !old
      ? `it could not be told: ${answer}`
      : hasRelapsed
        ? `Traefik showed serial ${old} again after ${fresh}`
        : `serial ${fresh} is not in the CA's record as ${order}`;
  return serviceCheck(outcome, fresh !== "" && isOrdered && !hasRelapsed, {
    title: `the certificate for ${hostname} is renewed by tls-alpn-01, and the old one is shown no more`,
    expected: "another serial, from an order in the CA's record",
    observed: old ? `serial ${old}, then ${fresh}` : (kept ?? answer),
    reason,
    declared: declaredAt(estate, route.position),
    evidence: [id],
  });
}

function flowCheck(seen: Observations): Check {
  const { id, facts, answer, outcome } = seen.service(TRIAL.id);
  const asked = Number(facts["asked"] ?? 0) + Number(facts["handshakes"] ?? 0);
  const failed = ["failed", "unverified"].flatMap((fact) => (Array.isArray(facts[fact]) ? facts[fact] : []));
  return serviceCheck(asked > 0 ? outcome : "unknown", asked > 0 && failed.length === 0, {
    title: "no request and no handshake fails while certificates are renewed",
    expected: "each answered by the declared backend, each certificate verified",
    observed: answer,
    reason: failed.length
      ? `while certificates were renewed: ${failed.join("; ")}`
      : `it could not be told: ${answer}`,
    evidence: [id],
  });
}

export const RENEWAL_CONTROLS: readonly Control[] = [renewed];
