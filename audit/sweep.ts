import { isResponder } from "../policy/acme-client.ts";
import { classesOf, type Ends } from "../policy/classes.ts";
import type { Estate } from "../policy/estate.ts";
import { ip6Of } from "../policy/ip6.ts";
import { addressOf, places } from "../policy/place.ts";
import { countFlows, type FlowKey, parseFlowKey } from "../probes/flow-key.ts";
import type { PacketObservation } from "../probes/observation.ts";
import type { PacketProbe, Probe, TcpProbe } from "../probes/probe.ts";
import { CLIENT_PORT, expectation } from "./expectation.ts";
import { isByRule, judgeFlows } from "./packets.ts";
import { declaredPorts, namedPorts } from "./ports.ts";

const ECHO_REQUEST = "icmp/8";
const ECHO_REQUEST_6 = "icmp/128";
/** All that is asked of a pair's ports in the full form, and a ping. */
const ALL_PORTS: readonly FlowKey[] = ["tcp/1-65535", "udp/1-65535", ECHO_REQUEST];
/** IP protocols that have ports or types, and flow keys of their own: ICMP, tcp, udp, dccp, sctp, udplite. */
export const WITH_PORTS: ReadonlySet<number> = new Set([1, 6, 17, 33, 132, 136]);
/** Of these few estates use any: their protocol is asked, and no port of theirs. */
const ONE_EACH: readonly FlowKey[] = ["dccp/0", "sctp/0", "udplite/0"];
/** All that is asked of a pair besides: every other ICMP type and every other IP protocol. */
const ALL_PORTLESS: readonly FlowKey[] = [
  "icmp/0-7",
  "icmp/9-255",
  ...Array.from({ length: 256 }, (_, number) => number)
    .filter((number) => !WITH_PORTS.has(number))
    .map((number) => `ip/${number}`),
  ...ONE_EACH,
];

/**
 * The fast form's flows: of every class that the declaration tells apart between these two its ends and one within, so that
 * a border that lies elsewhere shows; and the ports that the estate names for anybody, or that are usual mistakes.
 */
function fastKeys(estate: Estate, from: string, to: string): FlowKey[] {
  const named = namedPorts(estate).flatMap((port) => [`tcp/${port}`, `udp/${port}`]);
  const all = new Set([...toldKeys(estate, from, to).filter(isOfPort), ...named, ECHO_REQUEST]);
  return [...all];
}

/** Of each class its ends and one within. */
function toldKeys(estate: Estate, from: string, to: string, ends: Ends = {}): FlowKey[] {
  return classesOf(estate, from, to, { sport: CLIENT_PORT, ...ends }).flatMap(
    ({ proto, first, representative, last }) =>
      [first, representative, last].map((each) => `${proto}/${each}`),
  );
}

function isOfPort(key: FlowKey): boolean {
  return key.startsWith("tcp/") || key.startsWith("udp/");
}

function isPortless(key: FlowKey): boolean {
  const { proto, first } = parseFlowKey(key);
  if (proto === "ip") return !WITH_PORTS.has(first);
  return proto === "icmp" ? key !== ECHO_REQUEST : ONE_EACH.includes(key);
}

/** The fast form's sweep of one ordered pair's ports, from the sender's own address. */
export function sweep(estate: Estate, from: string, to: string): PacketProbe {
  return packets(estate, `sweep ${from} > ${to}`, from, to, fastKeys(estate, from, to));
}

/** The fast form's sweep of what has no ports: ICMP types and other IP protocols. */
export function portlessSweep(estate: Estate, from: string, to: string): PacketProbe {
  const keys = [...new Set([...toldKeys(estate, from, to).filter(isPortless), ...ONE_EACH])];
  return packets(estate, `sweep ${from} > ${to} without ports`, from, to, audible(estate, from, to, keys));
}

/**
 * The fast form's sweep of one ordered pair over IPv6, under addresses that nobody declares: what has ports and a ping (128,
 * RFC 4443). What a line of Proxmox's own refuses by an answer (tcp 43 over IPv6) is left out: to tell it from what is
 * dropped would take as long as all the rest. A TypeError for `wan`, which has no address.
 */
export function sweep6(estate: Estate, from: string, to: string): PacketProbe {
  const [source, dest] = [ip6Of(estate, from), ip6Of(estate, to)];
  if (source === undefined || dest === undefined) throw new TypeError(`no IPv6 between ${from} and ${to}`);
  const told = toldKeys(estate, from, to, { source, dest }).filter(isOfPort);
  const isRefused = (key: FlowKey) =>
    expectation(estate, from, to, key, source, CLIENT_PORT, dest).decider.chain === "PVEFW-reject";
  const named = namedPorts(estate).flatMap((port) => [`tcp/${port}`, `udp/${port}`]);
  const keys = [...new Set([...told, ...named, ECHO_REQUEST_6])].filter((key) => !isRefused(key));
  return {
    kind: "packets",
    id: `sweep ${from} > ${to} over IPv6`,
    from,
    to,
    source,
    dest,
    forged: false,
    keys,
  };
}

/** The sweep of one ordered pair that a run makes: from the internet in full, else in the fast form. */
export function pairSweep(estate: Estate, from: string, to: string): PacketProbe {
  const probe = sweep(estate, from, to);
  return from === "wan" ? inFull(estate, probe) : probe;
}

/** A sweep in the full form, under the same id; any other probe as it is. */
export function inFull<T extends Probe>(estate: Estate, probe: T): T {
  if (probe.kind !== "packets") return probe;
  return { ...probe, keys: audible(estate, probe.from, probe.to, allOf(probe.keys)) };
}

/** No socket hears what the host accepts of these protocols, raw(7): only that they are dropped can be shown. */
const UNHEARD: ReadonlySet<FlowKey> = new Set(["ip/0", "ip/255"]);

function audible(estate: Estate, from: string, to: string, keys: readonly FlowKey[]): FlowKey[] {
  return keys.filter(
    (key) => to !== "host" || !UNHEARD.has(key) || expectation(estate, from, to, key).verdict !== "accept",
  );
}

/** Everything of the kind that these are. */
function allOf([key = ECHO_REQUEST]: readonly FlowKey[]): readonly FlowKey[] {
  return isPortless(key) ? ALL_PORTLESS : ALL_PORTS;
}

/** What anybody may reach at `to`, asked for from `from` under another place's address. */
export function forgedSweep(estate: Estate, from: string, as: string, to: string): PacketProbe {
  const open = openKeys(estate, to);
  const id = `forged sweep ${from} as ${as} > ${to}`;
  const probe = packets(estate, id, from, to, open.length ? open : [ECHO_REQUEST]);
  return { ...probe, source: addressOf(estate, as), forged: true, sport: FORGED_PORT };
}

/**
 * Above the ports that the engine gives to probes without one: what it has tracked of the same two addresses, the true
 * sender's, is never a forged packet's own flow, and has not to be looked for in the whole connection table.
 */
const FORGED_PORT = 32_000;

const OPEN = new WeakMap<Estate, Map<string, FlowKey[]>>();

/** Of each class that is open to anybody its ends and one within. */
function openKeys(estate: Estate, to: string): FlowKey[] {
  const known = OPEN.get(estate) ?? new Map<string, FlowKey[]>();
  OPEN.set(estate, known);
  const keys = known.get(to) ?? findOpen(estate, to);
  known.set(to, keys);
  return keys;
}

function findOpen(estate: Estate, to: string): FlowKey[] {
  const sources = places(estate).filter(({ id }) => id !== to);
  const keys = sources.flatMap(({ id }) =>
    fastKeys(estate, id, to).filter((key) => expectation(estate, id, to, key).verdict === "accept"),
  );
  return [...new Set(keys)];
}

function packets(
  estate: Estate,
  id: string,
  from: string,
  to: string,
  keys: readonly FlowKey[],
): PacketProbe {
  const source = addressOf(estate, from);
  return { kind: "packets", id, from, to, source, dest: addressOf(estate, to), forged: false, keys };
}

export function connection(estate: Estate, from: string, to: string, port: number): TcpProbe {
  return {
    kind: "tcp",
    id: `connect ${from} > ${to}:${port}`,
    from,
    to,
    address: addressOf(estate, to),
    port,
  };
}

/**
 * A connection to each TCP port of `to` that a declared rule opens, from the first place that may: positive twins. Of a port
 * that only an ACME client's responder has it is that place's sweep: a packet that arrives.
 */
export function twins(estate: Estate, to: string): (TcpProbe | PacketProbe)[] {
  return declaredPorts(estate).flatMap((port): (TcpProbe | PacketProbe)[] => {
    const from = places(estate).find(
      (source) => source.id !== to && isDeclared(estate, source.id, to, `tcp/${port}`),
    );
    if (!from) return [];
    return isResponder(estate, to, port)
      ? [pairSweep(estate, from.id, to)]
      : [connection(estate, from.id, to, port)];
  });
}

/** Whether a declared rule, and neither a standing accept nor an absent firewall, lets it through. */
export function isDeclared(estate: Estate, from: string, to: string, key: FlowKey): boolean {
  return isByRule(expectation(estate, from, to, key));
}

/** The sweeps of a destination's ports from everybody else. */
export function sweepsTo(estate: Estate, to: string): PacketProbe[] {
  return places(estate)
    .filter(({ id }) => id !== to)
    .map(({ id }) => pairSweep(estate, id, to));
}

/** All that a run asks of one ordered pair: its ports, and what has none. */
export function pairSweeps(estate: Estate, from: string, to: string): PacketProbe[] {
  return [pairSweep(estate, from, to), portlessSweep(estate, from, to)];
}

/**
 * `classes 214 of 214, 5,850 of 1,310,710 flows`: what sweeps asked, of all that a statement on their pairs speaks of.
 * Undefined where they asked all of it.
 */
export function sampleWords(estate: Estate, seen: readonly PacketObservation[]): string | undefined {
  const { asked, of: all } = flowsOf(seen);
  if (asked >= all) return undefined;
  const { covered, of: told } = classesAsked(estate, seen);
  return `classes ${of(covered, told)}, ${of(asked, all)} flows`;
}

/** Of how many packet classes a flow was asked and told, of all that the declaration tells apart on the same ways. */
export function classesAsked(
  estate: Estate,
  seen: readonly PacketObservation[],
): { covered: number; of: number } {
  const told = seen.map(({ from, to, source, dest, sport, outcomes }) => {
    const isKind = isPortless(firstKey(outcomes)) ? isPortless : isOfPort;
    return classesOf(estate, from, to, { source, dest, sport }).filter(({ proto, first }) =>
      isKind(`${proto}/${first}`),
    );
  });
  const known = seen.map((each) => judgeFlows(estate, each).filter((flow) => !flow.unknown));
  const covered = known.map((flows, index) => {
    const reached = new Set(flows.map(({ packetClass }) => packetClass));
    return told[index]?.filter((each) => reached.has(each)).length ?? 0;
  });
  return { covered: sum(covered), of: sum(told.map(({ length }) => length)) };
}

/** How many flows were asked, of all that the same sweeps ask in full. */
export function flowsOf(seen: readonly PacketObservation[]): { asked: number; of: number } {
  return {
    asked: sum(seen.map(({ sent }) => sent)),
    of: sum(seen.map(({ outcomes }) => countFlows(allOf([firstKey(outcomes)])))),
  };
}

function firstKey(outcomes: PacketObservation["outcomes"]): FlowKey {
  const keys = Object.values(outcomes).flat();
  return keys.find(isOfPort) ?? keys[0] ?? ECHO_REQUEST;
}

/** `forged sources: 240 of 12,976,029 flows`; undefined where all were asked. */
export function forgedWords(seen: readonly PacketObservation[]): string | undefined {
  const { asked, of: all } = flowsOf(seen);
  return asked >= all ? undefined : `forged sources: ${of(asked, all)} flows`;
}

function of(some: number, whole: number): string {
  return `${some.toLocaleString("en-US")} of ${whole.toLocaleString("en-US")}`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
