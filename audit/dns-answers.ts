import { DnsReply } from "../probes/dns-reply.ts";
import type { ServiceObservation } from "../probes/observation.ts";

/** One question's reply. */
export type Answer = Omit<DnsReply, "asked" | "micros"> & { readonly micros: number };

/** The replies of a batch of questions, by question. */
export class Answers {
  readonly observation: ServiceObservation;
  readonly #byId = new Map<string, Answer>();

  constructor(observation: ServiceObservation) {
    this.observation = observation;
    const lines = observation.facts["replies"];
    for (const line of Array.isArray(lines) ? lines : []) {
      const { asked, micros, ...said } = DnsReply.parse(JSON.parse(line));
      for (const [at, id] of asked.entries()) this.#byId.set(id, { ...said, micros: micros[at] ?? 0 });
    }
  }

  /** A TypeError where that was not asked: a defect of the runner. */
  of(id: string): Answer {
    const found = this.#byId.get(id);
    if (!found) throw new TypeError(`no question ${id} in ${this.observation.id}`);
    return found;
  }

  all(): [string, Answer][] {
    return [...this.#byId];
  }
}

/** A reply in one line. */
export function inWords({ outcome, reason, rcode, answers }: Answer): string {
  if (outcome !== "answered") return `${outcome}: ${reason ?? ""}`;
  return answers.length ? `${rcode}: ${answers.join("; ")}` : `${rcode}, no answer record`;
}

/** A record's line without its TTL, its name in lower case: `NAME TYPE VALUE`. */
export function withoutTtl(line: string): string {
  const [name = "", , ...rest] = line.split(" ");
  return [name.toLowerCase(), ...rest].join(" ");
}

export function ttlOf(line: string): number {
  return Number(line.split(" ")[1]);
}
