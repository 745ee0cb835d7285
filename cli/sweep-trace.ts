import { FilterCounters } from "../lab/filter-counters.ts";
import type { Lab } from "../lab/lab.ts";

const TERMINAL = /-j (?:ACCEPT|DROP|REJECT)\b/;
/** What answers pass by. */
const ANSWERS = /--ctstate RELATED,ESTABLISHED/;

/** Lines of the node's live table that ended a packet's way while `send` ran, as `CHAIN RULE`, in the table's order. */
export async function liveLines(lab: Lab, family: 4 | 6, send: () => Promise<unknown>): Promise<string[]> {
  const node = new FilterCounters(lab, "host", family);
  const before = await node.read();
  await send();
  const after = await node.read();
  const counts = new Map(before.map(({ chain, rule, count }, index) => [`${index} ${chain} ${rule}`, count]));
  return after
    .filter(({ chain, rule, count }, index) => count > (counts.get(`${index} ${chain} ${rule}`) ?? count))
    .filter(({ rule }) => TERMINAL.test(rule) && !ANSWERS.test(rule))
    .map(({ chain, rule }) => `${chain} ${rule}`);
}
