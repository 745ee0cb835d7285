import type { Estate, Rule } from "../policy/estate.ts";
import { addressOf, places } from "../policy/place.ts";
import { countFlows, type FlowKey } from "../probes/flow-key.ts";
import type { PacketProbe, TcpProbe } from "../probes/probe.ts";
import { expectation } from "./expectation.ts";
import { isByRule } from "./packets.ts";

/** Ports that an estate is asked for whether it declares them or not: the node's own and the usual mistakes. */
const WELL_KNOWN = [22, 53, 111, 445, 2049, 3128, 5900, 8000, 8006, 9000, 9001];
const ECHO_REQUEST = "icmp/8";
const ALL_PORTS: readonly FlowKey[] = ["tcp/1-65535", "udp/1-65535"];

/** The sampled sweep: every port declared anywhere in the estate, its neighbours, the well-known; TCP, UDP, and a ping. */
function sweepKeys(estate: Estate): FlowKey[] {
  const declared = declaredPorts(estate).flatMap((port) => [port - 1, port, port + 1]);
  const ports = [...new Set([...declared, ...WELL_KNOWN])].filter((port) => port > 0 && port < 65_536);
  const sorted = ports.sort((a, b) => a - b);
  return [...sorted.map((port) => `tcp/${port}`), ...sorted.map((port) => `udp/${port}`), ECHO_REQUEST];
}

/** Every port that a rule or a route names; of a range its first and last. */
export function declaredPorts(estate: Estate): number[] {
  const rules = [
    ...estate.host.firewall.rules,
    ...estate.guests.flatMap(({ firewall }) => firewall?.rules ?? []),
  ];
  const all = [...rules.flatMap(portsOf), ...estate.routes.map(({ port }) => port), estate.ca.port];
  return [...new Set(all)].sort((a, b) => a - b);
}

function portsOf({ port }: Rule): number[] {
  return (port ?? "")
    .split(/[,:]/)
    .map(Number)
    .filter((each) => Number.isInteger(each) && each > 0);
}

/** The sampled sweep of one ordered pair, from the sender's own address. */
export function sweep(estate: Estate, from: string, to: string): PacketProbe {
  return packets(estate, `sweep ${from} > ${to}`, from, to, sweepKeys(estate));
}

/** Every TCP and UDP port of one ordered pair. */
export function fullSweep(estate: Estate, from: string, to: string): PacketProbe {
  return packets(estate, `full sweep ${from} > ${to}`, from, to, [...ALL_PORTS, ECHO_REQUEST]);
}

/** What anybody may reach at `to`, asked for from `from` under another place's address. */
export function forgedSweep(estate: Estate, from: string, as: string, to: string): PacketProbe {
  const open = sweepKeys(estate).filter((key) =>
    places(estate).some(
      (source) => source.id !== to && expectation(estate, source.id, to, key).verdict === "accept",
    ),
  );
  const probe = packets(
    estate,
    `forged sweep ${from} as ${as} > ${to}`,
    from,
    to,
    open.length ? open : [ECHO_REQUEST],
  );
  return { ...probe, source: addressOf(estate, as), forged: true };
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

/** A connection to each TCP port of `to` that a declared rule opens, from the first place that may: positive twins. */
export function twins(estate: Estate, to: string): TcpProbe[] {
  return declaredPorts(estate).flatMap((port) => {
    const from = places(estate).find(
      (source) => source.id !== to && isDeclared(estate, source.id, to, `tcp/${port}`),
    );
    return from ? [connection(estate, from.id, to, port)] : [];
  });
}

/** Whether a declared rule, and neither a standing accept nor an absent firewall, lets it through. */
export function isDeclared(estate: Estate, from: string, to: string, key: FlowKey): boolean {
  return isByRule(expectation(estate, from, to, key));
}

/** The sampled sweep of a destination from everybody else. */
export function sweepsTo(estate: Estate, to: string): PacketProbe[] {
  return places(estate)
    .filter(({ id }) => id !== to)
    .map(({ id }) => sweep(estate, id, to));
}

/** `730 of 1,310,710 flows`: what a sampled sweep of so many pairs asks, of all that the statement speaks of. */
export function sampleWords(estate: Estate, pairs: number): string {
  const ALL_FLOWS_OF_A_PAIR = 2 * 65_535 + 1;
  const asked = pairs * countFlows(sweepKeys(estate));
  return `${asked.toLocaleString("en-US")} of ${(pairs * ALL_FLOWS_OF_A_PAIR).toLocaleString("en-US")} flows`;
}
