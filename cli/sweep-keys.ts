import type { Family } from "../policy/ip.ts";
import { protocolNumber } from "../policy/names.ts";
import { ICMP, ICMPV6, TCP, UDP, UDPLITE } from "../policy/packet.ts";
import { type FlowKey, foldFlowKeys } from "../probes/flow-key.ts";
import { usage } from "./arguments.ts";

/** Which flows are asked, as the flags have it. */
export interface KeyValues {
  readonly ports?: string | undefined;
  readonly proto?: string | undefined;
  /** Of TCP: nothing else has them. */
  readonly flags?: string | undefined;
}

/** Protocols with ports, as flow keys name them. */
const WITH_PORTS: ReadonlyMap<number, string> = new Map([
  [TCP, "tcp"],
  [UDP, "udp"],
  [132, "sctp"],
  [33, "dccp"],
  [UDPLITE, "udplite"],
]);
const PORT_NAMES = [...WITH_PORTS.values()].join(", ");
/** What is asked of those that few estates use, where their ports are not asked for. */
const ONE_EACH = ["sctp/0", "dccp/0", "udplite/0"];
/** Headers of IPv6 before another one, ipv6_ext_hdr of the kernel: a packet of one alone is none. */
const EXTENSIONS: ReadonlySet<number> = new Set([0, 43, 44, 51, 59, 60]);
const EVERY_NUMBER = Array.from({ length: 256 }, (_, number) => number);
const ALL_PORTS = "1-65535";
const EVERYTHING = "tcp,udp,icmp,ip";

/** The flows that the flags ask for, folded. @throws HarnessError (usage) */
export function keysOf({ ports, proto, flags }: KeyValues, family: Family): FlowKey[] {
  const words = (proto ?? (flags === undefined ? (ports === undefined ? EVERYTHING : "tcp,udp") : "tcp"))
    .split(",")
    .map((word) => word.trim());
  const protocols = words.filter((word) => word !== "ip").map((word) => protocolOf(word, family));
  if (flags !== undefined && (words.includes("ip") || protocols.some((each) => each !== TCP)))
    throw wrong("--flags only with --proto tcp", `--proto ${proto}`);
  if (ports !== undefined && !protocols.some((each) => WITH_PORTS.has(each)))
    throw wrong(`--ports only with ${PORT_NAMES}`, `--proto ${proto}`);
  const ranges = rangesOf(ports ?? ALL_PORTS);
  const others = words.includes("ip")
    ? [...otherNumbers(family).map((each) => `ip/${each}`), ...ONE_EACH]
    : [];
  return foldFlowKeys([...protocols.flatMap((each) => keysOfProtocol(each, ranges, family)), ...others]);
}

/** Whether any of these flows has a source port. */
export function havePorts(keys: readonly FlowKey[]): boolean {
  return keys.some((key) => [...WITH_PORTS.values()].includes(key.split("/")[0] ?? ""));
}

function protocolOf(word: string, family: Family): number {
  if (word.toLowerCase() === "icmp") return icmpOf(family);
  const number = /^\d{1,3}$/.test(word) ? Number(word) : protocolNumber(word.toLowerCase());
  if (number === undefined || number > 255)
    throw wrong(
      `--proto to be a comma list of ${PORT_NAMES}, icmp, ip, other names of /etc/protocols or numbers from 0 to 255`,
      JSON.stringify(word),
    );
  if (family === 6 && EXTENSIONS.has(number))
    throw wrong("--proto to name protocols, over IPv6", `${word}, an extension header of IPv6`);
  return number;
}

function icmpOf(family: Family): number {
  return family === 4 ? ICMP : ICMPV6;
}

/** Protocols that have neither ports nor types. */
function otherNumbers(family: Family): number[] {
  const isOther = (number: number) =>
    !WITH_PORTS.has(number) && number !== icmpOf(family) && !(family === 6 && EXTENSIONS.has(number));
  return EVERY_NUMBER.filter(isOther);
}

function keysOfProtocol(protocol: number, ranges: readonly string[], family: Family): FlowKey[] {
  const name = WITH_PORTS.get(protocol);
  if (name !== undefined) return ranges.map((range) => `${name}/${range}`);
  return protocol === icmpOf(family) ? ["icmp/0-255"] : [`ip/${protocol}`];
}

/** `1-1024,8006`. */
function rangesOf(text: string): string[] {
  return text.split(",").map((part) => {
    const [, first = "", last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim()) ?? [];
    if (first === "") throw wrong("--ports to be a list such as 1-1024,8006", JSON.stringify(text));
    for (const port of [first, last].map(Number))
      if (port < 1 || port > 65_535) throw wrong("--ports to be from 1 to 65535", part.trim());
    if (Number(first) > Number(last)) throw wrong("--ports to run from the lower to the higher", part.trim());
    return `${Number(first)}-${Number(last)}`;
  });
}

function wrong(expected: string, actual: string) {
  return usage("sweep", expected, actual);
}
