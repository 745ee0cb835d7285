import { type End, endsOf, without } from "../policy/diff/ends.ts";
import { sideOf } from "../policy/diff/side.ts";
import { describeDecider, explainHop } from "../policy/explain.ts";
import {
  type Bearing,
  type Explained,
  explainSet,
  type Passage,
  type Passing,
  type Stop,
} from "../policy/explain-set.ts";
import type { Decider, Flow, Hop, Place } from "../policy/flow.ts";
import { parseIp } from "../policy/ip.ts";
import { describePosition } from "../policy/position.ts";
import type { FolderDeclaration } from "../policy/read.ts";
import type { SetJson } from "../policy/space/print.ts";
import { flowText } from "../reports/diff-words.ts";
import { describeVantage, type Vantage } from "./vantage.ts";

/** What `phx explain --set` says of a pair of places. */
export interface ExplainedPair {
  readonly from: Vantage;
  readonly to: Vantage;
  /** Undefined: the hops' lines are too many. */
  readonly explained: Explained | undefined;
  /** The families of which no file gives the sender an address, so that any that is nobody's counts as its own. */
  readonly unknownOwn: readonly (4 | 6)[];
}

export function explainPair(declaration: FolderDeclaration, from: Vantage, to: Vantage): ExplainedPair {
  const ends = endsOf(sideOf(declaration));
  const { gateway } = declaration.node.host;
  const [sender, receiver] = [endAt(ends, from.id, gateway), endAt(ends, to.id, gateway)];
  const explained = explainSet(declaration.node, from.id, to.id, [sender, receiver]);
  const unknownOwn = ([4, 6] as const).filter((family) => sender.isOwn && sender.known[family].length === 0);
  return { from, to, explained, unknownOwn };
}

/** `outside` is who `wan` is, without the gateway between; the gateway's address is no device's of the LAN. */
function endAt(ends: ReadonlyMap<Place, End>, id: Place, gateway: string | undefined): End {
  const end = ends.get(id) ?? (id === "outside" ? ends.get("wan") : undefined);
  if (!end) throw new TypeError(`no end ${id}`);
  const ip = gateway === undefined ? undefined : parseIp(gateway);
  if (id !== "lan" || ip?.family !== 4) return { ...end, id };
  const own = without(end.addresses[4], [{ family: 4, first: ip.value, last: ip.value }]);
  return { ...end, addresses: { ...end.addresses, 4: own } };
}

const TOO_MANY =
  "not worked out: so many rules decide between the two that it would take minutes; ask for one packet instead of --set";

/** Each course of lines that lets something through with what it does, then the lines that stop all else. */
export function explainSetText({ from, to, explained, unknownOwn }: ExplainedPair): readonly string[] {
  const pair = `from ${describeVantage(from)} to ${describeVantage(to)}`;
  if (!explained) return [pair, TOO_MANY];
  const { first, established } = explained;
  return [
    pair,
    "",
    "first packets of flows, as a client begins them:",
    ...passingLines(first),
    "",
    "packets of flows that stand (ESTABLISHED, RELATED):",
    ...passingLines(established),
    ...unknownOwn.map(
      (family) =>
        `note: no file gives ${from.id} an IPv${family} address: as its own counts any that is nobody's`,
    ),
  ];
}

function passingLines({ passages, stops }: Passing): readonly string[] {
  const courses = [...Map.groupBy(passages, ({ hops }) => JSON.stringify(hops)).values()];
  const shared = sharedHops(courses.flatMap(([first]) => (first ? [first.hops] : [])));
  const stopped = Map.groupBy(stops, stopWords);
  return [
    ...(courses.length === 0 ? ["  nothing gets through"] : []),
    ...(shared.size === 0 ? [] : ["  on every way:"]),
    ...[...shared].map(([index, hop]) => `    ${hopLine(hop, index)}`),
    ...courses.flatMap((course) => courseLines(course, shared)),
    ...(stopped.size === 0 ? [] : ["  all else is stopped:"]),
    ...[...stopped].map(([words, each]) => `    ${[...new Set(each.map(fateOf))].join(", ")} at ${words}`),
  ];
}

/** The hops, by their number, at which one line lets all courses through; of one course alone none. */
function sharedHops(courses: readonly (readonly Hop[])[]): ReadonlyMap<number, Hop> {
  const [first = [], ...others] = courses.map((hops) => hops.map((hop) => JSON.stringify(hop)));
  const hops = courses[0] ?? [];
  if (others.length === 0) return new Map();
  return new Map(
    [...hops.entries()].filter(([index]) => others.every((other) => other[index] === first[index])),
  );
}

function hopLine(hop: Hop, index: number): string {
  return `${index + 1}. ${explainHop(hop)}`;
}

function courseLines(passages: readonly Passage[], shared: ReadonlyMap<number, Hop>): readonly string[] {
  const own = [...(passages[0]?.hops ?? []).entries()].filter(([index]) => !shared.has(index));
  return [
    ...own.map(([index, hop]) => `  ${hopLine(hop, index)}`),
    ...passages.flatMap(({ bearing, flows, witness }) => [
      ...flows
        .lines()
        .map((line) => `     ${BEARINGS[bearing]}${flows.space.family === 6 ? "IPv6: " : ""}${line}`),
      `       for example ${flowText(witness)}`,
    ]),
  ];
}

const BEARINGS: Readonly<Record<Bearing, string>> = {
  own: "own source: ",
  forged: "forged source: ",
  any: "",
};

/** Where and by what; the lines that Proxmox asks on a policy's behalf are the policy's. */
function stopWords({ hop: { hook, where, decider } }: Stop): string {
  if (decider.kind !== "policy") return `${hook} ${where}, by ${describeDecider(decider)}`;
  const { policy, position } = decider;
  return `${hook} ${where}, by default policy ${policy} at ${describePosition(position)}`;
}

function fateOf({ verdict, reject }: Stop): string {
  return reject === undefined ? verdict : `${verdict} (${reject})`;
}

interface PassageJson {
  readonly bearing: Bearing;
  /** The last hop's. */
  readonly decider: Decider | undefined;
  readonly hops: readonly Hop[];
  readonly flows: SetJson;
  readonly witness: Flow;
}

interface PassingJson {
  readonly accepted: readonly PassageJson[];
  readonly stopped: readonly (Pick<Stop, "verdict" | "reject" | "witness"> & Hop)[];
}

/** The same as JSON; `complete` is false where nothing was worked out. `accepted` and `stopped` are of first packets. */
export function explainSetJson({ from, to, explained, unknownOwn }: ExplainedPair) {
  const ends = { from: from.id, to: to.id, complete: explained !== undefined };
  if (!explained) return ends;
  const { hops, first, established } = explained;
  return { ...ends, unknownOwn, hops, ...passingJson(first), established: passingJson(established) };
}

function passingJson({ passages, stops }: Passing): PassingJson {
  return {
    accepted: passages.map(({ bearing, hops, flows, witness }) => ({
      bearing,
      decider: hops.at(-1)?.decider,
      hops,
      flows: flows.toJSON(),
      witness,
    })),
    stopped: stops.map(({ hop, ...stop }) => ({ ...hop, ...stop })),
  };
}
