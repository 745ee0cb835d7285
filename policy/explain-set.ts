import type { Asked } from "./chain.ts";
import type { End } from "./diff/ends.ts";
import type { Decision, Flow, Hop, Place } from "./flow.ts";
import { FAMILIES, firstPackets } from "./prove/reach.ts";
import type { Node } from "./proxmox/node.ts";
import type { Course } from "./space/courses.ts";
import { MOST_LINES } from "./space/hop-sets.ts";
import { stateNumber } from "./space/layout.ts";
import { spaceOf } from "./space/node-space.ts";
import { PacketSet } from "./space/packet-set.ts";
import type { PacketSpace } from "./space/packet-space.ts";
import { single } from "./space/spans.ts";
import { flowOfPacket } from "./space/witness.ts";

/** `own`: under an address of the sender's; `forged`: under any other. `any`: of flows that stand the source is not told apart. */
export type Bearing = "own" | "forged" | "any";

/** Packets of one family that the same lines let through, hop by hop. */
export interface Passage {
  readonly bearing: Bearing;
  readonly hops: readonly Hop[];
  /**
   * Of `own` and `forged` flows as a client begins them, told by protocol, ports and ends: lines that ask for TCP flags or for the
   * MAC only stop, so that no flow is opened in another form alone. Of `any` the packets as they are.
   */
  readonly flows: PacketSet;
  /** A packet of it, as ordinary as there is one. */
  readonly witness: Flow;
}

/** Packets of one family that one line stops. */
export interface Stop extends Pick<Decision, "verdict" | "reject"> {
  readonly hop: Hop;
  readonly witness: Flow;
}

export interface Passing {
  readonly passages: readonly Passage[];
  readonly stops: readonly Stop[];
}

/** All that goes from one place to another: what opens a flow, and what belongs to one that stands (ESTABLISHED, RELATED). */
export interface Explained {
  readonly hops: readonly Pick<Hop, "hook" | "where">[];
  readonly first: Passing;
  readonly established: Passing;
}

/** Undefined where the lines of the hops are too many. A packet that is its own reply opens nothing. Pure. */
export function explainSet(
  node: Node,
  from: Place,
  to: Place,
  ends: readonly [End, End],
): Explained | undefined {
  const space = spaceOf(node);
  const hops = space.passes(from, to);
  const isLong = FAMILIES.some((family) => hops.some(({ asks }) => linesOf(asks(family)) > MOST_LINES));
  if (isLong) return undefined;
  const of = (sets: (each: PacketSpace) => PacketSet) =>
    FAMILIES.map((family) => space.courses(from, to, sets(space.spaces[family])));
  const [first, established] = [of(firstPackets), of(establishedPackets)];
  const tell = (all: readonly (readonly Course[] | undefined)[], isFirst: boolean): Passing | undefined => {
    const courses = all.flat();
    const known = courses.filter((each) => each !== undefined);
    if (known.length < courses.length) return undefined;
    return {
      passages: known
        .filter(({ verdict }) => verdict === "accept")
        .flatMap((course) => (isFirst ? passagesOf(course, ends) : passage(course, course.set, "any", ends))),
      stops: stopsOf(known, ends),
    };
  };
  const [opening, later] = [tell(first, true), tell(established, false)];
  return (
    opening &&
    later && { hops: hops.map(({ hook, where }) => ({ hook, where })), first: opening, established: later }
  );
}

function linesOf(asked: readonly Asked[]): number {
  return asked
    .flatMap(({ lines }) => lines)
    .reduce((sum, line) => sum + (line.kind === "group" ? line.group.lines.length : 1), 0);
}

const ESTABLISHED = (["RELATED", "ESTABLISHED"] as const).map((each) => single(stateNumber(each)));
/** Those of nearly all packets: an example should have one of them. */
const USUAL = (["NEW", "ESTABLISHED"] as const).map((each) => single(stateNumber(each)));

function establishedPackets(space: PacketSpace): PacketSet {
  return PacketSet.where(space, { states: ESTABLISHED });
}

function passagesOf(course: Course, ends: readonly [End, End]): readonly Passage[] {
  const { set } = course;
  const [from] = ends;
  const own = PacketSet.where(set.space, { sources: from.addresses[set.space.family] });
  const flows = set.flows();
  return [
    ...passage(course, flows.intersect(own), "own", ends),
    ...passage(course, flows.subtract(own), "forged", ends),
  ];
}

/** None of the empty set. Flows are told with any state, flags and MAC: their witness is one of the packets themselves. */
function passage(
  course: Course,
  flows: PacketSet,
  bearing: Bearing,
  ends: readonly [End, End],
): readonly Passage[] {
  const witness = witnessOf(course.set.intersect(flows), ends);
  return witness ? [{ bearing, hops: course.hops, flows, witness }] : [];
}

function witnessOf(set: PacketSet, [from, to]: readonly [End, End]): Flow | undefined {
  const { space } = set;
  const taste = {
    sources: from.known[space.family],
    dests: to.known[space.family],
    ...(from.mac !== undefined && { ownMac: from.mac }),
  };
  const usual = set.intersect(PacketSet.where(space, { states: USUAL, ownReply: false }));
  const packet = usual.witness(taste) ?? set.witness(taste);
  return packet && flowOfPacket(packet, from.id, to.id);
}

/** By the line that stops them, whatever let them through before. */
function stopsOf(courses: readonly Course[], ends: readonly [End, End]): readonly Stop[] {
  const stopped = courses.filter(({ verdict }) => verdict !== "accept");
  const groups = Map.groupBy(stopped, ({ verdict, reject, hops }) =>
    JSON.stringify([verdict, reject, hops.at(-1)]),
  );
  return [...groups.values()].flatMap((group): Stop[] => {
    const [{ verdict, reject, hops, set } = {}] = group;
    const hop = hops?.at(-1);
    const witness = set && witnessOf(set, ends);
    if (!verdict || !hop || !witness) return [];
    return [{ verdict, ...(reject !== undefined && { reject }), hop, witness }];
  });
}
