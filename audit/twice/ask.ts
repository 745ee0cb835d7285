import type { ClassProto } from "../../policy/classes.ts";
import { type SideName, SIDES } from "../../policy/diff/hops.ts";
import type { PacketChange } from "../../policy/diff/packet-changes.ts";
import type { Decision, Flow, Place } from "../../policy/flow.ts";
import type { Family } from "../../policy/ip.ts";
import { packetOf } from "../../policy/packet.ts";
import { WAN_ADDRESS } from "../../policy/place.ts";
import type { FlowKey } from "../../probes/flow-key.ts";
import type { PacketProbe } from "../../probes/probe.ts";
import { CLIENT_PORT } from "../expectation.ts";
import { type Estates, hasPlace, labAddress } from "./ends.ts";
import { type SideEnds, type Span, spansOf } from "./spans.ts";
import { twinOf } from "./twin.ts";
import { witnessAsked } from "./witness.ts";

/** One pair of a change, asked on both sides for the same flows, on each under its own addresses. */
export interface PairAsked {
  readonly from: Place;
  readonly to: Place;
  /** Of the packets on the side that lets them through, or refuses them otherwise now. */
  readonly source: string;
  readonly inside: readonly FlowKey[];
  /** Just beside the flows of the change: what the model says of them is no part of it. */
  readonly border: readonly FlowKey[];
  /** A side that lacks one of the places has none. */
  readonly probes: Readonly<Partial<Record<SideName, PacketProbe>>>;
  /** What shows the destination alive on a side, where anything may reach it. */
  readonly twins: Readonly<Partial<Record<SideName, PacketProbe>>>;
}

/** What is sent for one change of a difference. */
export interface ChangeAsked {
  readonly change: PacketChange;
  readonly pairs: readonly PairAsked[];
  /** What of it is not asked, and why. */
  readonly untested: readonly string[];
}

/** Of a change so many pairs are asked, spread over all of them. */
const MOST_PAIRS = 64;
/** Of a pair so many spans of flows; each has three flows and two beside it. */
const MOST_SPANS = 64;

/** The packets that show a change: of each span of its flows both ends and one within, and those beside it. Pure. */
export function askTwice(estates: Estates, change: PacketChange, index: number): ChangeAsked {
  if (change.deviation !== undefined) return { change, ...witnessAsked(estates, change, index) };
  const all = pairsOf(change);
  const chosen = spread(all, MOST_PAIRS);
  const untested = chosen.length < all.length ? [`${all.length - chosen.length} of ${all.length} pairs`] : [];
  const asked = chosen.flatMap((pair) =>
    ([4, 6] as const)
      .filter((family) => change.sets[family] !== undefined)
      .map((family) => askPair(estates, change, { ...pair, family, index })),
  );
  const pairs = asked.flatMap((each) => each.pairs);
  const reasons = [...untested, ...asked.flatMap((each) => each.untested)];
  // A set of few sources, source ports or ICMP codes may have none of these: its witness is one of it.
  if (pairs.length > 0) return { change, pairs, untested: [...new Set(reasons)] };
  const witness = witnessAsked(estates, change, index);
  return { change, pairs: witness.pairs, untested: [...new Set([...reasons, ...witness.untested])] };
}

function pairsOf({ from, to }: PacketChange): readonly { readonly from: Place; readonly to: Place }[] {
  return to.flatMap((receiver) =>
    from.filter(({ id }) => id !== receiver.id).map((sender) => ({ from: sender.id, to: receiver.id })),
  );
}

/** At most so many, evenly over all; the first is among them. */
function spread<T>(all: readonly T[], most: number): readonly T[] {
  if (all.length <= most) return all;
  return Array.from({ length: most }, (_, at) => all[Math.floor((at * all.length) / most)] as T);
}

interface Wanted {
  readonly from: Place;
  readonly to: Place;
  readonly family: Family;
  readonly index: number;
}

function askPair(
  estates: Estates,
  change: PacketChange,
  wanted: Wanted,
): Pick<ChangeAsked, "pairs" | "untested"> {
  const { from, to, family } = wanted;
  if (family === 6 && [from, to].includes("wan"))
    return { pairs: [], untested: ["IPv6 from or to the internet: no file says by which way it would come"] };
  const cut: string[] = [];
  for (const source of sourcesOf(estates, change, wanted)) {
    const ends = endsOf(estates, change, wanted, source);
    const own = ends[ownSide(change)];
    if (!own) continue;
    const all = spansOf(ends.base, ends.head).filter((span) => isAskable(span, family, to));
    const mine = all.filter((span) => isOf(change, estates, span, wanted, own));
    if (mine.length === 0) continue;
    if (mine.length > MOST_SPANS) cut.push(`${mine.length - MOST_SPANS} of ${mine.length} spans of flows`);
    const spans = spread(mine, MOST_SPANS);
    const inside = [...new Set(spans.flatMap(keysWithin))];
    const others = all.filter((span) => !mine.includes(span));
    const border = [...new Set(spans.flatMap((span) => keysBeside(span, others, family)))];
    return { pairs: [pairOf(change, wanted, ends, inside, border)], untested: cut };
  }
  return {
    pairs: [],
    untested: [`${from} > ${to}${family === 6 ? " over IPv6" : ""}: only as no lab sends it`],
  };
}

/** The side on which the change's own set is told. */
function ownSide({ kind }: Pick<PacketChange, "kind">): SideName {
  return kind === "denied" ? "base" : "head";
}

const WORLD: ReadonlySet<Place> = new Set(["wan", "lan"]);

/** Of the world around any address that a lab gives it on one side, or the witness's; of others their own, on each side. */
function sourcesOf(
  { base, head }: Estates,
  { witness }: PacketChange,
  { from, family }: Wanted,
): readonly (string | undefined)[] {
  if (!WORLD.has(from)) return [undefined];
  const example = witness.head?.flow ?? witness.base?.flow;
  const isOfFamily = example !== undefined && example.source.includes(":") === (family === 6);
  const given = [labAddress(head, from, family), labAddress(base, from, family)];
  const all = [...given, ...(isOfFamily && example.from === from ? [example.source] : [])];
  return [...new Set(all.filter((source) => source !== undefined))];
}

type BothEnds = Readonly<Partial<Record<SideName, SideEnds>>>;

function endsOf(
  estates: Estates,
  { was }: PacketChange,
  { from, to, family }: Wanted,
  given: string | undefined,
): BothEnds {
  const found: Partial<Record<SideName, SideEnds>> = {};
  for (const side of SIDES) {
    const estate = estates[side];
    const target = side === "base" ? (was?.id ?? to) : to;
    const source = given ?? labAddress(estate, from, family);
    const dest = labAddress(estate, target, family);
    if (!hasPlace(estate, from) || source === undefined || dest === undefined) continue;
    found[side] = { estate, from, to: target, source, dest };
  }
  return found;
}

const WITH_PORTS: Readonly<Record<number, string>> = { 132: "sctp/0", 33: "dccp/0", 136: "udplite/0" };
/** No socket hears what the host accepts of these, raw(7). */
const UNHEARD: ReadonlySet<number> = new Set([0, 255]);

/** Over IPv6 what has ports, and echo requests: the rest is neighbour discovery and extension headers. */
function isAskable({ proto, first, last }: Span, family: Family, to: Place): boolean {
  if (proto === "tcp" || proto === "udp") return true;
  if (family === 6) return proto === "icmp" && first <= ECHO_REQUEST_6 && ECHO_REQUEST_6 <= last;
  return proto === "icmp" || to !== "host" || !(UNHEARD.has(first) || UNHEARD.has(last));
}

const ECHO_REQUEST_6 = 128;

/** Whether the change is of these flows: its own set has them, and the sides decide as it says. */
function isOf(
  change: PacketChange,
  estates: Estates,
  { proto, first, base, head }: Span,
  { family, from }: Wanted,
  own: SideEnds,
): boolean {
  if (!fits(change.kind, base, head)) return false;
  const side = ownSide(change);
  const example = change.witness[side]?.flow;
  const set = change.sets[family];
  if (!example || !set) return false;
  // The set is of the witness's pair: of the others it is the same but for their own addresses.
  const source = WORLD.has(from) ? own.source : labAddress(estates[side], example.from, family);
  const dest = labAddress(estates[side], example.to, family);
  if (source === undefined || dest === undefined) return false;
  return set.has(packetOf(flowOf(proto, first, { from, to: own.to, source, dest })));
}

function fits(kind: PacketChange["kind"], base: Decision | undefined, head: Decision | undefined): boolean {
  const [was, is] = [base?.verdict === "accept", head?.verdict === "accept"];
  switch (kind) {
    case "allowed":
      return !was && is;
    case "denied":
      return was && !is;
    case "answer":
      return base !== undefined && head !== undefined && !was && !is;
    case "responder":
      return was && is;
  }
}

function flowOf(
  proto: ClassProto,
  number: number,
  ends: Pick<Flow, "from" | "to" | "source" | "dest">,
): Flow {
  switch (proto) {
    case "tcp":
    case "udp":
      return { ...ends, proto, sport: CLIENT_PORT, dport: number };
    case "icmp":
      return { ...ends, proto, icmpType: number, icmpCode: 0 };
    case "ip":
      return { ...ends, proto: number, sport: CLIENT_PORT, dport: 0 };
  }
}

function keysWithin({ proto, first, last }: Span): readonly FlowKey[] {
  return [first, (first + last) >> 1, last].map((number) => keyOf(proto, number));
}

/** The flows right before and after, where they are no part of the change. */
function keysBeside(
  { proto, first, last }: Span,
  others: readonly Span[],
  family: Family,
): readonly FlowKey[] {
  if (proto === "ip" || (proto === "icmp" && family === 6)) return [];
  const beside = [first - 1, last + 1].filter((number) =>
    others.some((each) => each.proto === proto && each.first <= number && number <= each.last),
  );
  return beside.map((number) => keyOf(proto, number));
}

function keyOf(proto: ClassProto, number: number): FlowKey {
  return (proto === "ip" && WITH_PORTS[number]) || `${proto}/${number}`;
}

function pairOf(
  change: PacketChange,
  { from, to, family, index }: Wanted,
  ends: BothEnds,
  inside: readonly FlowKey[],
  border: readonly FlowKey[],
): PairAsked {
  const id = `change ${index + 1}: ${from} > ${to}${family === 6 ? " over IPv6" : ""}`;
  const probes: Partial<Record<SideName, PacketProbe>> = {};
  const twins: Partial<Record<SideName, PacketProbe>> = {};
  for (const side of SIDES) {
    const own = ends[side];
    if (!own) continue;
    const { estate, source, dest } = own;
    const forged = source !== labAddress(estate, from, family);
    const keys = [...inside, ...border];
    probes[side] = { kind: "packets", id, from, to: own.to, source, dest, forged, keys, sport: CLIENT_PORT };
    const twin = twinOf(estate, own.to, family);
    if (twin) twins[side] = twin;
  }
  const source = ends[ownSide(change)]?.source ?? WAN_ADDRESS;
  return { from, to, source, inside, border, probes, twins };
}
