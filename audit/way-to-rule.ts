import { sourceEdges } from "../policy/class-edges.ts";
import { classesOf, linesOn, type PacketClass } from "../policy/classes.ts";
import { decide } from "../policy/decide.ts";
import type { Estate, Position } from "../policy/estate.ts";
import type { Decision, Flow } from "../policy/flow.ts";
import { parseIp, spansHold } from "../policy/ip.ts";
import type { Match } from "../policy/match.ts";
import { ICMP, TCP, UDP } from "../policy/packet.ts";
import { places, type Vantage } from "../policy/place.ts";
import { setHolds } from "../policy/address-set.ts";
import { comparePositions } from "../policy/position.ts";
import { CLIENT_PORT } from "./expectation.ts";

/** How a packet comes to be decided by a rule, and what keeps a probe from being such a packet. */
export interface WayToRule {
  /** `lan > 801 tcp/4000`; a source that is not the sender's own, and a source port that a client has not, stand beside it. */
  readonly flow?: string;
  readonly reason?: string;
}

/** Looks for a flow that the rule at this position decides: an ordinary one, else one that only a forger sends. */
export function wayTo(estate: Estate, position: Position): WayToRule {
  const pairs = everyPair(estate);
  const [ordinary] = classesInto(estate, position);
  if (ordinary) {
    const { from, to, packetClass } = ordinary;
    return { flow: `${from} > ${to} ${packetClass.proto}/${packetClass.representative}` };
  }
  const met = pairs.flatMap((pair) => matchesAt(estate, pair, position).map((match) => ({ ...pair, match })));
  for (const each of met)
    for (const flow of flowsInto(each)) {
      if (decides(decide(estate, flow), position)) return { flow: inWords(flow), reason: oddity(flow, each) };
    }
  return {
    reason: whyNone(
      estate,
      met.map(({ match }) => match),
    ),
  };
}

/** A class of ordinary packets between two places. */
export interface ClassOfPair {
  readonly from: string;
  readonly to: string;
  readonly packetClass: PacketClass;
}

/** The classes of ordinary packets, a client's from the sender's own address, that the rule at this position decides. */
export function classesInto(estate: Estate, position: Position): ClassOfPair[] {
  return everyPair(estate).flatMap(({ from, to }) =>
    classesOf(estate, from.id, to.id, { sport: CLIENT_PORT })
      .filter(({ decision }) => decides(decision, position))
      .map((packetClass) => ({ from: from.id, to: to.id, packetClass })),
  );
}

interface Pair {
  readonly from: Vantage;
  readonly to: Vantage;
}

/** From inside first: a forged source passes the gateway from nowhere. */
function everyPair(estate: Estate): Pair[] {
  const all = [...places(estate)].reverse();
  return all.flatMap((to) => all.filter(({ id }) => id !== to.id).map((from) => ({ from, to })));
}

function decides({ hops }: Decision, position: Position): boolean {
  return hops.some(
    ({ decider }) => decider.kind === "rule" && comparePositions(decider.position, position) === 0,
  );
}

function matchesAt(estate: Estate, { from, to }: Pair, position: Position): Match[] {
  return linesOn(estate, from.id, to.id, 4).flatMap(({ match, decider }) =>
    decider.kind === "rule" && comparePositions(decider.position, position) === 0 ? [match] : [],
  );
}

/** Packets that the match takes, as far as their source, its port and what they ask for go. */
function flowsInto({ from, to, match }: Pair & { readonly match: Match }): Flow[] {
  const sources = [from.address, ...(sourceEdges(match, 4)?.inside ?? [])];
  const sport = match.sports?.[0]?.first ?? CLIENT_PORT;
  const what = { sport, dport: match.dports?.[0]?.first ?? 1, icmpType: match.icmpTypes?.[0] ?? 8 };
  const proto = protoOf(match.proto ?? TCP);
  return sources.map((source) => ({ from: from.id, to: to.id, source, dest: to.address, proto, ...what }));
}

function protoOf(proto: number): Flow["proto"] {
  return proto === TCP ? "tcp" : proto === UDP ? "udp" : proto === ICMP ? "icmp" : proto;
}

function inWords({ from, to, proto, dport, icmpType }: Flow): string {
  if (typeof proto === "number") return `${from} > ${to} ip/${proto}`;
  return `${from} > ${to} ${proto}/${proto === "icmp" ? icmpType : dport}`;
}

/** What about the flow no probe has. */
function oddity({ source, sport }: Flow, { from, match }: Pair & { readonly match: Match }): string {
  const forged = source === from.address ? [] : [`its source would be ${source}, which ${from.id} has not`];
  const odd = match.sports === undefined ? [] : [`its source port would be ${sport}`];
  return [...forged, ...odd].join("; ") || "no probe asks for this";
}

function whyNone(estate: Estate, met: readonly Match[]): string {
  if (met.length === 0)
    return "no packet between the estate's places meets it: its firewall is off, or it is for another interface";
  const addresses = places(estate).flatMap(({ address }) => parseIp(address) ?? []);
  const isReached = met.some(({ dests, destSet }) =>
    addresses.some(
      ({ family, value }) =>
        (dests === undefined || spansHold(dests, value)) &&
        (destSet === undefined || setHolds(destSet, family, value)),
    ),
  );
  if (!isReached) return "no place of the estate has an address of its destination";
  return "other rules, or lines of Proxmox's own, decide first whatever it takes";
}
