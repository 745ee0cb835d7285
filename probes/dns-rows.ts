import type { Lab } from "../lab/lab.ts";
import { connectTcp } from "../lab/socket.ts";
import { BOUND } from "../lab/waits.ts";
import type { Asked } from "./acme/rows.ts";
import { exchangeDns } from "./dns-exchange.ts";
import { decodeReply, encodeQuestion, type Said, unsaid } from "./dns-message.ts";
import type { DnsQuestion } from "./probe.ts";

/** The zone that a name server is asked about: it has `one`, `alias`, `a.ent`, `*.wild` and a `big` that fits no datagram. */
export const ROWS_ZONE = "rows.test";

const ONE = `one.${ROWS_ZONE}`;
const BIG = `big.${ROWS_ZONE}`;

type Question = Omit<DnsQuestion, "id">;

/** One question by UDP; `said` puts the reply into words that stay the same as long as the server does. */
type Row = readonly [question: Question, said?: (reply: Said) => string];

const udp = (type: string, name: string, more: Partial<Question> = {}): Question => ({
  transport: "udp",
  type,
  name,
  ...more,
});
/** Bytes behind the id, which no encoder gives. */
const raw = (bytes: string): Question => udp("", "", { bytes });

const rcode = ({ outcome, rcode: code }: Said) => (outcome === "answered" ? code : outcome);
const counts = (reply: Said) => `${rcode(reply)}, ${reply.answers.length} records`;
const values = (reply: Said) =>
  [rcode(reply), ...reply.answers.map((line) => line.split(" ").slice(2).join(" "))].join(", ");
const negative = (reply: Said) =>
  `${counts(reply)}, ${reply.authority.map((line) => line.split(" ")[2]).join(" ") || "no authority"}`;
const edns = (reply: Said) => `${counts(reply)}, ${(reply.edns ?? "no OPT").replace(/, size \d+/, "")}`;
const truncated = (most: number) => (reply: Said) =>
  `${reply.flags.includes("tc") ? "truncated" : "whole"}, ${reply.surplusBytes + 12 + BIG.length + 6 <= most ? "fits" : `more than ${most} bytes`}, ${reply.edns ? "OPT" : "no OPT"}`;

const HEADER = { query: "0100", response: "8180" } as const;
/** QDCOUNT as given, the other counts 0. */
const header = (questions: number, flags: string = HEADER.query) =>
  `${flags}${questions.toString(16).padStart(4, "0")}000000000000`;
const wireOne = `${ONE.split(".")
  .map((label) => label.length.toString(16).padStart(2, "0") + Buffer.from(label).toString("hex"))
  .join("")}00`;
const A_IN = "00010001";

const ROWS: Readonly<Record<string, Row>> = {
  "edns-0": [udp("A", ONE, { edns: {} }), edns],
  "edns-1": [udp("A", ONE, { edns: { version: 1 } }), edns],
  "edns-255": [udp("A", ONE, { edns: { version: 255 } }), edns],
  "edns-option": [udp("A", ONE, { edns: { options: [{ code: 65_001, hex: "0102" }] } }), edns],
  "edns-option-empty": [udp("A", ONE, { edns: { options: [{ code: 65_002, hex: "" }] } }), edns],
  "edns-z": [udp("A", ONE, { edns: { flags: 0x7fff } }), edns],
  "edns-do": [udp("A", ONE, { edns: { flags: 0x8000 } }), edns],
  "edns-1-option": [udp("A", ONE, { edns: { version: 1, options: [{ code: 65_001, hex: "00" }] } }), edns],
  "edns-size-0": [udp("A", ONE, { edns: { size: 0 } }), counts],
  "edns-two": [raw(`0100000100000000${"0002"}${wireOne}${A_IN}${"00002904d0000000000000".repeat(2)}`), rcode],
  "truncated-512": [udp("TXT", BIG), truncated(512)],
  "truncated-1232": [udp("TXT", BIG, { edns: { size: 1232 } }), truncated(1232)],
  "truncated-65535": [udp("TXT", BIG, { edns: { size: 65_535 } }), truncated(1232)],
  "tcp-complete": [
    { transport: "tcp", type: "TXT", name: BIG },
    (reply) => `${counts(reply)}, ${reply.flags.includes("tc") ? "truncated" : "whole"}`,
  ],
  "any-minimal": [
    udp("ANY", BIG, { edns: { size: 1232 } }),
    (reply) =>
      reply.surplusBytes < 10 * 40 ? "less than ten times the question" : `${reply.surplusBytes} bytes`,
  ],
  "mixed-case": [
    udp("A", `oNe.${ROWS_ZONE.toUpperCase()}`),
    (reply) => `${values(reply)}, question ${reply.echo}`,
  ],
  nodata: [udp("AAAA", ONE), negative],
  "unknown-type": [udp("UNKNOWN_65280", ONE), negative],
  nxdomain: [udp("A", `none.${ROWS_ZONE}`), negative],
  "empty-non-terminal": [udp("A", `ent.${ROWS_ZONE}`), negative],
  "apex-without-address": [udp("A", ROWS_ZONE), negative],
  "below-a-name": [udp("A", `x.${ONE}`), negative],
  wildcard: [udp("A", `x.wild.${ROWS_ZONE}`), values],
  "wildcard-deep": [udp("A", `a.b.wild.${ROWS_ZONE}`), values],
  "wildcard-itself": [udp("A", `wild.${ROWS_ZONE}`), negative],
  alias: [udp("A", `alias.${ROWS_ZONE}`), values],
  "not-its-zone": [udp("A", "other.test"), negative],
  "no-rd": [udp("A", ONE, { flags: [] }), (reply) => `${counts(reply)}, flags ${reply.flags.join(" ")}`],
  "ad-cd": [
    udp("A", ONE, { flags: ["rd", "ad", "cd"] }),
    (reply) => `${counts(reply)}, flags ${reply.flags.join(" ")}`,
  ],
  "class-hs": [udp("A", ONE, { class: "HS" }), counts],
  "class-ch": [{ transport: "tcp", type: "A", name: ONE, class: "CH" }, counts],
  "class-any": [udp("A", ONE, { class: "ANY" }), counts],
  "type-opt": [udp("OPT", ONE), rcode],
  "type-mailb": [udp("UNKNOWN_253", ONE), rcode],
  "opcode-iquery": [udp("A", ONE, { opcode: 1 }), rcode],
  "opcode-status": [udp("A", ONE, { opcode: 2 }), rcode],
  "opcode-3": [udp("A", ONE, { opcode: 3 }), rcode],
  "opcode-notify": [udp("SOA", ROWS_ZONE, { opcode: 4, flags: [] }), counts],
  "opcode-update": [udp("SOA", ROWS_ZONE, { opcode: 5, flags: [] }), counts],
  "opcode-15": [udp("A", ONE, { opcode: 15 }), rcode],
  "no-question": [raw(header(0)), rcode],
  "two-questions": [raw(`${header(2)}${wireOne}${A_IN}${wireOne}001c0001`), rcode],
  "question-missing": [raw(header(1)), rcode],
  "question-cut": [raw(`${header(1)}${wireOne.slice(0, 10)}`), rcode],
  "label-of-64": [raw(`${header(1)}40${"61".repeat(64)}00${A_IN}`), rcode],
  "name-of-256": [raw(`${header(1)}${`3f${"61".repeat(63)}`.repeat(4)}00${A_IN}`), rcode],
  "pointer-to-itself": [raw(`${header(1)}c00c${A_IN}`), rcode],
  "trailing-bytes": [raw(`${header(1)}${wireOne}${A_IN}deadbeef`), rcode],
  "answer-in-question": [
    raw(`0100000100010000${"0000"}${wireOne}${A_IN}${wireOne}${A_IN}0000012c0004c0000209`),
    values,
  ],
  "header-cut": [raw("01"), rcode],
  "a-response": [raw(`${header(1, HEADER.response)}${wireOne}${A_IN}`), rcode],
  noise: [raw("ff".repeat(62)), rcode],
};

/** Asks all rows of one name server, and last whether it still answers. */
export async function askNameServer(
  lab: Lab,
  { from, server }: { from: string; server: string },
): Promise<Asked[]> {
  const way = { lab, from, server };
  const questions = Object.entries(ROWS).map(([id, [question]]) => ({ id, ...question }));
  const [replies, streams] = await Promise.all([
    exchangeDns(way, questions),
    Promise.all([
      pipelined(way),
      inPieces(way),
      untilClosed(way, "idle-after-answer", true),
      untilClosed(way, "idle-from-start", false),
    ]),
  ]);
  const [last] = await exchangeDns(way, [{ id: "alive", ...udp("A", ONE) }]);
  const rows = replies.map(({ question, message, reply }): Asked => {
    const [, words = rcode] = ROWS[question.id] ?? [];
    return { id: question.id, observed: words(saidOf(reply, message)) };
  });
  return [
    ...rows,
    ...streams,
    { id: "alive-after-all", observed: values(saidOf(last?.reply, last?.message)) },
  ];
}

function saidOf(reply: Buffer | string | undefined, message: Buffer = Buffer.alloc(12)): Said {
  return Buffer.isBuffer(reply) ? decodeReply(reply, message) : unsaid("silent", reply ?? "not asked");
}

type Way = Parameters<typeof exchangeDns>[0];

/** 64 questions on one connection, without waiting for an answer. */
async function pipelined(way: Way): Promise<Asked> {
  const questions = Array.from({ length: 64 }, (_, at) => {
    return { id: `${at}`, transport: "tcp", type: "A", name: `x${at}.wild.${ROWS_ZONE}` } as const;
  });
  const replies = await exchangeDns(way, questions);
  const good = replies.filter(
    ({ reply, message }) => values(saidOf(reply, message)) === "NOERROR, A 192.0.2.3",
  );
  return { id: "tcp-pipelined", observed: `${good.length} of ${questions.length}` };
}

function framedQuestion(): { readonly question: Buffer; readonly framed: Buffer } {
  const question = encodeQuestion({ id: "", ...udp("A", ONE) }, 4_711);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(question.length);
  return { question, framed: Buffer.concat([length, question]) };
}

/** A message whose every byte, those of its length too, is a segment of its own. */
function inPieces({ lab, from, server }: Way): Promise<Asked> {
  const id = "tcp-in-pieces";
  const { question, framed } = framedQuestion();
  return new Promise((resolve) => {
    const tcp = connectTcp(lab, from, server, 53).setNoDelay(true);
    const end = (asked: Asked) => {
      clearTimeout(timer);
      tcp.destroy();
      resolve(asked);
    };
    const timer = setTimeout(() => end({ id, observed: "silent" }), BOUND.exchangeMs);
    let received: Buffer = Buffer.alloc(0);
    tcp.on("error", ({ message }) => end({ id, reason: message }));
    tcp.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      end({ id, observed: values(decodeReply(received.subarray(2), question)) });
    });
    for (const byte of framed) tcp.write(Buffer.from([byte]));
  });
}

/** How long a connection stays open on which nothing more comes: in whole tens of seconds. */
function untilClosed({ lab, from, server }: Way, id: string, asksFirst: boolean): Promise<Asked> {
  return new Promise((resolve) => {
    const since = performance.now();
    const tcp = connectTcp(lab, from, server, 53);
    const end = (asked: Asked) => {
      clearTimeout(timer);
      tcp.destroy();
      resolve(asked);
    };
    const timer = setTimeout(() => end({ id, observed: `open after ${BOUND.idleMs} ms` }), BOUND.idleMs);
    tcp.on("error", ({ message }) => end({ id, reason: message }));
    tcp.on("data", () => {});
    tcp.on("close", () => {
      const seconds = Math.round((performance.now() - since) / 10_000) * 10;
      end({ id, observed: `closed after ${seconds} s` });
    });
    if (asksFirst) tcp.write(framedQuestion().framed);
  });
}
