import type { Asked, GroupChain, Line } from "../chain.ts";
import type { Family } from "../ip.ts";
import type { Match } from "../match.ts";
import type { Pass } from "../passes.ts";

/**
 * What a hop asks of a packet, as a name: hops of one name accept the same, whoever's they are. Matches and groups are told
 * by identity, so that hops of two names may accept the same too.
 */
export function shapeOf(pass: Pass, family: Family): string {
  const asked = pass.asks(family);
  const isEnded = asked.some(({ policy }) => policy !== undefined);
  const { verdict, decider } = pass.otherwise(family);
  const rest = isEnded ? "" : `${verdict} ${decider.kind}`;
  return `${pass.device}; ${asked.map((each) => linesOf(each, pass.device)).join("; ")}; ${rest}`;
}

function linesOf({ lines, policy }: Asked, device: string): string {
  return [...lines.map((line) => wordOf(line, device)), policy?.action ?? ""].join(", ");
}

function wordOf(line: Line, device: string): string {
  switch (line.kind) {
    case "match":
      return `${line.action} ${line.decider.kind} ${nameOf(line.match)}`;
    case "group":
      return `group ${numberOf(line.group)} ${line.device === undefined || line.device === device}`;
    case "clear-mark":
    case "smurfs":
    case "tcpflags":
      return line.kind;
  }
}

/** A MAC filter names its own NIC's MAC: to a set that is the same for all. */
function nameOf(match: Match): string {
  const { notMac, ...others } = match;
  return notMac !== undefined && Object.keys(others).length === 0 ? "not its MAC" : `${numberOf(match)}`;
}

const NUMBERS = new WeakMap<Match | GroupChain, number>();
let numbers = 0;

function numberOf(shared: Match | GroupChain): number {
  const known = NUMBERS.get(shared) ?? ++numbers;
  NUMBERS.set(shared, known);
  return known;
}
