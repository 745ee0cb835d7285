import { FilterCounters } from "../lab/filter-counters.ts";
import type { Lab } from "../lab/lab.ts";

const TERMINAL = new Set<string | undefined>(["ACCEPT", "DROP", "REJECT"]);
/** What answers pass by. */
const ANSWERS = "--ctstate RELATED,ESTABLISHED";

/** Lines of the node's live table that ended a packet's way while `send` ran, as `CHAIN RULE`, in the table's order. */
export async function liveLines(lab: Lab, family: 4 | 6, send: () => Promise<unknown>): Promise<string[]> {
  const node = new FilterCounters(lab, "host", family);
  const before = await node.read();
  await send();
  const after = await node.read();
  const counts = new Map(before.map(({ chain, rule, count }, index) => [`${index} ${chain} ${rule}`, count]));
  return after
    .filter(({ chain, rule, count }, index) => count > (counts.get(`${index} ${chain} ${rule}`) ?? count))
    .filter(({ rule }) => TERMINAL.has(targetOf(rule)) && !withoutQuoted(rule).includes(ANSWERS))
    .map(({ chain, rule }) => `${chain} ${rule}`);
}

/** Where a rule of iptables-save(8) jumps: the last `-j`, since a match may have such a word as its value; none where it counts alone. */
export function targetOf(rule: string): string | undefined {
  return /^(?:.* )?-j (\S+)/.exec(withoutQuoted(rule))?.[1];
}

/* What a comment or a log's prefix says is no part of the rule. Quotes in it have a backslash (libxtables, save_string). */
function withoutQuoted(rule: string): string {
  return rule.replaceAll(/"(?:\\.|[^"\\])*"/g, '""');
}
