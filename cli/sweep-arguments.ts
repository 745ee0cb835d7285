import { sweep as sample } from "../audit/sweep.ts";
import type { HarnessError } from "../errors.ts";
import type { Estate } from "../policy/estate.ts";
import { parseIp } from "../policy/ip.ts";
import { protocolNumber } from "../policy/names.ts";
import { ICMP, TCP, UDP, UDPLITE } from "../policy/packet.ts";
import { addressOf, places } from "../policy/place.ts";
import { nodeOf } from "../policy/proxmox/node.ts";
import { type FlowKey, foldFlowKeys } from "../probes/flow-key.ts";
import type { PacketProbe } from "../probes/probe.ts";
import { usage } from "./arguments.ts";
import { describeVantage, type Vantage, vantageOf, vantagesOfEstate } from "./vantage.ts";

const TEXT = { type: "string" } as const;
const YES = { type: "boolean" } as const;

/** The flags that say what is swept, for node:util's parseArgs. */
export const SWEEP_OPTIONS = {
  from: TEXT,
  to: TEXT,
  all: YES,
  sample: YES,
  ports: TEXT,
  proto: TEXT,
  source: TEXT,
} as const;

export interface SweepValues {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly all?: boolean | undefined;
  readonly sample?: boolean | undefined;
  readonly ports?: string | undefined;
  readonly proto?: string | undefined;
  readonly source?: string | undefined;
}

/** One ordered pair and the flows that are asked of it. */
export type SweepPair = Omit<PacketProbe, "kind">;

/** Throws `usage` for flags that exclude each other, before any file is read. */
export function requireSense({ from, to, all, sample: isSample, ports, proto, source }: SweepValues): void {
  if (all && (from ?? to ?? source) !== undefined)
    throw wrong("--all alone: it is every pair, each from its own address", "--from, --to or --source too");
  if (!all && (from === undefined || to === undefined))
    throw wrong("--from PLACE --to PLACE, or --all", from === undefined ? "no --from" : "no --to");
  if (isSample && (ports ?? proto) !== undefined)
    throw wrong("--sample alone: it has ports and protocols of its own", "--ports or --proto too");
  keysOf({ ports, proto });
}

/** The pairs that the flags ask for, each with its flows. @throws HarnessError (usage) */
export function pairsOf(estate: Estate, values: SweepValues): SweepPair[] {
  const full = keysOf(values);
  const pair = (from: string, to: string): SweepPair => {
    const source = values.source === undefined ? addressOf(estate, from) : sourceOf(values.source);
    const keys = values.sample ? foldFlowKeys(sample(estate, from, to).keys) : full;
    const forged = source !== addressOf(estate, from);
    return { id: `sweep ${from} > ${to}`, from, to, source, dest: addressOf(estate, to), forged, keys };
  };
  if (values.all) return allPairs(estate).map(([from, to]) => pair(from, to));
  const all = vantagesOfEstate(estate, nodeOf(estate));
  const from = vantageOf("sweep", all, "--from", values.from ?? "");
  const to = destinationOf(all, values.to ?? "");
  if (from.id === to.id) throw wrong("--from and --to to be two places", `${from.id} and ${to.id}`);
  return [pair(from.id, to.id)];
}

function allPairs(estate: Estate): [string, string][] {
  const all = places(estate);
  const destinations = all.filter(({ destination }) => destination);
  return destinations.flatMap(({ id: to }) =>
    all.filter(({ id }) => id !== to).map(({ id: from }): [string, string] => [from, to]),
  );
}

/** Packets end inside the lab, always: what stands for the world outside is no destination. */
function destinationOf(all: readonly Vantage[], word: string): Vantage {
  const inside = all.filter(({ id }) => id !== "wan");
  const [wan] = all.filter(({ id }) => id === "wan");
  const isOutside = parseIp(word)
    ? !inside.some(({ addresses }) => addresses.includes(word))
    : [wan?.id, wan?.name].includes(word.toLowerCase());
  if (!isOutside) return vantageOf("sweep", inside, "--to", word);
  const listed = inside.map(describeVantage).join(", ");
  throw wrong(`--to to be inside the lab, one of ${listed}`, `${word}, which is outside`);
}

function sourceOf(text: string): string {
  if (parseIp(text)?.family === 4) return text;
  throw wrong("--source to be an IPv4 address", text);
}

/** Protocols with ports, as flow keys name them. */
const WITH_PORTS: ReadonlyMap<number, string> = new Map([
  [TCP, "tcp"],
  [UDP, "udp"],
  [132, "sctp"],
  [33, "dccp"],
  [UDPLITE, "udplite"],
]);
/** What is asked of those that few estates use, where their ports are not asked for. */
const ONE_EACH = ["sctp/0", "dccp/0", "udplite/0"];
const EVERY_NUMBER = Array.from({ length: 256 }, (_, number) => number);
const ALL_PORTS = "1-65535";
const EVERYTHING = "tcp,udp,icmp,ip";

function keysOf({ ports, proto }: Pick<SweepValues, "ports" | "proto">): FlowKey[] {
  const words = (proto ?? (ports === undefined ? EVERYTHING : "tcp,udp"))
    .split(",")
    .map((word) => word.trim());
  const protocols = words.filter((word) => word !== "ip").map(protocolOf);
  if (ports !== undefined && !protocols.some((each) => WITH_PORTS.has(each)))
    throw wrong(`--ports only with ${[...WITH_PORTS.values()].join(", ")}`, `--proto ${proto}`);
  const ranges = rangesOf(ports ?? ALL_PORTS);
  const others = words.includes("ip") ? [...EVERY_NUMBER.flatMap(keyOfPlain), ...ONE_EACH] : [];
  return foldFlowKeys([...protocols.flatMap((each) => keysOfProtocol(each, ranges)), ...others]);
}

function protocolOf(word: string): number {
  const number = /^\d{1,3}$/.test(word) ? Number(word) : protocolNumber(word.toLowerCase());
  if (number === undefined || number > 255)
    throw wrong(
      "--proto to be a comma list of tcp, udp, icmp, ip, other names of /etc/protocols or numbers from 0 to 255",
      JSON.stringify(word),
    );
  return number;
}

/** Of a protocol that has neither ports nor types. */
function keyOfPlain(number: number): FlowKey[] {
  return WITH_PORTS.has(number) || number === ICMP ? [] : [`ip/${number}`];
}

function keysOfProtocol(protocol: number, ranges: readonly string[]): FlowKey[] {
  const name = WITH_PORTS.get(protocol);
  if (name !== undefined) return ranges.map((range) => `${name}/${range}`);
  return protocol === ICMP ? ["icmp/0-255"] : [`ip/${protocol}`];
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

function wrong(expected: string, actual: string): HarnessError {
  return usage("sweep", expected, actual);
}
