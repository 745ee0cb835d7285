import { randomInt } from "node:crypto";
import * as dnsPacket from "dns-packet";
import type { Lab } from "../lab/lab.ts";
import { connectTcp, openUdp } from "../lab/socket.ts";
import { BOUND } from "../lab/waits.ts";
import type { ServiceObservation } from "./observation.ts";
import type { DnsProbe } from "./probe.ts";

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
  const question = query(name, type);
  const reply =
    transport === "udp"
      ? await askAgain(lab, from, server, question)
      : await askTcp(lab, from, server, question);
  if (typeof reply === "string") return { ...common, outcome: "silent", answer: reply, facts: {} };
  try {
    const facts = factsOf(dnsPacket.decode(reply));
    return { ...common, outcome: "answered", answer: inWords(facts), facts };
  } catch (error) {
    return { ...common, outcome: "unknown", answer: "undecodable", reason: String(error), facts: {} };
  }
}

function query(name: string, type: string): Buffer {
  return dnsPacket.encode({
    type: "query",
    id: randomInt(65_536),
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ type: type as dnsPacket.RecordType, class: "IN", name }],
  });
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
  return `${answer.name} ${answer.type} ${text(value)}`.trim();
}

/** A record's data as words: the strings of a TXT, the fields of an SRV or SOA. */
function text(value: unknown): string {
  if (Buffer.isBuffer(value)) return value.toString();
  if (Array.isArray(value)) return value.map(text).join(" ");
  if (typeof value === "object" && value !== null) return Object.values(value).map(text).join(" ");
  return String(value);
}

function inWords({ rcode, answers }: ReturnType<typeof factsOf>): string {
  return `${rcode}${answers.length ? `: ${answers.join("; ")}` : ", no answer record"}`;
}

/** As a resolver does (RFC 1035 section 4.2.1): a datagram that got no answer is sent again. */
async function askAgain(lab: Lab, from: string, server: string, question: Buffer): Promise<Reply> {
  for (let left = UDP_TRIES - 1; left > 0; left--) {
    const reply = await askUdp(lab, from, server, question);
    if (typeof reply !== "string") return reply;
  }
  return askUdp(lab, from, server, question);
}

const UDP_TRIES = 3;

/** Whether it is a DNS message at all and of the question's id (RFC 1035 section 4.1.1). */
function answers(message: Buffer, question: Buffer): boolean {
  const HEADER_BYTES = 12;
  return message.length >= HEADER_BYTES && message.readUInt16BE(0) === question.readUInt16BE(0);
}

/** The reply, or why there is none. */
type Reply = Buffer | string;

function askUdp(lab: Lab, from: string, server: string, question: Buffer): Promise<Reply> {
  return new Promise((resolve) => {
    const udp = openUdp(lab, from);
    const end = (reply: Reply) => {
      clearTimeout(timer);
      udp.close();
      resolve(reply);
    };
    const timer = setTimeout(
      () => end(`no answer within ${BOUND.datagramMs} ms, ${UDP_TRIES} times`),
      BOUND.datagramMs,
    );
    udp.on("error", (error) => end(error.message));
    udp.on("message", (message, peer) => {
      if (peer.address === server && peer.port === 53 && answers(message, question)) end(message);
    });
    udp.send(question, 53, server, (error) => error && end(error.message));
  });
}

function askTcp(lab: Lab, from: string, server: string, question: Buffer): Promise<Reply> {
  return new Promise((resolve) => {
    const tcp = connectTcp(lab, from, server, 53);
    let received = Buffer.alloc(0);
    const end = (reply: Reply) => {
      clearTimeout(timer);
      tcp.destroy();
      resolve(reply);
    };
    const timer = setTimeout(() => end(silence()), BOUND.connectMs);
    tcp.on("error", (error) => end(error.message));
    tcp.on("close", () => end("closed without a whole reply"));
    tcp.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      const message = received.subarray(2, 2 + received.readUInt16BE(0));
      end(answers(message, question) ? message : "an answer to another question");
    });
    const length = Buffer.alloc(2);
    length.writeUInt16BE(question.length);
    tcp.write(Buffer.concat([length, question]));
  });
}

function silence(): string {
  return `no answer within ${BOUND.connectMs} ms`;
}
