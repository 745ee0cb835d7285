import { randomInt } from "node:crypto";
import type { Lab } from "../lab/lab.ts";
import { connectTcp, openUdp } from "../lab/socket.ts";
import { BOUND } from "../lab/waits.ts";
import { encodeQuestion } from "./dns-message.ts";
import type { DnsQuestion } from "./probe.ts";

/** A question on its way; `reply` is the message that came back or why none did. */
export interface Asked {
  readonly question: DnsQuestion;
  readonly message: Buffer;
  reply?: Buffer | string;
  micros: number;
}

interface Way {
  readonly lab: Lab;
  readonly from: string;
  readonly server: string;
}

/** A reader's memory: what a server says beyond that is not kept. */
const MOST_BYTES = 8 << 20;
/** So many datagrams are on their way at once: fewer than a server's receive buffer holds (212,992 B, 768 B each). */
const DATAGRAMS_AT_ONCE = 64;
/** Questions of one TCP connection, one behind the other without waiting (RFC 7766 section 6.2.1.1). */
const PIPELINED = 64;
const UDP_TRIES = 3;

/**
 * Asks one server many questions, each by its transport, and gives them with their replies, in their order. A reply counts
 * where it comes from the queried address and port and has the question's id (RFC 5452 section 9.1); of several the first.
 * Whatever the server does, it ends within `BOUND.questionsMs`.
 */
export async function exchangeDns(way: Way, questions: readonly DnsQuestion[]): Promise<Asked[]> {
  const first = randomInt(65_536);
  const all = questions.map((question, index): Asked => {
    const id = (first + index) % 65_536;
    return { question, message: encodeQuestion(question, id), micros: 0 };
  });
  const budget = { left: MOST_BYTES };
  const by = Map.groupBy(all, ({ question: { transport, sport = 0 } }) => `${transport} ${sport}`);
  const ways = [...by].map(([key, asked]) => {
    const [transport, sport] = key.split(" ");
    return transport === "udp" ? askUdp(way, asked, Number(sport), budget) : askTcp(way, asked, budget);
  });
  await Promise.all(ways);
  return all;
}

interface Budget {
  left: number;
}

/** Takes the reply to one of these questions, and says whether it was one. */
function take(
  open: Map<number, Asked>,
  message: Buffer,
  since: Map<number, number>,
  budget: Budget,
): boolean {
  if (message.length < 12) return false;
  const id = message.readUInt16BE(0);
  const asked = open.get(id);
  if (!asked) return false;
  open.delete(id);
  asked.micros = Math.round((performance.now() - (since.get(id) ?? 0)) * 1000);
  budget.left -= message.length;
  asked.reply = budget.left < 0 ? "more was said than is read" : Buffer.from(message);
  return true;
}

function byId(all: readonly Asked[]): Map<number, Asked> {
  return new Map(all.map((asked) => [asked.message.readUInt16BE(0), asked]));
}

/**
 * Over one socket. As a resolver does (RFC 1035 section 4.2.1), a datagram that got no answer is sent again. A server that
 * answers none of three rounds is silent to all that was left.
 */
function askUdp(
  { lab, from, server }: Way,
  all: readonly Asked[],
  sport: number,
  budget: Budget,
): Promise<void> {
  return new Promise((resolve) => {
    const udp = openUdp(lab, from, sport);
    const open = byId(all);
    const since = new Map<number, number>();
    const flying = new Set<number>();
    const queue = [...open.keys()];
    const tries = new Map<number, number>();
    let fruitless = 0;
    let still: NodeJS.Timeout;
    const end = (why: string) => {
      clearTimeout(still);
      clearTimeout(last);
      udp.close();
      for (const asked of open.values()) asked.reply = why;
      resolve();
    };
    const silent = () => end(`no answer within ${BOUND.datagramMs} ms, ${UDP_TRIES} times`);
    const last = setTimeout(() => end(`no answer within ${BOUND.questionsMs} ms`), BOUND.questionsMs);
    const send = () => {
      while (flying.size < DATAGRAMS_AT_ONCE && queue.length > 0) {
        const id = queue.shift() ?? 0;
        const asked = open.get(id);
        if (!asked) continue;
        flying.add(id);
        tries.set(id, (tries.get(id) ?? 0) + 1);
        since.set(id, performance.now());
        udp.send(asked.message, 53, server, (error) => error && end(error.message));
      }
      clearTimeout(still);
      if (flying.size === 0) silent();
      else still = setTimeout(again, BOUND.datagramMs);
    };
    const again = () => {
      fruitless++;
      if (fruitless >= UDP_TRIES && queue.length > 0) return silent();
      for (const id of flying) if ((tries.get(id) ?? 0) < UDP_TRIES) queue.push(id);
      flying.clear();
      send();
    };
    udp.on("error", (error) => end(error.message));
    udp.on("message", (message, peer) => {
      if (peer.address !== server || peer.port !== 53 || !take(open, message, since, budget)) return;
      flying.delete(message.readUInt16BE(0));
      fruitless = 0;
      if (open.size === 0) end("");
      else send();
    });
    send();
  });
}

/** Over one connection after the other; what one leaves open when it closes is asked on the next. */
async function askTcp(way: Way, all: readonly Asked[], budget: Budget): Promise<void> {
  const deadline = performance.now() + BOUND.questionsMs;
  const chunks = Array.from({ length: Math.ceil(all.length / PIPELINED) }, (_, at) =>
    all.slice(at * PIPELINED, (at + 1) * PIPELINED),
  );
  await Promise.all(chunks.map((chunk) => askChunk(way, chunk, budget, deadline)));
}

async function askChunk(way: Way, chunk: readonly Asked[], budget: Budget, deadline: number): Promise<void> {
  let left = chunk;
  while (left.length > 0) {
    const why = await converse(way, left, budget, Math.min(BOUND.connectMs, deadline - performance.now()));
    const rest = left.filter(({ reply }) => reply === undefined);
    const isOver = !why.startsWith(CLOSED) || performance.now() >= deadline;
    if (rest.length === left.length && rest[0]) rest[0].reply = why;
    if (isOver) for (const asked of rest) asked.reply ??= why;
    left = rest.filter(({ reply }) => reply === undefined);
  }
}

const CLOSED = "closed without a whole reply";

/** One connection; gives why it ended. A message has its length before it (RFC 1035 section 4.2.2). */
function converse(
  { lab, from, server }: Way,
  asked: readonly Asked[],
  budget: Budget,
  patienceMs: number,
): Promise<string> {
  return new Promise((resolve) => {
    const started = performance.now();
    const tcp = connectTcp(lab, from, server, 53);
    const open = byId(asked);
    const since = new Map([...open.keys()].map((id) => [id, started]));
    let received: Buffer = Buffer.alloc(0);
    const end = (why: string) => {
      clearTimeout(timer);
      tcp.destroy();
      resolve(why);
    };
    const timer = setTimeout(
      () => end(`no answer within ${Math.round(patienceMs)} ms`),
      Math.max(0, patienceMs),
    );
    tcp.on("error", (error) => end(error.message));
    tcp.on("close", () => end(CLOSED));
    tcp.on("data", (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const length = 2 + received.readUInt16BE(0);
        take(open, received.subarray(2, length), since, budget);
        received = received.subarray(length);
      }
      if (open.size === 0) end("");
    });
    for (const { message } of asked) {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(message.length);
      tcp.write(Buffer.concat([length, message]));
    }
  });
}
