import type { TrialProbe } from "../../probes/probe.ts";
import { serviceCheck } from "../check.ts";
import type { Control, Observations } from "../control.ts";
import type { Check } from "../finding.ts";

const TRIAL: TrialProbe = { kind: "trial", id: "trial change", from: "phx", trial: "change" };

/** The lab is changed to more and back: what is live can be held to each declaration, and what went can be looked for. */
const bothWays: Control = {
  id: "CFG-002",
  disturbs: true,
  probes: () => [TRIAL],
  judge: (_estate, seen) => [
    ...(["before", "added", "changed", "removed"] as const).map((stage) => equalCheck(seen, stage)),
    ...(["added", "changed", "removed"] as const).map((stage) => touchCheck(seen, stage)),
    ...KINDS.map((kind) => cameCheck(seen, kind)),
    leftCheck(seen),
  ],
};

const STAGE = {
  before: "the declaration",
  added: "one with a guest, rule, route, record and name more",
  changed: "one where these are otherwise",
  removed: "the declaration, once these are removed",
} as const;

/** Each must have come, or its absence at the end says nothing. */
const KINDS = [
  "namespace",
  "device",
  "listener",
  "rule",
  "record",
  "router",
  "certificate",
  "edge",
  "policy",
] as const;

function factsOf(seen: Observations) {
  const { id, facts, answer, outcome } = seen.service(TRIAL.id);
  const lines = (fact: string) => (Array.isArray(facts[fact]) ? facts[fact] : undefined);
  return { id, lines, outcome, answer, notReady: facts["notReady"] };
}

/** `bad`: undefined where it could not be told. */
function check(
  seen: Observations,
  bad: readonly string[] | undefined,
  { title, expected, words }: { readonly title: string; readonly expected: string; readonly words: string },
): Check {
  const { id, outcome, answer, notReady } = factsOf(seen);
  const told = bad ?? (notReady === undefined ? undefined : [String(notReady)]);
  return serviceCheck(told ? outcome : "unknown", told?.length === 0, {
    title,
    expected,
    observed: told?.length ? told.join("; ") : answer,
    reason: told ? `${words}: ${told.join("; ")}` : `it could not be told: ${answer}`,
    evidence: [id],
  });
}

function equalCheck(seen: Observations, stage: keyof typeof STAGE): Check {
  return check(seen, factsOf(seen).lines(`${stage} unequal`), {
    title: `rules, names, routes and certificates found live equal ${STAGE[stage]}`,
    expected: "equal both ways",
    words: `what is live is not ${STAGE[stage]}`,
  });
}

/** Traefik never forgets a certificate while it runs, so that a name that goes takes another process of it. */
const MAY_RESTART = { added: [], changed: [], removed: ["traefik"] } as const;

function touchCheck(seen: Observations, stage: keyof typeof MAY_RESTART): Check {
  const { lines } = factsOf(seen);
  const restarted = lines(`${stage} restarted`)?.filter(
    (line) => !MAY_RESTART[stage].some((service) => line.startsWith(`${service} `)),
  );
  const serials = lines(`${stage} serials`);
  const bad = restarted &&
    serials && [...restarted.map((line) => `${line.split(" ")[0]} is another process`), ...serials];
  return check(seen, bad, {
    title: `a converge to ${STAGE[stage]} starts no server anew and leaves every other certificate`,
    expected: `no other process${stage === "removed" ? " but Traefik's" : ""}, no other serial`,
    words: "the converge also changed what was declared the same",
  });
}

function cameCheck(seen: Observations, kind: (typeof KINDS)[number]): Check {
  const came = factsOf(seen).lines("came");
  const missing = came && (came.some((line) => line.startsWith(`${kind} `)) ? [] : [`no ${kind} came`]);
  return check(seen, missing, {
    title: `what is added shows live: ${kind}`,
    expected: "a live line more",
    words: "what was added is not live",
  });
}

function leftCheck(seen: Observations): Check {
  return check(seen, factsOf(seen).lines("left"), {
    title: "what is removed from the files is gone live, and all else is as it was",
    expected: "the same live lines as before it came",
    words: "after the removal",
  });
}

const WINDOW: TrialProbe = { kind: "trial", id: "trial window", from: "phx", trial: "window" };

const PHASES = {
  create: "a lab is made from nothing",
  change: "it converges to more",
  "change back": "it converges back",
  reload: "its rules are loaded anew",
  rebuild: "its node is built anew",
} as const;

const noWindow: Control = {
  id: "CFG-004",
  disturbs: true,
  sampled: (_estate, seen) =>
    `${seen.service(WINDOW.id).answer}, from wan, lan and one guest, at the ports that rules name and the usual mistakes`,
  probes: () => [WINDOW],
  judge: (_estate, seen) =>
    (Object.keys(PHASES) as (keyof typeof PHASES)[]).map((phase) => windowCheck(seen, phase)),
};

/** The prober has to have had a way: packets that left, and declared ones that arrived, there and afterwards. */
function windowCheck(seen: Observations, phase: keyof typeof PHASES): Check {
  const { id, facts, answer, outcome } = seen.service(WINDOW.id);
  const count = (fact: string) => Number(facts[`${phase} ${fact}`] ?? 0);
  const { [`${phase} open`]: open = [] } = facts;
  const found = [open].flat().map(String);
  const isTold = count("sent") > 0 && count("twins") > 0 && count("twins after") > 0;
  const figures = `${count("sent")} undeclared packets in ${count("rounds")} rounds, at most ${count("gap")} ms apart; ${count("twins")} declared ones arrived`;
  return serviceCheck(found.length > 0 || isTold ? outcome : "unknown", isTold && found.length === 0, {
    title: `while ${PHASES[phase]} no undeclared port opens`,
    expected: "no undeclared packet arrives, declared ones do",
    observed: found.length > 0 ? found.join(", ") : figures,
    reason:
      found.length > 0
        ? `while ${PHASES[phase]}, ${found.length} undeclared flows reached their destination: ${found.slice(0, 8).join(", ")}`
        : `the prober had no way there: ${figures || answer}`,
    evidence: [id],
  });
}

export const CHANGE_CONTROLS: readonly Control[] = [bothWays, noWindow];
