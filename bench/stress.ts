import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { stress } from "../fixtures/stress.ts";
import { CONDITIONS } from "../fixtures/stress-conditions.ts";
import type { Tally } from "../fixtures/stress-lab.ts";

/* How often the packet engine is wrong, under each condition in turn, held against the model. Arguments: `--outcomes N`, how
   many in all (default 1,000,000), each condition the same but for links that are too slow; `--seed S` repeats what chance
   chose; `--only WORDS`, conditions whose title has them. Where packets are lost each flow is confirmed, so that such a
   condition takes minutes. Exit status 1 where any outcome is wrong. */

const OUTCOMES = 1_000_000;
const { values } = parseArgs({
  options: { outcomes: { type: "string" }, seed: { type: "string" }, only: { type: "string" } },
});
const seed = Number(values.seed ?? randomInt(2 ** 31));
const asked = CONDITIONS.filter(({ title }) => title.includes(values.only ?? ""));
const wanted = Math.ceil(Number(values.outcomes ?? OUTCOMES) / asked.length);
const count = (number: number) => number.toLocaleString("en").padStart(9);

function line(title: string, { asked, right, unanswered, unknown, wrong }: Tally): string {
  return `${title.padEnd(46)}${[asked, right, unanswered, unknown, wrong].map(count).join("  ")}`;
}

console.log(`seed ${seed}, at least ${wanted.toLocaleString("en")} outcomes a condition that is fast enough`);
console.log(`${" ".repeat(46)}    asked      right  (no RST)    unknown      WRONG`);
const total: Tally = { asked: 0, right: 0, unanswered: 0, unknown: 0, wrong: 0, examples: [] };
for (const condition of asked) {
  const since = performance.now();
  const tally = await stress(condition, wanted, seed);
  console.log(`${line(condition.title, tally)}  ${((performance.now() - since) / 1000).toFixed(0)} s`);
  for (const example of tally.examples) console.log(`    ${example}`);
  for (const key of ["asked", "right", "unanswered", "unknown", "wrong"] as const) total[key] += tally[key];
}
console.log(line("all", total));
process.exitCode = total.wrong > 0 ? 1 : 0;
