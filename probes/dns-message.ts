import * as dnsPacket from "dns-packet";
import type { DnsReply } from "./dns-reply.ts";
import type { DnsQuestion } from "./probe.ts";

const HEADER_BYTES = 12;
const FLAGS = { rd: 0x0100, ad: 0x0020, cd: 0x0010 } as const;

/** A question on the wire under that id; `bytes` go as they are behind it (RFC 1035 section 4.1.1: the id comes first). */
export function encodeQuestion(question: DnsQuestion, id: number): Buffer {
  const { name, type, bytes, opcode = 0, flags = ["rd"], edns } = question;
  if (bytes !== undefined) {
    const message = Buffer.from(`0000${bytes}`, "hex");
    message.writeUInt16BE(id);
    return message;
  }
  const bits = flags.reduce((sum, flag) => sum | FLAGS[flag], opcode << 11);
  const asked = { type, class: question.class ?? "IN", name } as dnsPacket.Question;
  return dnsPacket.encode({
    type: "query",
    id,
    flags: bits,
    questions: [asked],
    ...(edns ? { additionals: [optRecord(edns)] } : {}),
  });
}

/* dns-packet's types leave the version and an option of raw data out. */
function optRecord({ version = 0, size = 1232, flags = 0, options = [] }: NonNullable<DnsQuestion["edns"]>) {
  return {
    type: "OPT",
    name: ".",
    udpPayloadSize: size,
    ednsVersion: version,
    flags,
    options: options.map(({ code, hex }) => ({ code, data: Buffer.from(hex, "hex") })),
  } as unknown as dnsPacket.Answer;
}

/** What was said, but to whom and how fast; a reply that can't be decoded is `unknown` with its reason. */
export type Said = Omit<DnsReply, "asked" | "micros">;

const NOTHING = {
  rcode: "",
  opcode: "",
  flags: [],
  echo: "none",
  surplusBytes: 0,
  answers: [],
  authority: [],
  additional: [],
} as const;

export function unsaid(outcome: "silent" | "unknown", reason: string): Said {
  return { outcome, reason, ...NOTHING };
}

/** Upper 8 bits of an RCODE in the OPT record, lower 4 in the header: RFC 6891 section 6.1.3. */
const EXTENDED_RCODES: Readonly<Record<number, string>> = { 16: "BADVERS", 23: "BADCOOKIE" };

export function decodeReply(message: Buffer, question: Buffer): Said {
  try {
    const packet = dnsPacket.decode(message);
    const { answers = [], authorities = [], additionals = [] } = packet;
    const opt = additionals.find(({ type }) => type === "OPT") as OptRecord | undefined;
    const bits = message.readUInt16BE(2);
    const [low, rcode] = [bits & 15, (packet as { rcode?: string }).rcode ?? ""];
    const high = opt?.extendedRcode ?? 0;
    const count = message.readUInt16BE(4);
    const asked = question.subarray(HEADER_BYTES, questionEnd(question));
    const echoed = message.subarray(HEADER_BYTES, questionEnd(message));
    return {
      outcome: "answered",
      rcode: high === 0 ? rcode : (EXTENDED_RCODES[high * 16 + low] ?? `RCODE_${high * 16 + low}`),
      opcode: (packet as { opcode?: string }).opcode ?? "",
      flags: FLAG_NAMES.filter(([, mask]) => bits & mask).map(([name]) => name),
      echo: count === 0 ? "none" : echoOf(asked, echoed),
      surplusBytes: message.length - HEADER_BYTES - echoed.length,
      answers: answers.map(recordLine),
      authority: authorities.map(recordLine),
      additional: additionals.filter(({ type }) => type !== "OPT").map(recordLine),
      ...(opt ? { edns: optLine(opt) } : {}),
    };
  } catch (error) {
    return unsaid("unknown", error instanceof Error ? error.message : String(error));
  }
}

const FLAG_NAMES = [
  ["qr", 0x8000],
  ["aa", 0x0400],
  ["tc", 0x0200],
  ["rd", 0x0100],
  ["ra", 0x0080],
  ["z", 0x0040],
  ["ad", 0x0020],
  ["cd", 0x0010],
] as const;

/** Offset behind the question section, whose names are never compressed (nothing stands before them). */
function questionEnd(message: Buffer): number {
  let at = HEADER_BYTES;
  for (let left = message.readUInt16BE(4); left > 0; left--) {
    while (at < message.length && message.readUInt8(at) !== 0) at += 1 + message.readUInt8(at);
    at += 5;
  }
  return Math.min(at, message.length);
}

function echoOf(asked: Buffer, echoed: Buffer): DnsReply["echo"] {
  if (asked.equals(echoed)) return "exact";
  const folded = (bytes: Buffer) => bytes.toString("latin1").toLowerCase();
  return folded(asked) === folded(echoed) ? "case" : "other";
}

interface OptRecord {
  readonly udpPayloadSize: number;
  readonly extendedRcode: number;
  readonly ednsVersion: number;
  readonly flags: number;
  readonly options: readonly { readonly code: number; readonly data?: Buffer }[];
}

function optLine({ ednsVersion, udpPayloadSize, flags, options }: OptRecord): string {
  const said = options.map(({ code, data }) => ` ${code}:${data?.toString("hex") ?? ""}`).join("");
  return `version ${ednsVersion}, size ${udpPayloadSize}, flags ${flags.toString(16).padStart(4, "0")}${said}`;
}

/** `NAME TTL TYPE VALUE`; a class other than IN stands before the type. */
function recordLine(record: dnsPacket.Answer): string {
  const { name, type } = record;
  const { ttl = 0, class: in_ = "IN" } = record as { ttl?: number; class?: string };
  const value = "data" in record ? valueWords(record.data, type) : "";
  return `${name} ${ttl} ${in_ === "IN" ? "" : `${in_} `}${type} ${value}`.trim();
}

/** A record's data as words: the strings of a TXT, the fields of an SRV or SOA; what is not decoded as RFC 3597 has it. */
export function valueWords(value: unknown, type = ""): string {
  if (Buffer.isBuffer(value))
    return type === "TXT" ? value.toString() : `\\# ${value.length} ${value.toString("hex")}`;
  if (Array.isArray(value)) return value.map((each) => valueWords(each, type)).join(" ");
  if (typeof value === "object" && value !== null)
    return Object.values(value)
      .map((each) => valueWords(each, type))
      .join(" ");
  return String(value);
}
