import type { ConntrackState, Flow } from "../policy/flow.ts";
import { type Family, parseIp } from "../policy/ip.ts";
import { icmpKind, protocolNumber } from "../policy/names.ts";
import { FLAG, ICMP, ICMPV6, TCP, UDP } from "../policy/packet.ts";
import { servicePort } from "../policy/services.ts";
import { usage } from "./arguments.ts";
import { describeVantage, type Vantage } from "./vantage.ts";

const TEXT = { type: "string" } as const;

/** The flags that describe one packet, for node:util's parseArgs. */
export const FLOW_OPTIONS = {
  proto: TEXT,
  port: TEXT,
  sport: TEXT,
  "icmp-type": TEXT,
  source: TEXT,
  dest: TEXT,
  state: TEXT,
  flags: TEXT,
  mac: TEXT,
} as const;

export type FlowValues = { readonly [K in keyof typeof FLOW_OPTIONS]?: string | undefined };

/**
 * The packet that the flags describe, between two places. What they leave open is as an ordinary first packet has it.
 * @throws HarnessError (usage) for what no packet can be
 */
export function flowOf(values: FlowValues, from: Vantage, to: Vantage): Flow {
  const proto = protoOf(values.proto ?? "tcp");
  const family = familyOf(values, from, to);
  const source = endOf("--source", values.source, family, from);
  const dest = endOf("--dest", values.dest, family, to);
  return {
    from: from.id,
    to: to.id,
    proto,
    source,
    dest,
    ...portsOf(values, proto),
    ...icmpOf(values, proto, family),
    ...stateOf(values.state),
    ...flagsOf(values.flags, proto),
    ...(values.mac === undefined ? {} : { sourceMac: macAddress("explain", values.mac) }),
  };
}

/** By its name where rules and reports have one for it. */
const NAMED = new Map<number, Flow["proto"]>([
  [TCP, "tcp"],
  [UDP, "udp"],
  [ICMP, "icmp"],
]);
const WITH_PORTS = new Set<Flow["proto"]>(["tcp", "udp", 33, 132, 136]);

function protoOf(text: string): Flow["proto"] {
  const number = /^\d{1,3}$/.test(text) ? Number(text) : protocolNumber(text.toLowerCase());
  if (number !== undefined && number <= 255) return NAMED.get(number) ?? number;
  throw wrong(
    "--proto to be tcp, udp, icmp, another name of /etc/protocols, or a number from 0 to 255",
    text,
  );
}

/** That of the addresses given; of ICMPv6 six; else four, unless an end has none of that family. */
function familyOf({ source, dest, proto }: FlowValues, from: Vantage, to: Vantage): Family {
  const given = [source, dest].flatMap((text) => (text === undefined ? [] : (parseIp(text)?.family ?? [])));
  const isIcmpv6 = /^(?:icmpv6|ipv6-icmp)$/i.test(proto ?? "");
  const [family, other] = new Set([...given, ...(isIcmpv6 ? ([6] as const) : [])]);
  if (other !== undefined)
    throw wrong("addresses of one family, IPv6 with icmpv6", describeGiven(source, dest, proto));
  return family ?? ([4, 6] as const).find((each) => [from, to].every((end) => addressOf(end, each))) ?? 4;
}

function describeGiven(...words: readonly (string | undefined)[]): string {
  return words.filter((word) => word !== undefined).join(" ");
}

function addressOf({ addresses }: Vantage, family: Family): string | undefined {
  return addresses.find((address) => parseIp(address)?.family === family);
}

function endOf(flag: string, given: string | undefined, family: Family, end: Vantage): string {
  if (given !== undefined && !parseIp(given)) throw wrong(`${flag} to be an IPv4 or IPv6 address`, given);
  const address = given ?? addressOf(end, family);
  if (address !== undefined) return address;
  throw wrong(`${flag} ADDRESS, since no file gives ${describeVantage(end)} an IPv${family} address`, "none");
}

function portsOf({ port, sport, proto }: FlowValues, number: Flow["proto"]): Pick<Flow, "dport" | "sport"> {
  const has = WITH_PORTS.has(number);
  if (!has && (port ?? sport) !== undefined)
    throw wrong("a port only with tcp, udp, sctp, dccp or udplite", `--proto ${proto}`);
  if (!has) return {};
  if (port === undefined) throw wrong(`--port PORT with ${proto ?? "tcp"}`, "none");
  const from = sport === undefined ? {} : { sport: portNumber("explain", "--sport", sport) };
  return { dport: portNumber("explain", "--port", port), ...from };
}

/** A port by its number or its name. @throws HarnessError (usage) */
export function portNumber(verb: string, flag: string, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : servicePort(text.toLowerCase());
  if (port !== undefined && port <= 65_535) return port;
  throw usage(verb, `${flag} to be a number from 0 to 65535, or a name of /etc/services`, text);
}

/** `8`, `3/1`, or a name that iptables has for that family. */
function icmpOf(
  { "icmp-type": text }: FlowValues,
  proto: Flow["proto"],
  family: Family,
): Pick<Flow, "icmpType" | "icmpCode"> {
  if (text === undefined) return {};
  if (proto !== "icmp" && proto !== ICMPV6) throw wrong("--icmp-type only with --proto icmp or icmpv6", text);
  const table = proto === ICMPV6 ? 6 : family;
  const named = icmpKind(text, table) ?? icmpKind(text.toLowerCase(), table);
  const [, type, code] = /^(\d{1,3})(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const icmpType = named?.type ?? Number(type ?? Number.NaN);
  const icmpCode = named?.code ?? Number(code ?? 0);
  if (icmpType <= 255 && icmpCode <= 255) return { icmpType, icmpCode };
  throw wrong("--icmp-type to be TYPE, TYPE/CODE (0 to 255 each) or a name such as echo-request", text);
}

const STATES: readonly ConntrackState[] = ["NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED"];

function stateOf(text: string | undefined): Pick<Flow, "state"> {
  if (text === undefined) return {};
  const state = STATES.find((each) => each === text.toUpperCase());
  if (state) return { state };
  throw wrong(`--state to be one of ${STATES.join(", ")}`, text);
}

type TcpFlag = keyof typeof FLAG;

function flagsOf(text: string | undefined, proto: Flow["proto"]): Pick<Flow, "flags"> {
  if (text === undefined) return {};
  if (proto !== "tcp") throw wrong("--flags only with --proto tcp", text);
  return { flags: tcpFlags("explain", text) };
}

/** Flags of TCP by their names. @throws HarnessError (usage) */
export function tcpFlags(verb: string, text: string): TcpFlag[] {
  const words = text.toLowerCase() === "none" ? [] : text.toUpperCase().split(",");
  if (words.every(isFlag)) return words;
  throw usage(verb, `--flags to be a comma list of ${Object.keys(FLAG).join(", ")}, or none`, text);
}

function isFlag(word: string): word is TcpFlag {
  return Object.hasOwn(FLAG, word);
}

/** In lower case, with colons. @throws HarnessError (usage) */
export function macAddress(verb: string, text: string): string {
  if (/^[\da-f]{2}([:-])(?:[\da-f]{2}\1){4}[\da-f]{2}$/i.test(text))
    return text.toLowerCase().replaceAll("-", ":");
  throw usage(verb, "--mac to be a MAC address, e.g. 52:54:00:67:89:b3", text);
}

function wrong(expected: string, actual: string) {
  return usage("explain", expected, actual);
}
