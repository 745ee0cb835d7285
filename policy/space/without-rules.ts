import type { Asked, Line } from "../chain.ts";
import type { Family } from "../ip.ts";
import type { Match } from "../match.ts";
import type { Pass } from "../passes.ts";

/** A hop without its declared rules, named by what is left: hops of which the same is left have one name. */
export function withoutRules(pass: Pass, family: Family): Pass {
  const left = pass.asks(family).map((asked) => ({ ...asked, lines: asked.lines.filter(isOwn) }));
  const hasPolicy = left.some(({ policy }) => policy !== undefined);
  const { verdict, decider } = pass.otherwise(family);
  const where = `without rules: ${left.map(shapeOf).join("; ")}${hasPolicy ? "" : `; ${verdict} ${decider.kind}`}`;
  return { ...pass, where, asks: () => left };
}

/** One of Proxmox's own lines. */
function isOwn(line: Line): boolean {
  return line.kind !== "group" && (line.kind !== "match" || line.decider.kind !== "rule");
}

function shapeOf({ lines, policy }: Asked): string {
  const words = lines.map((line) =>
    line.kind === "match" ? `${line.action} ${line.decider.kind} ${numberOf(line.match)}` : line.kind,
  );
  return [...words, policy?.action ?? ""].join(", ");
}

const NUMBERS = new WeakMap<Match, number>();
let matches = 0;

/** Proxmox's own lines share their matches: to compare what is in them would cost more. */
function numberOf(match: Match): number {
  const known = NUMBERS.get(match) ?? ++matches;
  NUMBERS.set(match, known);
  return known;
}
