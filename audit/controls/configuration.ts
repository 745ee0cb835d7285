import type { Estate } from "../../policy/estate.ts";
import type { RecordProbe } from "../../probes/probe.ts";
import type { Control } from "../control.ts";
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
  converges: true,
  sampled: () =>
    "plan, rules, files, processes and certificate serials; the probes are not run a second time",
  probes: () => [AGAIN],
  judge: (_estate, seen) => {
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
  },
};

export const CONFIGURATION_CONTROLS: readonly Control[] = [filesValid, idempotent];
