import type { Estate } from "../../policy/estate.ts";
import type { RecordProbe, TrialProbe } from "../../probes/probe.ts";
import type { Control, Observations } from "../control.ts";
import { at, declaredAt } from "../declared.ts";
import type { Check } from "../finding.ts";
import { serviceCheck } from "../check.ts";

const filesValid: Control = {
  id: "CFG-001",
  probes: () => [],
  judge: (estate) => {
    const notes = estate.notes.filter(({ control }) => control === "CFG-001");
    return notes.length
      ? notes.map((note) => noteCheck(estate, note))
      : estate.files.map(({ name }) => validCheck(name));
  },
};

function noteCheck(estate: Estate, { message, position, remedy }: Estate["notes"][number]): Check {
  return {
    title: `${at(position)} ${position.pointer}`,
    result: "fail",
    expected: "files that are valid and agree",
    observed: message,
    reason: `${message}. ${remedy}`,
    disagreement: "intent gap",
    declared: declaredAt(estate, position),
    evidence: [],
  };
}

function validCheck(name: string): Check {
  const expected = "valid, no duplicate or unknown key, references that exist";
  return { title: name, result: "pass", expected, observed: "as expected", evidence: [] };
}

const AGAIN: RecordProbe = {
  kind: "record",
  id: "record second-converge",
  from: "phx",
  record: "second-converge",
};

const idempotent: Control = {
  id: "CFG-003",
  disturbs: true,
  sampled: () => "packets are not sent a second time: the live rules are compared line by line",
  probes: () => [AGAIN, ...RESTARTS.map(restartOf)],
  judge: (estate, seen) => [
    ...unchanged(seen),
    ...RESTARTS.map((each) => restartCheck(seen, each, isRouted(estate))),
  ],
};

function unchanged(seen: Observations): Check[] {
  const { id, facts, answer, outcome } = seen.service(AGAIN.id);
  const aspects = [
    ["steps", "the second plan is empty"],
    ["rules", "the live rules stay the same"],
    ["files", "the rendered files stay the same"],
    ["processes", "no server is started anew"],
    ["certificates", "the certificates keep their serials"],
    ["results", "every control of the servers has the results that it had"],
  ] as const;
  return aspects.map(([aspect, title]) => {
    const changed = Array.isArray(facts[aspect]) ? facts[aspect] : undefined;
    return serviceCheck(changed ? outcome : "unknown", changed?.length === 0, {
      title,
      expected: "no change",
      observed: changed ? (changed.length ? changed.join(", ") : "no change") : answer,
      reason: changed
        ? `a second converge of the same files changes ${changed.join(", ")}`
        : `it could not be told: ${answer}`,
      evidence: [id],
    });
  });
}

interface Restart {
  readonly service: string;
  /** While it is away no request fails: it is asked at other times. */
  readonly isAside?: true;
  readonly without?: string;
}

/** The last one also holds what Traefik does at its start while Step-CA is down: it serves what it has. */
const RESTARTS: readonly Restart[] = [
  { service: "dns", isAside: true },
  { service: "public-dns", isAside: true },
  { service: "step-ca", isAside: true },
  { service: "nginx" },
  { service: "traefik" },
  { service: "backends" },
  { service: "traefik", without: "step-ca" },
];

function restartOf({ service, without }: Restart): TrialProbe {
  const id = `trial restart ${service}${without === undefined ? "" : ` without ${without}`}`;
  const common = { kind: "trial", id, from: "phx", trial: "restart", service } as const;
  return without === undefined ? common : { ...common, without };
}

/** Whether there is a public name that a request can be sent to. */
function isRouted({ publicNames, routes }: Estate): boolean {
  return publicNames.some(({ internal }) => routes.some(({ hostname }) => hostname === internal));
}

function restartCheck(seen: Observations, restart: Restart, sends: boolean): Check {
  const { id, facts, answer, outcome } = seen.service(restartOf(restart).id);
  const { service, isAside, without } = restart;
  const lines = (fact: string) => (Array.isArray(facts[fact]) ? facts[fact] : undefined);
  const started = [service, without].map((name) => `replace service ${name}`);
  const others = lines("steps")?.filter((step) => !started.includes(step)) ?? [];
  const wrong = [
    ...(facts["notReady"] ? [notReady(String(facts["notReady"]), lines("stands") ?? [])] : []),
    ...others.map((step) => `the converge also did: ${step}`),
    ...(lines("serials") ?? []).map((line) => `certificate ${line}`),
    ...(lines("failedAfter") ?? []).map((line) => `once it was back ${line}`),
    ...(isAside ? (lines("failed") ?? []).map((line) => `while it was away ${line}`) : []),
  ];
  const isTold =
    wrong.length > 0 || (lines("serials") !== undefined && (!sends || Number(facts["askedAfter"]) > 0));
  const away = without === undefined ? "" : ` while ${without} is down`;
  return serviceCheck(isTold ? outcome : "unknown", isTold && wrong.length === 0, {
    title: `${service} ended and started anew${away}: the network is as before`,
    expected: `nothing else started, no certificate changed, no request failed ${isAside ? "at all" : "once it was back"}`,
    observed: answer,
    reason: wrong.length
      ? `after a restart of ${service}${away}: ${wrong.join("; ")}`
      : `it could not be told: ${answer}`,
    evidence: [id],
  });
}

/** The server's own words, and the CA's of what was ordered: Traefik's log is silent on an order that waits. */
function notReady(words: string, stands: readonly string[]): string {
  return `${words}; Step-CA's record: ${stands.join("; ") || "no order"}`;
}

export const CONFIGURATION_CONTROLS: readonly Control[] = [filesValid, idempotent];
