import { readLabFile } from "../lab/files.ts";
import type { ProbeContext } from "./context.ts";
import type { ServiceObservation } from "./observation.ts";
import type { RecordProbe } from "./probe.ts";

const LONGEST = 600;
/** What Nginx and Step-CA end with, and what Traefik says of a file while it runs on without it. */
const FATAL = /\[emerg\]|\[alert\]|"level":"(?:error|fatal)"|\berror\b|\bERR\b|\bFTL\b/;
const COLOUR = new RegExp(`${String.fromCharCode(27)}\\[\\d*m`, "g");
const DYNAMIC = /collecting file configs|building configuration/;

/**
 * What the servers say of the operator's own files: facts `refused`, a line `SERVER WORDS` for each that would not start on
 * them, and `passedOver`, a line `SERVER WORDS` for each file that one runs on without.
 */
export function operatorFiles(
  { lab, operatorLogs = [] }: ProbeContext,
  { id, from }: RecordProbe,
): ServiceObservation {
  const refused = operatorLogs.flatMap(({ server, refusal }) => {
    const words = readLabFile(lab, refusal);
    return words === undefined ? [] : [`${server} ${inShort(words)}`];
  });
  const passedOver = operatorLogs.flatMap(({ server, log, refusal }) => {
    if (readLabFile(lab, refusal) !== undefined) return [];
    const lines = (readLabFile(lab, log) ?? "").split("\n").filter((line) => DYNAMIC.test(line));
    return [...new Set(lines.map((line) => `${server} ${plain(line)}`))].slice(0, 5);
  });
  const count = refused.length + passedOver.length;
  return {
    kind: "record",
    id,
    from,
    to: operatorLogs.map(({ log }) => log).join(", "),
    request: "what the servers say of the operator's own files",
    outcome: "answered",
    answer: count === 0 ? "each takes them" : [...refused, ...passedOver].join("; "),
    facts: { refused, passedOver },
  };
}

function inShort(words: string): string {
  const lines = words.split("\n").filter((line) => line.trim() !== "");
  const fatal = lines.filter((line) => FATAL.test(line));
  const told = (fatal.length > 0 ? fatal : lines).map(plain);
  return [...new Set(told)].slice(-3).join("; ").slice(0, LONGEST);
}

/** A line of Traefik's JSON log in its own words; of its other log without colours and time. */
function plain(line: string): string {
  try {
    const { error, message } = JSON.parse(line) as { error?: string; message?: string };
    return [message, error].filter(Boolean).join(": ");
  } catch {
    return line
      .replaceAll(COLOUR, "")
      .replace(/^\S+T\S+Z? /, "")
      .slice(0, LONGEST);
  }
}
