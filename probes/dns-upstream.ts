import { randomUUID } from "node:crypto";
import { closeSync, existsSync, fstatSync, openSync, readSync } from "node:fs";
import { outside } from "../lab/lab.ts";
import { BOUND, readBack } from "../lab/waits.ts";
import type { ProbeContext } from "./context.ts";
import { repliesTo } from "./dns.ts";
import { exchangeDns } from "./dns-exchange.ts";
import type { ServiceObservation } from "./observation.ts";
import type { DnsQuestion, UpstreamProbe } from "./probe.ts";

/** `client @0x7f.. 10.0.0.13#40000 (a.test): view upstream: query: a.test IN A +E(0) (9.9.9.9)`: BIND's query log. */
const QUERY = /client (?:@\S+ )?(\S+)#\d+ \([^)]*\):.* query: (\S+) \S+ (\S+) \S+ \((\S+)\)$/;

/**
 * Asks a name server questions, then one that it can only forward, and reads what the upstream's log gained from that server
 * meanwhile. The foreign name is new, so that no cache answers it, and comes last: when it is in the log, so is all that was
 * forwarded before it. Facts: `replies` as of `questions`, `logged` (`NAME TYPE AT` of everything that the server asked
 * upstream, also for others), `foreign` (that name), `foreignReply` (its RCODE).
 */
export async function observeUpstream(
  { lab, upstreamLog }: ProbeContext,
  probe: UpstreamProbe,
): Promise<ServiceObservation> {
  const { id, from, server, questions, foreignZone } = probe;
  const way = { lab, from, server };
  const path = outside(lab, upstreamLog);
  const before = tail(path, 0).end;
  const replies = repliesTo(await exchangeDns(way, questions));
  const foreign = `${randomUUID().slice(0, 8)}.${foreignZone}`;
  const twin: DnsQuestion = { id: foreign, transport: "udp", name: foreign, type: "A" };
  const [last] = repliesTo(await exchangeDns(way, [twin]));
  const read = () =>
    tail(path, before)
      .text.split("\n")
      .flatMap((line) => {
        const [, client, name = "", type, at] = QUERY.exec(line) ?? [];
        return client === server ? [`${name.toLowerCase()} ${type} ${at}`] : [];
      });
  const forwards = last?.rcode !== "REFUSED" && last?.outcome === "answered";
  if (forwards)
    await readBack(() => read().some((line) => line.startsWith(foreign)) || undefined, BOUND.questionsMs);
  const logged = [...new Set(read())];
  const isOpen = existsSync(path);
  return {
    kind: "dns",
    id,
    from,
    to: `${server}:53`,
    request: `${questions.length} questions, then A ${foreign}, and the upstream's log`,
    outcome: isOpen ? "answered" : "unknown",
    answer: `the upstream was asked for ${logged.length} names meanwhile`,
    ...(isOpen ? {} : { reason: `${upstreamLog} is absent` }),
    facts: {
      replies: replies.map((reply) => JSON.stringify(reply)),
      logged,
      foreign,
      foreignReply: last?.rcode || (last?.outcome ?? ""),
    },
  };
}

/** The most of a log that is read. */
const MOST_BYTES = 16 << 20;

/** A file's text from an offset on, and where it ends now; an absent file is empty. */
function tail(path: string, offset: number): { readonly text: string; readonly end: number } {
  if (!existsSync(path)) return { text: "", end: 0 };
  const fd = openSync(path, "r");
  try {
    const { size } = fstatSync(fd);
    const bytes = Buffer.alloc(Math.max(0, Math.min(size - offset, MOST_BYTES)));
    const count = readSync(fd, bytes, 0, bytes.length, offset);
    return { text: bytes.toString("utf8", 0, count), end: size };
  } finally {
    closeSync(fd);
  }
}
