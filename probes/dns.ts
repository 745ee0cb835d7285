import * as dnsPacket from "dns-packet";
import type { Lab } from "../lab/lab.ts";
import { type Asked, exchangeDns } from "./dns-exchange.ts";
import { decodeReply, type Said, unsaid, valueWords } from "./dns-message.ts";
import type { DnsReply } from "./dns-reply.ts";
import type { ServiceObservation } from "./observation.ts";
import type { DnsProbe, QuestionsProbe } from "./probe.ts";

/** One question by UDP or TCP (RFC 1035 section 4.2), recursion desired; the whole answer, every section, as facts. */
export async function observeDns(lab: Lab, probe: DnsProbe): Promise<ServiceObservation> {
  const { id, from, server, transport, name, type } = probe;
  const common = {
    kind: "dns",
    id,
    from,
    to: `${server}:53`,
    request: `${type} ${name} over ${transport}`,
  } as const;
  const [asked] = await exchangeDns({ lab, from, server }, [{ id, transport, name, type }]);
  const reply = asked?.reply ?? "not asked";
  if (typeof reply === "string") return { ...common, outcome: "silent", answer: reply, facts: {} };
  try {
    const facts = factsOf(dnsPacket.decode(reply));
    return { ...common, outcome: "answered", answer: inWords(facts), facts };
  } catch (error) {
    return { ...common, outcome: "unknown", answer: "undecodable", reason: String(error), facts: {} };
  }
}

function factsOf(packet: dnsPacket.DecodedPacket) {
  const { answers = [], authorities = [], additionals = [] } = packet;
  return {
    rcode: (packet as { rcode?: string }).rcode ?? "NOERROR",
    authoritative: packet.flag_aa,
    recursionAvailable: packet.flag_ra,
    answers: answers.map(line),
    authority: authorities.map(line),
    additional: additionals.map(line),
  };
}

function line(answer: dnsPacket.Answer): string {
  const value = "data" in answer ? answer.data : "";
  return `${answer.name} ${answer.type} ${valueWords(value, answer.type)}`.trim();
}

function inWords({ rcode, answers }: ReturnType<typeof factsOf>): string {
  return `${rcode}${answers.length ? `: ${answers.join("; ")}` : ", no answer record"}`;
}

/**
 * Many questions at once; facts `replies`, a `DnsReply` in JSON for each kind of reply, with the ids of all questions that
 * had it. Silent where none was answered.
 */
export async function observeQuestions(lab: Lab, probe: QuestionsProbe): Promise<ServiceObservation> {
  const { id, from, server, questions } = probe;
  const replies = repliesTo(await exchangeDns({ lab, from, server }, questions));
  return {
    kind: "dns",
    id,
    from,
    to: `${server}:53`,
    request: `${questions.length} questions`,
    outcome: replies.some(({ outcome }) => outcome === "answered") ? "answered" : "silent",
    answer: counted(replies),
    facts: { replies: replies.map((reply) => JSON.stringify(reply)) },
  };
}

/** Equal replies as one, in the order of the first question of each. */
export function repliesTo(all: readonly Asked[]): DnsReply[] {
  const groups = new Map<string, { said: Said; of: Asked[] }>();
  for (const asked of all) {
    const { reply = "not asked", message } = asked;
    const said = typeof reply === "string" ? unsaid("silent", reply) : decodeReply(reply, message);
    const key = JSON.stringify(said);
    const group = groups.get(key) ?? { said, of: [] };
    group.of.push(asked);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ said, of }) => ({
    asked: of.map(({ question }) => question.id),
    micros: of.map(({ micros }) => micros),
    ...said,
  }));
}

function counted(replies: readonly DnsReply[]): string {
  const counts = new Map<string, number>();
  for (const { outcome, rcode, asked } of replies) {
    const word = outcome === "answered" ? rcode : outcome;
    counts.set(word, (counts.get(word) ?? 0) + asked.length);
  }
  return [...counts].map(([word, count]) => `${count} ${word}`).join(", ");
}
