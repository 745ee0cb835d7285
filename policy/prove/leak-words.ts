import type { Estate, Position } from "../estate.ts";
import { describeDecider } from "../explain.ts";
import type { Place } from "../flow.ts";
import { cubeText } from "../space/cube-text.ts";
import type { PacketSet } from "../space/packet-set.ts";
import { flowOfPacket } from "../space/witness.ts";
import type { Leak } from "./leaks.ts";
import { guestById } from "./owners.ts";
import type { Found } from "./proof.ts";
import { type Reach, sentBy, tasteOf } from "./reach.ts";
import { remedyFor } from "./remedy.ts";
import { placeInWords } from "./way.ts";

/** What one line lets through, as a violation: who reaches whom with what, and a packet that shows it. */
export function violationOf(estate: Estate, leak: Leak): Found {
  const [first] = leak.reaches;
  if (!first) throw new TypeError("a leak of nothing");
  const { from, to, set, decider } = first;
  const packet = set.witness(tasteOf(estate, from, to));
  return {
    message: `${leakInWords(estate, first, leak)}, let in by ${describeDecider(decider)}`,
    position: positionOf(estate, first),
    ...(packet && { witness: flowOfPacket(packet, from, to) }),
    remedy: remedyFor(decider),
    decider,
  };
}

const MOST_LINES = 3;

/** `wan reaches Portainer (guest 1001) with tcp 9443` of the first pair, and how many pairs there are beside it. */
function leakInWords(estate: Estate, first: Reach, { reaches, pairs }: Leak): string {
  const more = pairs > 1 ? ` (and ${pairs - 1} more ${pairs === 2 ? "pair" : "pairs"})` : "";
  const [from, to] = [first.from, first.to].map((place) => placeInWords(estate, place));
  return `${from} reaches ${to} with ${flowsInWords(estate, reaches)}${more}`;
}

/** What a rule lets in, as it is written; what nothing stops needs no list. */
function flowsInWords(estate: Estate, reaches: readonly Reach[]): string {
  if (reaches.some(({ decider }) => decider.kind !== "rule")) return "all that no rule stops";
  const lines = [...new Set(reaches.flatMap(({ from, to, set }) => linesOf(estate, from, to, set)))];
  const shown = lines.slice(0, MOST_LINES);
  return [...shown, ...(lines.length > MOST_LINES ? [`${lines.length - MOST_LINES} more`] : [])].join("; ");
}

/** A set's flows between two places, whose own addresses go without saying. */
export function linesOf(estate: Estate, from: Place, to: Place, set: PacketSet): readonly string[] {
  const { family } = set.space;
  const [own] = sentBy(set.space, estate, from, "own").flows().cubes();
  const taste = tasteOf(estate, from, to);
  return [...set.flows().cubes()].map(({ sources, dests, ...cube }) => {
    const isOwn =
      sources === undefined || JSON.stringify(sources, text) === JSON.stringify(own?.sources, text);
    const [only, ...others] = dests ?? [];
    const isItsOwn = others.length === 0 && only?.first === only?.last && taste.dests[0] === only?.first;
    const told = { ...cube, ...(!isOwn && { sources }), ...(dests && !isItsOwn && { dests }) };
    return cubeText(told, family);
  });
}

function text(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}

function positionOf(estate: Estate, { decider, to }: Reach): Position {
  if ("position" in decider) return decider.position;
  return placePosition(estate, to);
}

function placePosition(estate: Estate, place: Place): Position {
  return guestById(estate, place)?.position ?? estate.host.position;
}
