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
  sampled: () =>
    "plan, rules, files, processes, certificate serials and the requests through the edge; the other probes are not run a second time",
  probes: () => [AGAIN, ...RESTARTS],
  judge: (_estate, seen) => [...unchanged(seen), ...RESTARTS.map((probe) => restartCheck(seen, probe))],
};

function unchanged(seen: Observations): Check[] {
  const { id, facts, answer, outcome } = seen.service(AGAIN.id);
  const aspects = [
    ["steps", "the second plan is empty"],
    ["rules", "the live rules stay the same"],
    ["files", "the rendered files stay the same"],
    ["processes", "no server is started anew"],
    ["certificates", "the certificates keep their serials"],
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

/** Servers, and whether the network answers while one of them is away: none but they is then started anew. */
const SERVERS = [
  ["dns", true],
  ["public-dns", true],
  ["step-ca", true],
  ["nginx", false],
  ["traefik", false],
  ["backends", false],
] as const;

const RESTARTS = SERVERS.map(
  ([service]): TrialProbe => ({
    kind: "trial",
    id: `trial restart ${service}`,
    from: "phx",
    trial: "restart",
    service,
  }),
);

function restartCheck(seen: Observations, { id, ...probe }: TrialProbe): Check {
  const { facts, answer, outcome } = seen.service(id);
  const [service, isAside] = SERVERS.find(
    ([name]) => probe.trial === "restart" && name === probe.service,
  ) ?? ["", false];
  const lines = (fact: string) => (Array.isArray(facts[fact]) ? facts[fact] : undefined);
  const others = lines("steps")?.filter((step) => step !== `replace service ${service}`) ?? [];
  const wrong = [
    ...others.map((step) => `the converge also did: ${step}`),
    ...(lines("serials") ?? []).map((line) => `certificate ${line}`),
    ...(lines("failedAfter") ?? []).map((line) => `once it was back ${line}`),
    ...(isAside ? (lines("failed") ?? []).map((line) => `while it was away ${line}`) : []),
  ];
  const isTold = lines("serials") !== undefined && Number(facts.askedAfter) > 0;
  return serviceCheck(isTold ? outcome : "unknown", isTold && wrong.length === 0, {
    title: `${service} ended and started anew: the network is as before`,
    expected: `that server alone started, no certificate changed, no request failed ${isAside ? "at all" : "once it was back"}`,
    observed: answer,
    reason: wrong.length
      ? `after a restart of ${service}: ${wrong.join("; ")}`
      : `it could not be told: ${answer}`,
    evidence: [id],
  });
}

export const CONFIGURATION_CONTROLS: readonly Control[] = [filesValid, idempotent];
