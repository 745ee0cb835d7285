/**
 * Reads a compiled firewall as the kernel would, for tests that have neither root nor a lab. It shares nothing with the
 * model's way to a decision; a match or a target that it does not know throws.
 */
import type { Flow } from "../policy/flow.ts";
import type { Node } from "../policy/proxmox/node.ts";
import type { CompiledFirewall } from "./firewall.ts";
import { inNetworks, inRange, inSet, parseSets, type Sets } from "./walk-address.ts";
import { answersItself, type Pass, passesOf, type Seen, seenOf } from "./walk-packet.ts";

interface Line {
  readonly options: readonly (readonly string[])[];
  readonly target: string;
  readonly args: readonly string[];
  readonly goto: boolean;
}

type Table = ReadonlyMap<string, readonly Line[]>;

/** A compiled firewall, read. */
export interface Kernel {
  readonly sets: Sets;
  readonly four: Table;
  readonly six: Table;
}

/** `with`: the kind of reject, as iptables names it. */
export interface Walked {
  readonly verdict: "accept" | "drop" | "reject";
  readonly chain?: string;
  readonly with?: string;
}

export function kernelOf({ ipset, iptables, ip6tables }: CompiledFirewall): Kernel {
  return { sets: parseSets(ipset), four: parseFilter(iptables), six: parseFilter(ip6tables) };
}

function parseFilter(text: string): Table {
  const table = new Map<string, Line[]>();
  const filter = /^\*filter\n([^*]*)^COMMIT$/m.exec(text)?.[1] ?? "";
  for (const line of filter.split("\n")) {
    const declared = /^:(\S+)/.exec(line);
    if (declared) table.set(declared[1] ?? "", []);
    const rule = /^-A (\S+) (?:(.*) )?-([jg]) (\S+)(?: (.*))?$/.exec(line);
    if (!rule) continue;
    const [, chain = "", match = "", letter, target = "", rest = ""] = rule;
    const options = match.match(/(! )?--?[a-z0-9-]+( (?![-!])\S+)*/g) ?? [];
    const words = options.map((option) => option.split(" ")).filter(([name]) => name !== "-m");
    table.get(chain)?.push({ options: words, target, args: rest.split(" "), goto: letter === "g" });
  }
  return table;
}

/** One packet on its way: the mark stays with it from hook to hook. */
interface Walk {
  readonly kernel: Kernel;
  readonly table: Table;
  readonly node: Node;
  readonly pass: Pass;
  readonly seen: Seen;
  readonly mark: { value: number };
}

/** What becomes of a flow's first packet, and in which chain it was dropped or rejected. */
export function walkAll(kernel: Kernel, flow: Flow, node: Node): Walked {
  let seen = seenOf(flow, node);
  const table = seen.isIpv6 ? kernel.six : kernel.four;
  const mark = { value: 0 };
  for (const pass of passesOf(flow, node)) {
    const outcome = walkChain({ kernel, table, node, pass, seen, mark }, pass.hook);
    if (outcome !== "return" && outcome.verdict !== "accept") return outcome;
    if (answersItself(seen) && seen.ctstate === "NEW") seen = { ...seen, ctstate: "ESTABLISHED" };
  }
  return { verdict: "accept" };
}

function walkChain(walk: Walk, chain: string): Walked | "return" {
  const lines = walk.table.get(chain);
  if (!lines) throw new Error(`no chain ${chain}`);
  for (const line of lines) {
    if (!line.options.every((option) => optionHolds(option, walk))) continue;
    const outcome = enter(walk, chain, line);
    if (outcome !== "next") return outcome;
  }
  return "return";
}

function enter(walk: Walk, chain: string, { target, args, goto }: Line): Walked | "return" | "next" {
  switch (target) {
    case "CONNMARK":
      return "next";
    case "MARK":
      setMark(walk.mark, args);
      return "next";
    case "RETURN":
      return "return";
    case "NFQUEUE":
      if (!args.includes("--queue-bypass")) throw new Error("a queue that nobody empties");
      return { verdict: "accept", chain };
    case "ACCEPT":
      return { verdict: "accept", chain };
    case "DROP":
      return { verdict: "drop", chain };
    case "REJECT":
      return { verdict: "reject", chain, with: args[1] ?? "" };
  }
  const inner = walkChain(walk, target);
  return inner !== "return" || goto ? inner : "next";
}

/** `--set-xmark value/mask`: the mask's bits go, then the value's are turned over. */
function setMark(mark: { value: number }, [option, text = ""]: readonly string[]): void {
  if (option !== "--set-xmark") throw new Error(`the walk does not know ${option}`);
  const [value = 0, mask = 0] = text.split("/").map(Number);
  mark.value = ((mark.value & ~mask) ^ value) >>> 0;
}

function optionHolds([name = "", ...args]: readonly string[], walk: Walk): boolean {
  if (name !== "!") return holds(name, args, walk);
  const [negated = "", ...rest] = args;
  return !holds(negated, rest, walk);
}

function holds(name: string, args: readonly string[], { kernel, node, pass, seen, mark }: Walk): boolean {
  const [first = ""] = args;
  const { source, dest } = seen.flow;
  switch (name) {
    case "-i":
      return pass.i === first;
    case "-o":
      return pass.o === first;
    case "-s":
      return inNetworks(first, source);
    case "-d":
      return inNetworks(first, dest);
    case "-p":
      return first === "ip" || protocol(first) === seen.number;
    case "--dport":
    case "--dports":
      return inPorts(first, seen.dport);
    case "--sport":
    case "--sports":
      return inPorts(first, seen.sport);
    case "--src-range":
      return inRange(first, source);
    case "--dst-range":
      return inRange(first, dest);
    case "--icmp-type":
      return icmpHolds(ICMP_NAMES[first] ?? first, seen, ["any", "255"]);
    case "--icmpv6-type":
      return icmpHolds(ICMPV6_NAMES[first] ?? first, seen, []);
    case "--match-set":
      return inSet(kernel.sets, first, args[1] === "src" ? source : dest);
    case "--mark": {
      const [value, mask = 0] = first.split("/").map(Number);
      return (mark.value & mask) >>> 0 === value;
    }
    case "--ctstate":
      return first.split(",").includes(seen.ctstate);
    case "--physdev-is-bridged":
      return pass.physIn !== undefined;
    case "--physdev-in":
      return deviceHolds(first, pass.physIn);
    case "--physdev-out":
      return deviceHolds(first, pass.physOut);
    case "--mac-source":
      return seen.mac === first;
    case "--dst-type":
      return typeOf(dest, node) === first;
    case "--src-type":
      return typeOf(source, node) === first;
    case "--tcp-flags":
      return flagsHold(args, seen.flags);
  }
  throw new Error(`the walk does not know ${name}`);
}

const PROTOCOLS: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  tcp: 6,
  udp: 17,
  dccp: 33,
  gre: 47,
  esp: 50,
  ah: 51,
  icmpv6: 58,
  "ipv6-icmp": 58,
  sctp: 132,
  udplite: 136,
};

function protocol(text: string): number {
  const number = PROTOCOLS[text] ?? Number(text);
  if (Number.isNaN(number)) throw new Error(`the walk does not know the protocol ${text}`);
  return number;
}

const ICMP_NAMES: Readonly<Record<string, string>> = {
  "echo-reply": "0",
  "destination-unreachable": "3",
  "host-unreachable": "3/1",
  "port-unreachable": "3/3",
  "fragmentation-needed": "3/4",
  "echo-request": "8",
  "time-exceeded": "11",
};
const ICMPV6_NAMES: Readonly<Record<string, string>> = {
  "destination-unreachable": "1",
  "packet-too-big": "2",
  "time-exceeded": "3",
  "echo-request": "128",
  "router-solicitation": "133",
  "router-advertisement": "134",
  "neighbor-solicitation": "135",
  "neighbor-advertisement": "136",
};

function icmpHolds(kind: string, { icmp }: Seen, every: readonly string[]): boolean {
  if (every.includes(kind)) return true;
  if (!/^\d+(\/\d+)?$/.test(kind)) throw new Error(`the walk does not know the ICMP type ${kind}`);
  const [type, code] = kind.split("/").map(Number);
  return icmp?.[0] === type && (code === undefined || icmp?.[1] === code);
}

function inPorts(list: string, port: number | undefined): boolean {
  return list.split(",").some((entry) => {
    const [first, last = first] = entry.split(":").map(Number);
    return port !== undefined && first !== undefined && last !== undefined && port >= first && port <= last;
  });
}

/** Only what the compiler writes: a name, or `fwln+`. */
function deviceHolds(pattern: string, device: string | undefined): boolean {
  return pattern.endsWith("+") ? device?.startsWith(pattern.slice(0, -1)) === true : device === pattern;
}

/** By the node's own routes: its network's last address is a broadcast. */
function typeOf(address: string, { host: { localNetwork } }: Node): string {
  if (inNetworks(address.includes(":") ? "ff00::/8" : "224.0.0.0/4", address)) return "MULTICAST";
  if (address.includes(":")) return "UNICAST";
  const isLast = address === lastOf(localNetwork);
  return isLast || inNetworks("0.0.0.0/8,255.255.255.255,127.255.255.255", address) ? "BROADCAST" : "UNICAST";
}

function lastOf(network: string): string {
  const [base = "", length] = network.split("/");
  const rest = 2 ** (32 - Number(length));
  const first = base.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const last = Math.floor(first / rest) * rest + rest - 1;
  return [24, 16, 8, 0].map((shift) => Math.floor(last / 2 ** shift) % 256).join(".");
}

function flagsHold([mask = "", set = ""]: readonly string[], flags: readonly string[]): boolean {
  const wanted = set.split(",");
  return mask.split(",").every((flag) => flags.includes(flag) === wanted.includes(flag));
}
