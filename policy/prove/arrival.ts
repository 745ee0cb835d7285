import type { Line } from "../chain.ts";
import type { Estate } from "../estate.ts";
import type { Place } from "../flow.ts";
import type { Family } from "../ip.ts";
import type { Pass } from "../passes.ts";
import { nodeOf } from "../proxmox/node.ts";
import { spaceOf } from "../space/node-space.ts";
import { sourcesOf } from "../space/sources.ts";
import type { Span } from "../space/spans.ts";
import { FAMILIES, type Reach, sentBy, type Sources } from "./reach.ts";

/* The last hop to a destination, whoever sends: of all that gets through it is the last to judge. */

/** The hops by which packets may arrive: at the host one for each of its bridges. */
function arrivalsAt(estate: Estate, to: Place): readonly Pass[] {
  const space = spaceOf(nodeOf(estate));
  const last = (from: Place) => space.passes(from, to).slice(-1);
  if (to !== "host") return last("lan");
  return ["lan", ...byBridge(estate)].flatMap(last);
}

const BY_BRIDGE = new WeakMap<Estate, readonly Place[]>();

/** One guest of each bridge. */
function byBridge(estate: Estate): readonly Place[] {
  const known = BY_BRIDGE.get(estate) ?? [
    ...new Map(estate.guests.map(({ bridge, id }) => [bridge, id])).values(),
  ];
  BY_BRIDGE.set(estate, known);
  return known;
}

const OPEN = new WeakMap<Estate, Map<Place, boolean>>();

/** Whether a first packet may get in by anything but a declared rule or a standing accept; where not, none does. */
export function arrivesByNoRule(estate: Estate, to: Place): boolean {
  const known = OPEN.get(estate) ?? new Map<Place, boolean>();
  OPEN.set(estate, known);
  const found = known.get(to) ?? findByNoRule(estate, to);
  known.set(to, found);
  return found;
}

function findByNoRule(estate: Estate, to: Place): boolean {
  const space = spaceOf(nodeOf(estate));
  return arrivalsAt(estate, to).some((pass) =>
    FAMILIES.some((family) => {
      const sent = sentBy(space.spaces[family], estate, "lan", "any");
      return !space.undeclared(pass, family).intersect(sent).isEmpty;
    }),
  );
}

/** All that the last hop lets in of first packets, as if they were one sender's; what the hops before let out is less. */
export function atArrival(estate: Estate, from: Place, to: Place): readonly Reach[] {
  const space = spaceOf(nodeOf(estate));
  return arrivalsAt(estate, to).flatMap((pass) =>
    FAMILIES.flatMap((family) => {
      const sent = sentBy(space.spaces[family], estate, from, "any");
      return space
        .hopByDecider(pass, family)
        .filter(({ verdict }) => verdict === "accept")
        .map(({ decider, set }) => ({ from, to, family, decider, set: set.intersect(sent) }));
    }),
  );
}

/** Whether a rule at the last hop may let in a packet of this sender, by its source alone; where none may, none does. */
export function arrivesByRule(estate: Estate, from: Place, to: Place, sources: Sources): boolean {
  return arrivalsAt(estate, to).some((pass) =>
    FAMILIES.some((family) => {
      const spans = sendable(estate, from, to, family, sources);
      return pass.asks(family).some(({ lines }) => lines.some((line) => mayTake(line, family, spans)));
    }),
  );
}

function mayTake(line: Line, family: Family, from: readonly Span[] | undefined): boolean {
  if (line.kind === "group") return true;
  if (line.kind !== "match" || line.decider.kind !== "rule" || line.action !== "ACCEPT") return false;
  const { sources } = line.match;
  if (!sources) return true;
  return sources.some(
    ({ family: own, first, last }) =>
      own === family && (!from || from.some((span) => first <= span.last && span.first <= last)),
  );
}

const SENDABLE = new WeakMap<Estate, Map<string, readonly Span[]>>();

/** From which addresses a place's packets come past its own first hop; undefined: from any. */
function sendable(
  estate: Estate,
  from: Place,
  to: Place,
  family: Family,
  sources: Sources,
): readonly Span[] | undefined {
  if (family === 6) return undefined;
  const known = SENDABLE.get(estate) ?? new Map<string, readonly Span[]>();
  SENDABLE.set(estate, known);
  const key = `${from} ${sources}`;
  const found = known.get(key) ?? findSendable(estate, from, to, sources);
  known.set(key, found);
  return found;
}

function findSendable(estate: Estate, from: Place, to: Place, sources: Sources): readonly Span[] {
  const space = spaceOf(nodeOf(estate));
  const sent = sentBy(space.spaces[4], estate, from, sources);
  const [first] = space.passes(from, to);
  const { spans, toSelf } = sourcesOf((first ? sent.intersect(space.hop(first)) : sent).diagram);
  return [...spans, ...toSelf.map((address) => ({ first: address, last: address }))];
}
