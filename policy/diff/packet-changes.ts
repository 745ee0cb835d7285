import { decideOn } from "../decide.ts";
import type { Decision, Flow, Place } from "../flow.ts";
import type { Family } from "../ip.ts";
import type { DecidedSet } from "../space/node-space.ts";
import type { PacketSet } from "../space/packet-set.ts";
import { flowOfPacket } from "../space/witness.ts";
import { astrayWords, type Deviation } from "./astray.ts";
import type { JudgedApproval, JudgedChange } from "./approve.ts";
import { type Cause, causeOf, changedBehind } from "./causes.ts";
import type { Comparison } from "./compare.ts";
import type { End } from "./ends.ts";
import { bothFamilies, FlowWriter, hasNone, isOfAnyEnds } from "./flow-words.ts";
import { SIDES, type SideName } from "./hops.ts";
import type { ChangeKind, PairChange } from "./pairs.ts";

/** A packet as one side has it, and what becomes of it there. */
interface Fate {
  readonly flow: Flow;
  readonly decision: Decision;
}

/**
 * Packets that the two sides do not treat alike, from each of some places to each of others, but from none to itself, with what
 * decides them.
 */
export interface PacketChange {
  readonly kind: ChangeKind;
  readonly from: readonly End[];
  readonly to: readonly End[];
  /** `responder`: who answered there before. */
  readonly was?: End;
  readonly deviation?: Deviation;
  /** Exact, of the pair of the witness: of the others they are the same but for the ends' own addresses. */
  readonly sets: Readonly<Partial<Record<Family, PacketSet>>>;
  /** The sets in words, each a line. */
  readonly flows: readonly string[];
  readonly before?: string;
  readonly after?: string;
  /** One of the packets; a side that lacks one of its places has none. */
  readonly witness: Readonly<Partial<Record<SideName, Fate>>>;
  readonly causes: readonly Cause[];
  /** Some of the causes are lines of a guest at one end of the witness: the others have the same in their own files. */
  readonly hasTwins?: true;
  /** Who has approved that it is newly allowed. */
  readonly approval?: JudgedApproval;
}

/** Changes in words, of one pair and kind as one, whichever family. */
export function inWords(comparison: Comparison, changes: readonly JudgedChange[]): readonly PacketChange[] {
  const words = new FlowWriter();
  const same = Map.groupBy(changes, ({ kind, from, to, was, deviation, before, after, approval }) =>
    JSON.stringify([kind, from, to, was, deviation, before, after, approval?.position]),
  );
  return [...same.values()].flatMap((group) => {
    const [first] = group;
    return first ? describe(comparison, words, first, group) : [];
  });
}

function describe(
  comparison: Comparison,
  writer: FlowWriter,
  first: JudgedChange,
  group: readonly JudgedChange[],
): readonly PacketChange[] {
  const { kind, from, to, was, deviation, before, after, approval } = first;
  const side = kind === "denied" ? "base" : "head";
  const ends = comparison.ends[side];
  const [sender, receiver] = [ends.get(from), ends.get(to)];
  if (!sender || !receiver) throw new TypeError(`a change between ${from} and ${to}, which ${side} has not`);
  const witness = witnessOf(comparison, first, sender, receiver);
  if (!witness) return [];
  const words = (family: Family) =>
    group
      .filter((each) => each.family === family)
      .flatMap(({ set, whole }) =>
        deviation ? astrayWords(set, deviation) : writer.words(set, whole, sender, receiver),
      );
  const earlier = was === undefined ? undefined : comparison.ends.base.get(was);
  return [
    {
      kind,
      from: membersOf(comparison, "senders", side, from, to),
      to: membersOf(comparison, "receivers", side, to, from),
      ...(earlier && { was: earlier }),
      ...(deviation && { deviation }),
      sets: Object.fromEntries(group.map(({ family, set }) => [family, set])),
      flows: bothFamilies({ 4: words(4), 6: words(6) }),
      ...(before !== undefined && { before }),
      ...(after !== undefined && { after }),
      witness,
      ...causesOf(comparison, group),
      ...(approval && { approval }),
    },
  ];
}

/** For whom a place stands; without who is all that is on the other end. */
function membersOf(
  comparison: Comparison,
  role: "senders" | "receivers",
  side: SideName,
  place: Place,
  other: Place,
): readonly End[] {
  const crowd = comparison.crowdOf(role, place);
  const others = comparison.crowdOf(role === "senders" ? "receivers" : "senders", other);
  const ends = comparison.ends[side];
  return crowd.filter((id) => others.length > 1 || id !== others[0]).flatMap((id) => ends.get(id) ?? []);
}

/** A packet of the change as each side has it. It is asked of the model, which has to say that the two differ. */
function witnessOf(
  comparison: Comparison,
  change: PairChange,
  from: End,
  to: End,
): PacketChange["witness"] | undefined {
  const { set, family, kind } = change;
  const packet = set.witness({
    sources: from.known[family],
    dests: to.known[family],
    ...(from.mac !== undefined && { ownMac: from.mac }),
  });
  if (!packet) return undefined;
  const own = kind === "denied" ? "base" : "head";
  const found: Partial<Record<SideName, Fate>> = {};
  for (const side of SIDES) {
    const target = side === "base" ? (change.was ?? to.id) : to.id;
    if (!comparison.endsOn(side, { from: from.id, to: target, family })) continue;
    const flow = flowOfPacket(
      side === own ? packet : comparison.moves.packetOn(packet, change, side),
      from.id,
      target,
    );
    found[side] = { flow, decision: decideOn(comparison.sides[side].node, flow) };
  }
  refuseAgreement(kind, found);
  return found;
}

function refuseAgreement(kind: ChangeKind, { base, head }: PacketChange["witness"]): void {
  const verdicts = [base, head].map((fate) => fate?.decision.verdict ?? "no such place");
  const [was, is] = verdicts;
  const isSo = {
    allowed: was !== "accept" && is === "accept",
    denied: was === "accept" && is !== "accept",
    answer: was !== "accept" && is !== "accept",
    responder: was === "accept" && is === "accept",
  }[kind];
  if (!isSo) throw new TypeError(`a witness of ${kind} that is ${was} before and ${is} after`);
}

/** What decides these packets at the hops that are not the same, and what changed behind it. */
function causesOf(
  comparison: Comparison,
  group: readonly PairChange[],
): Pick<PacketChange, "causes" | "hasTwins"> {
  const decided = SIDES.flatMap((side) =>
    group.flatMap((change) => decidersOf(comparison, change, side).map((ruling) => ({ side, ruling }))),
  );
  const deciding = distinct(decided.map(({ side, ruling }) => causeOf(side, ruling)));
  const hasTwins = group.some((change) => {
    const names = ownHopsOfMany(comparison, change);
    return decided.some(({ ruling: { decider, where } }) => "position" in decider && names.includes(where));
  });
  const { base, head } = comparison.sides;
  const ends = group.flatMap((change) => {
    const isReceivers = SIDES.every((side) => comparison.hops.receiverAlone(side, change));
    const { from, to, was } = change;
    return [...(isReceivers ? [] : [from]), to, ...(was === undefined ? [] : [was])];
  });
  const behind = changedBehind(base.node, head.node, [...new Set(ends)], deciding);
  return { causes: [...deciding, ...behind], ...(hasTwins && { hasTwins }) };
}

/** What the first hop and the last are called, where one guest stands for many that have such a hop each. */
function ownHopsOfMany(comparison: Comparison, { from, to, was, family }: PairChange): readonly string[] {
  const [isOfSenders, isOfReceivers] = [
    comparison.crowdOf("senders", from).length > 1,
    comparison.crowdOf("receivers", to).length > 1,
  ];
  return SIDES.flatMap((side) => {
    const target = side === "base" ? (was ?? to) : to;
    if (!comparison.endsOn(side, { from, to: target, family })) return [];
    const passes = comparison.hops.nodes[side].passes(from, target);
    const own = [isOfSenders ? passes[0] : undefined, isOfReceivers ? passes.at(-1) : undefined];
    return own.flatMap((pass) => pass?.where ?? []);
  });
}

function decidersOf(comparison: Comparison, change: PairChange, side: SideName): readonly DecidedSet[] {
  const { from, to, was, family, kind, set, whole, deviation } = change;
  const pair = { from, to: side === "base" ? (was ?? to) : to, family };
  const own = kind === "denied" ? "base" : kind === "answer" ? undefined : "head";
  const isAccepted = side === own || kind === "responder";
  const hops = comparison.hops.changedHops(side, pair);
  const flowsOf = (of: PacketSet) => comparison.flowsOf(of);
  const isElsewhere =
    side !== (kind === "denied" ? "base" : "head") && was === undefined && comparison.moves.hasAny(pair);
  const here = isElsewhere ? comparison.moves.relocated(set, pair, kind === "denied" ? "base" : "head") : set;
  // Of a place that is new or gone only the last hop tells, and of packets astray the whole set is asked.
  const isAlone = SIDES.some((each) => !comparison.endsOn(each, pair));
  const decided =
    hops.length > 0 && !deviation && !isAlone
      ? hops
          .flatMap((hop) => comparison.hops.hopDeciders(side, hop, isElsewhere ? here : whole, flowsOf))
          .filter(({ flows }) => isOfAnyEnds(flows) || !hasNone(flows.intersect(here)))
          .map(({ ruling }) => ruling)
      : (hops.length === 0 || isAlone
          ? comparison.byDecider(side, pair)
          : hops.flatMap((hop) => comparison.hops.hopByDecider(side, hop, family))
        )
          // Of what comes through only those that accept are told, and the flows of a set cost more than all else.
          .filter(({ verdict }) => !isAccepted || verdict === "accept")
          .filter((each) => !(deviation ? each.set : comparison.flowsOf(each.set)).intersect(here).isEmpty);
  return telling(decided, isAccepted);
}

/** What comes through is accepted by all that it meets, and what does not is refused by one: the others tell nothing. */
function telling(decided: readonly DecidedSet[], isAccepted: boolean): readonly DecidedSet[] {
  const refusing = decided.filter(({ verdict }) => verdict !== "accept");
  if (isAccepted) return decided.filter(({ verdict }) => verdict === "accept");
  return refusing.length > 0 ? refusing : decided;
}

function distinct(causes: readonly Cause[]): readonly Cause[] {
  return [...new Map(causes.map((cause) => [JSON.stringify(cause), cause])).values()];
}
