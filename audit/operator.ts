import type { Estate } from "../policy/estate.ts";
import { filesOf, originalOf, SERVER_NAMES, type Server } from "../policy/operator/operator.ts";
import { operatorMistakes } from "../policy/operator/mistakes.ts";
import type { ServiceObservation } from "../probes/observation.ts";
import type { RecordProbe } from "../probes/probe.ts";
import type { Control, Observations } from "./control.ts";
import { at, declaredAt } from "./declared.ts";
import type { Check } from "./finding.ts";

/** The servers whose configuration a control speaks of, beside the Phoenix files. */
const SUBJECTS: Readonly<Record<string, readonly Server[]>> = {
  "EDGE-001": ["nginx"],
  "EDGE-003": ["nginx"],
  "EDGE-004": ["nginx"],
  "EDGE-005": ["nginx"],
  "EDGE-006": ["nginx", "traefik"],
  "RTE-001": ["traefik"],
  "RTE-002": ["traefik"],
  "RTE-003": ["traefik"],
  "RTE-004": ["traefik"],
  "RTE-005": ["traefik"],
  "PKI-001": ["traefik", "step-ca"],
  "PKI-002": ["nginx", "traefik", "step-ca"],
  "PKI-003": ["step-ca"],
  "PKI-004": ["step-ca"],
  "PKI-005": ["traefik", "step-ca"],
  "PKI-006": ["nginx", "traefik"],
};

function subjectsOf(id: string): readonly Server[] {
  return Object.hasOwn(SUBJECTS, id) ? (SUBJECTS[id] ?? []) : [];
}

const LONGEST_LIST = 3;

/** Whose configuration a control was proved for, a phrase a server: `phx's own template of Nginx`; none where it is of no server. */
export function provedFor(estate: Estate, id: string): string[] {
  return subjectsOf(id).map((server) => {
    const files = filesOf(estate, server).map(({ name }) => name);
    if (files.length === 0) return `phx's own template of ${SERVER_NAMES[server]}`;
    const more = files.length - LONGEST_LIST;
    return `the operator's own ${files.slice(0, LONGEST_LIST).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
  });
}

const FILES: RecordProbe = {
  kind: "record",
  id: "record operator-files",
  from: "phx",
  record: "operator-files",
};

/** The same control, which also asks whether the servers of which it speaks take the operator's own files. */
export function withOperator(control: Control): Control {
  const own = (estate: Estate) =>
    subjectsOf(control.id).filter((server) => filesOf(estate, server).length > 0);
  if (subjectsOf(control.id).length === 0) return control;
  return {
    ...control,
    probes: (estate) => [...(own(estate).length > 0 ? [FILES] : []), ...control.probes(estate)],
    judge: (estate, seen) => [
      ...own(estate).map((server) => takenCheck(estate, seen, server)),
      ...mistakeChecks(estate, control.id),
      ...control.judge(estate, seen),
    ],
  };
}

function mistakeChecks(estate: Estate, id: string): Check[] {
  return operatorMistakes(estate)
    .filter(({ control }) => control === id)
    .map(({ position, message, remedy }) => ({
      title: `${at(position)} ${position.pointer}`.trim(),
      result: "fail",
      expected: "files of the operator that ask for what the control does",
      observed: message,
      reason: `${message}. ${remedy}`,
      disagreement: "intent gap",
      declared: declaredAt(estate, position),
      evidence: [],
    }));
}

function takenCheck(estate: Estate, seen: Observations, server: Server): Check {
  const { id, facts } = seen.service(FILES.id);
  const wordsOf = (fact: string) => linesOf(facts, fact).filter((line) => line.startsWith(`${server} `));
  const words = [...wordsOf("refused"), ...wordsOf("passedOver")].map((line) =>
    line.slice(server.length + 1),
  );
  const name = SERVER_NAMES[server];
  const files = filesOf(estate, server).map((file) => file.name);
  const common = {
    title: `${name} takes the operator's own files`,
    expected: `${name} runs on ${files.join(", ")}`,
    evidence: [id],
  };
  if (words.length === 0) return { ...common, result: "pass", observed: "as expected" };
  const said = words.join("; ");
  const place =
    placeIn(estate, said) ?? (wordsOf("refused").length > 0 ? mainFile(estate, server) : undefined);
  const declared = place && declaredAt(estate, place);
  const where = declared ? `${at(declared)}: ` : "";
  const lacks = /No such file or directory|no such file or directory/.test(said);
  return {
    ...common,
    // What the guest has and the checkout does not carry is no mistake of the files.
    result: lacks ? "inconclusive" : "fail",
    observed: said,
    reason: lacks
      ? `${where}${name} lacks a file that the checkout does not carry: ${said}`
      : `${where}${name} refuses the operator's own files: ${said}`,
    disagreement: "intent gap",
    ...(declared && { declared }),
  };
}

function linesOf(facts: ServiceObservation["facts"], fact: string): readonly string[] {
  const lines = facts[fact];
  return Array.isArray(lines) ? lines : [];
}

/** The file that a server starts from, where its words name none. */
function mainFile(estate: Estate, server: Server) {
  const own = filesOf(estate, server).find(({ path }) => MAIN_FILE.test(path));
  return own && { file: own.name, line: 1, column: 1, pointer: "" };
}

const MAIN_FILE = /\/(?:nginx\.conf|traefik\.ya?ml|ca\.json)$/;

/** `... in /etc/nginx/sites-enabled/gateway:12` as the operator's own file and its line. */
function placeIn(estate: Estate, words: string) {
  const [, path = "", line = "1"] =
    /(\/etc\/(?:nginx|traefik|step-ca)\/[^\s:"]+)(?::(\d+))?/.exec(words) ?? [];
  const file = originalOf(estate, path);
  return file === undefined ? undefined : { file, line: Number(line), column: 1, pointer: "" };
}
