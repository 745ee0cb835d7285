import { type Estate, guestOf, type Position } from "../estate.ts";
import { describeDecider } from "../explain.ts";
import type { Place } from "../flow.ts";
import { nodeOf } from "../proxmox/node.ts";
import { spaceOf } from "../space/node-space.ts";
import { cubeText } from "../space/cube-text.ts";
import type { PacketSet } from "../space/packet-set.ts";
import { flowOfPacket } from "../space/witness.ts";
import { type Closing, closingOf, switchedOn, triedLines } from "./closing.ts";
import { guestById } from "./owners.ts";
import { type Leak, leaksOf } from "./leaks.ts";
import type { Proof, Violation } from "./proof.ts";
import { type Reach, sentBy, tasteOf } from "./reach.ts";
import { countPairs, REQUIREMENTS, type Requirement, webOf } from "./requirement.ts";
import { tooLong, undecidedProof } from "./size.ts";
import { placeInWords } from "./way.ts";

/** Who reaches what, for every packet: the controls that a firewall alone decides. Pure. */
export function proveReaches(estate: Estate): readonly Proof[] {
  return [...REQUIREMENTS.map((requirement) => proofOf(estate, requirement)), proveSwitchedOn(estate)];
}

/** FW-003, as far as the files go. */
function proveSwitchedOn(estate: Estate): Proof {
  const sections = [estate.host, ...estate.guests];
  const off = sections.filter(({ firewall }) => firewall?.enabled !== true);
  const found = off.map((each) => {
    const place = "id" in each ? each.id : "host";
    const position = each.firewall?.keys?.enabled ?? each.firewall?.position ?? each.position;
    const why = each.firewall ? "is off" : "is missing";
    const message = `the firewall of ${placeInWords(estate, place)} ${why}: nothing filters its port`;
    return { message, position, closing: switchedOn(estate, position) };
  });
  return {
    control: "FW-003",
    statement: "The firewall of the datacenter, the host and each guest is on.",
    space: `${sections.length} firewalls`,
    violations: found.map(closed),
    notes: untried(estate, found),
  };
}

function proofOf(estate: Estate, requirement: Requirement): Proof {
  const { control, statement, sources = "own" } = requirement;
  const undecided = tooLong(estate);
  if (undecided !== undefined) return undecidedProof(control, undecided, statement);
  const pairs = countPairs(estate, requirement);
  const found = leaksOf(estate, requirement).map((leak) => openOf(estate, leak));
  const violations = found.map(closed);
  const under = sources === "any" ? "any source" : "its own sources";
  return {
    control,
    statement,
    space: `${pairs} ordered ${pairs === 1 ? "pair" : "pairs"}, every first packet of IPv4 and IPv6 under ${under}`,
    violations: control === "EDGE-001" ? [...violations, ...closedWeb(estate)] : violations,
    notes: untried(estate, found),
  };
}

/** What is open, and what closes it. */
interface Open extends Pick<Violation, "message" | "position" | "witness"> {
  readonly closing: Closing;
}

function closed({ closing: { remedy, patch }, ...open }: Open): Violation {
  return { ...open, remedy, ...(patch && { patch }) };
}

/** Where not for all of them a patch was tried. */
function untried(estate: Estate, found: readonly Open[]): readonly string[] {
  const count = found.filter(({ closing }) => closing.isUntried).length;
  if (count === 0) return [];
  const tried = triedLines(estate);
  const which = tried === 0 ? "none" : `the first ${tried} lines of the files alone`;
  return [
    `no patch was tried for ${count} of these: in an estate of ${estate.guests.length} guests it is for ${which}`,
  ];
}

function openOf(estate: Estate, leak: Leak): Open {
  const [first] = leak.reaches;
  if (!first) throw new TypeError("a leak of nothing");
  const { from, to, set, decider } = first;
  const packet = set.witness(tasteOf(estate, from, to));
  return {
    message: `${leakInWords(estate, first, leak)}, let in by ${describeDecider(decider)}`,
    position: positionOf(estate, first),
    ...(packet && { witness: flowOfPacket(packet, from, to) }),
    closing: closingOf(estate, decider),
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
function linesOf(estate: Estate, from: Place, to: Place, set: PacketSet): readonly string[] {
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

/** EDGE-001 asks for two ports that answer, from every address outside: what of them does not come in. */
function closedWeb(estate: Estate): readonly Violation[] {
  const { id, address, position, firewall } = guestOf(estate, "gateway");
  const space = spaceOf(nodeOf(estate));
  const wanted = sentBy(space.spaces[4], estate, "wan", "own").intersect(webOf(space.spaces[4], address));
  const closed = wanted.subtract(space.accepted("wan", id, 4));
  const packet = closed.witness(tasteOf(estate, "wan", id));
  if (!packet) return [];
  const what = linesOf(estate, "wan", id, closed).join("; ");
  return [
    {
      message: `${placeInWords(estate, id)} does not let in ${what}`,
      position: firewall?.position ?? position,
      witness: flowOfPacket(packet, "wan", id),
      remedy: "Let TCP 80 and 443 in from anywhere, to the gateway's address.",
    },
  ];
}
