/**
 * Reads a compiled IPv4 filter table as the kernel would, for tests that have neither root nor a lab. It shares nothing
 * with the model's way to a decision; a match that it does not know throws.
 */
import assert from "node:assert/strict";
import type { Estate } from "../policy/estate.ts";
import type { Flow } from "../policy/flow.ts";
import { packetOf } from "../policy/packet.ts";

interface Line {
  readonly options: readonly (readonly string[])[];
  readonly target: string;
  readonly goto: boolean;
}

interface Seen extends Flow {
  readonly number: number;
  readonly ctstate: string;
  readonly mac: string;
}

interface Ports {
  readonly i?: string;
  readonly o?: string;
  readonly physIn?: string;
  readonly physOut?: string;
}

/** A filter table, by chain. */
export type Table = ReadonlyMap<string, readonly Line[]>;
type Outcome = { readonly verdict: "accept" | "drop" | "reject"; readonly chain: string } | "return";

/** Reads the input of `iptables-restore`. */
export function parseTable(text: string): Table {
  const table = new Map<string, Line[]>();
  for (const line of text.split("\n")) {
    const declared = /^:(\S+)/.exec(line);
    if (declared) table.set(declared[1] ?? "", []);
    const rule = /^-A (\S+) (?:(.*) )?-([jg]) (\S+)(.*)$/.exec(line);
    if (!rule) continue;
    const [, chain = "", match = "", letter, target = ""] = rule;
    const options = match.match(/(! )?--?[a-z-]+( (?![-!])\S+)*/g) ?? [];
    const words = options.map((option) => option.split(" ")).filter(([name]) => name !== "-m");
    table.get(chain)?.push({ options: words, target, goto: letter === "g" });
  }
  return table;
}

function quad(text: string): number {
  return text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

function inNetwork(list: string, address: string): boolean {
  return list.split(",").some((entry) => {
    const [base = "", length = "32"] = entry.split("/");
    const size = 2 ** (32 - Number(length));
    return Math.floor(quad(base) / size) === Math.floor(quad(address) / size);
  });
}

function inPorts(list: string, port: number | undefined): boolean {
  return list.split(",").some((entry) => {
    const [first, last = first] = entry.split(":").map(Number);
    return port !== undefined && first !== undefined && last !== undefined && port >= first && port <= last;
  });
}

const PROTOCOLS: Record<string, number> = { icmp: 1, igmp: 2, tcp: 6, udp: 17, gre: 47, esp: 50 };
const ICMP_NAMES: Record<string, string> = {
  "echo-request": "8",
  "fragmentation-needed": "3/4",
  "time-exceeded": "11",
};
const BROADCAST = ["10.0.0.255", "255.255.255.255", "0.0.0.0", "127.255.255.255"];

function typeOf(address: string): string {
  if (BROADCAST.includes(address)) return "BROADCAST";
  return inNetwork("224.0.0.0/4", address) ? "MULTICAST" : "UNICAST";
}

function flagsMatch([mask = "", set = ""]: readonly string[], flags: readonly string[]): boolean {
  return mask.split(",").every((flag) => flags.includes(flag) === set.split(",").includes(flag));
}

function holds(name: string, args: readonly string[], packet: Seen, ports: Ports): boolean {
  const [first = ""] = args;
  const icmp = ICMP_NAMES[first] ?? first;
  switch (name) {
    case "-i":
      return ports.i === first;
    case "-o":
      return ports.o === first;
    case "-s":
      return inNetwork(first, packet.source);
    case "-d":
      return inNetwork(first, packet.dest);
    case "-p":
      return (PROTOCOLS[first] ?? Number(first)) === packet.number;
    case "--dport":
    case "--dports":
      return inPorts(first, packet.dport);
    case "--sport":
    case "--sports":
      return inPorts(first, packet.sport);
    case "--src-range":
    case "--dst-range": {
      const [from = "", to = ""] = first.split("-");
      const address = quad(name === "--src-range" ? packet.source : packet.dest);
      return address >= quad(from) && address <= quad(to);
    }
    case "--icmp-type":
      return icmp === "any" || [`${packet.icmpType}`, `${packet.icmpType}/${packet.icmpCode}`].includes(icmp);
    case "--match-set":
      return first === "PVEFW-0-management-v4" && inNetwork("10.0.0.0/24", packet.source);
    case "--ctstate":
      return first.split(",").includes(packet.ctstate);
    case "--physdev-is-bridged":
      return ports.physIn !== undefined;
    case "--physdev-in":
      return first === "fwln+" ? ports.physIn?.startsWith("fwln") === true : ports.physIn === first;
    case "--physdev-out":
      return first === "fwln+" ? ports.physOut?.startsWith("fwln") === true : ports.physOut === first;
    case "--mac-source":
      return packet.mac === first;
    case "--dst-type":
      return typeOf(packet.dest) === first;
    case "--src-type":
      return typeOf(packet.source) === first;
    case "--tcp-flags":
      return flagsMatch(args, packet.flags ?? ["SYN"]);
    default:
      throw new Error(`the interpreter does not know ${name}`);
  }
}

function lineHolds({ options }: Line, packet: Seen, ports: Ports): boolean {
  return options.every(([name = "", ...args]) => {
    if (name !== "!") return holds(name, args, packet, ports);
    const [negated = "", ...rest] = args;
    return !holds(negated, rest, packet, ports);
  });
}

function walk(table: Table, chain: string, packet: Seen, ports: Ports): Outcome {
  for (const line of table.get(chain) ?? assert.fail(`no chain ${chain}`)) {
    if (!lineHolds(line, packet, ports)) continue;
    const { target } = line;
    if (target === "MARK" || target === "CONNMARK") continue;
    if (target === "RETURN") return "return";
    if (target === "ACCEPT" || target === "DROP" || target === "REJECT")
      return { verdict: target.toLowerCase() as "accept", chain };
    const inner = walk(table, target, packet, ports);
    if (inner !== "return" || line.goto) return inner;
  }
  return "return";
}

function hooksOf({ from, to }: Flow, { guests }: Estate): readonly (readonly [string, Ports])[] {
  const bridged = (physIn: string, physOut: string) => ["FORWARD", { physIn, physOut }] as const;
  const isGuest = (place: string): boolean => /^\d+$/.test(place);
  const tap = (place: string): string => `${tapPrefix(guests, place)}${place}i0`;
  const port = (place: string): string => (isGuest(place) ? `fwpr${place}p0` : "uplink");
  return [
    ...(from === "host" ? [["OUTPUT", { o: "vmbr0" }] as const] : []),
    ...(isGuest(from) ? [bridged(tap(from), `fwln${from}i0`)] : []),
    ...(to === "host"
      ? [["INPUT", { i: "vmbr0" }] as const]
      : from === "host"
        ? []
        : [bridged(port(from), port(to))]),
    ...(isGuest(to) ? [bridged(`fwln${to}i0`, tap(to))] : []),
  ];
}

function tapPrefix(guests: Estate["guests"], place: string): string {
  return guests.find(({ id }) => id === place)?.kind === "vm" ? "tap" : "veth";
}

function seen(flow: Flow, estate: Estate): Seen {
  const { proto, state, icmpType, icmpCode, sport, dport } = packetOf(flow);
  const own = estate.guests.find(({ id }) => id === flow.from)?.mac ?? "";
  const numbers = { number: proto, icmpType, icmpCode, sport, dport };
  return { ...flow, ...numbers, ctstate: state, mac: flow.sourceMac ?? own };
}

/** What the table does with a flow of the estate, and in which chain it was dropped or rejected. Every NIC is flagged. */
export function walkAll(table: Table, flow: Flow, estate: Estate): { verdict: string; chain?: string } {
  let packet = seen(flow, estate);
  const isOwnReply = flow.source === flow.dest && packet.sport === packet.dport && packet.number !== 1;
  for (const [hook, ports] of hooksOf(flow, estate)) {
    const outcome = walk(table, hook, packet, ports);
    if (outcome !== "return" && outcome.verdict !== "accept") return outcome;
    if (isOwnReply && packet.ctstate === "NEW") packet = { ...packet, ctstate: "ESTABLISHED" };
  }
  return { verdict: "accept" };
}
