import type { Position } from "../policy/estate.ts";
import type { DnsQuestion } from "../probes/probe.ts";
import { type Answer, inWords, ttlOf, withoutTtl } from "./dns-answers.ts";

/** A question with the whole answer that the declaration gives. */
export interface Asked {
  readonly question: DnsQuestion;
  readonly rcode: "NOERROR" | "NXDOMAIN";
  /** Lines `NAME TYPE VALUE`, sorted; undefined: exactly one record of the asked type at the zone's apex, whatever it says. */
  readonly answers: readonly string[] | undefined;
  readonly zone: string;
  readonly position?: Position | undefined;
}

/** Bounds of a TTL: none is so short that nobody may cache, none so long that a change takes more than an hour. */
const TTL_SECONDS = { least: 30, most: 3_600 } as const;

/** What is wrong with a reply from the zone's own server, each with the section that asks for it. */
export function faults({ question, rcode, answers, zone }: Asked, reply: Answer): string[] {
  if (reply.outcome !== "answered") return [inWords(reply)];
  const given = reply.answers.map(withoutTtl).toSorted();
  const expected =
    answers ?? given.filter((line) => line.startsWith(`${zone} ${question.type} `)).slice(0, 1);
  const isRight = reply.rcode === rcode && given.join("\n") === expected.join("\n");
  if (!isRight || (answers === undefined && given.length !== 1)) return [inWords(reply)];
  const ttls = reply.answers.map(ttlOf);
  const [soa, ...more] = reply.authority.map(withoutTtl);
  const isNegative = reply.answers.length === 0;
  const rows: readonly [boolean, string][] = [
    [!reply.flags.includes("qr"), "it is no response (RFC 1035 section 4.1.1)"],
    [!reply.flags.includes("aa"), "it is not authoritative (RFC 1035 section 4.1.1)"],
    [reply.flags.includes("tc"), "it is truncated, though it fits (RFC 2181 section 9)"],
    [reply.flags.includes("z"), "the reserved bit is set (RFC 1035 section 4.1.1)"],
    [reply.flags.includes("ad"), "it claims authentic data of an unsigned zone (RFC 4035 section 3.2.3)"],
    [reply.echo !== "exact", "the question does not come back bit for bit (draft-vixie-dnsext-dns0x20)"],
    [
      isNegative && (!soa?.startsWith(`${zone} SOA `) || more.length > 0),
      "a negative answer without the zone's SOA (RFC 2308 section 3)",
    ],
    [
      !isNegative && reply.authority.length > 0 && !delegates(zone, reply),
      "records that nobody asked for in the authority section",
    ],
    [
      question.type !== "NS" && reply.additional.length > 0,
      `surplus additional data: ${reply.additional.join("; ")}`,
    ],
    [
      ttls.some((ttl) => ttl < TTL_SECONDS.least || ttl > TTL_SECONDS.most),
      `a TTL of ${ttls.join(", ")} s, not ${TTL_SECONDS.least} to ${TTL_SECONDS.most}`,
    ],
    [new Set(ttls).size > 1, "TTLs of one RRset differ (RFC 2181 section 5.2)"],
  ];
  return rows.flatMap(([isWrong, words]) => (isWrong ? [words] : []));
}

/** The zone's own NS records may stand beside an answer (RFC 1034 section 4.3.2). */
function delegates(zone: string, { authority }: Answer): boolean {
  return authority.every((line) => withoutTtl(line).startsWith(`${zone} NS `));
}

/** What is wrong with the fields of a zone's SOA: Zonemaster ZONE02 to ZONE06, within bounds for an estate of one server. */
export function soaFaults(line: string): string[] {
  const DAY_SECONDS = 86_400;
  const [refresh = 0, retry = 0, expire = 0, minimum = 0] = line.split(" ").slice(-4).map(Number);
  const rows: readonly [boolean, string][] = [
    [!(retry < refresh), `retry ${retry} s is not less than refresh ${refresh} s (ZONE04)`],
    [!(refresh < expire), `expire ${expire} s is not more than refresh ${refresh} s (ZONE05)`],
    [
      !(minimum > 0 && minimum <= DAY_SECONDS),
      `a negative answer is kept ${minimum} s, not up to a day (ZONE06)`,
    ],
  ];
  return rows.flatMap(([isWrong, words]) => (isWrong ? [words] : []));
}
