/** What `phx coverage` costs: estates of 100 and 1,000 guests with 10 rules each, and lists of rules that a user could write. */
import { largeEstate } from "../fixtures/estates/large.ts";
import { generalNode } from "../fixtures/general-node.ts";
import { type Coverage, coverageOf } from "../policy/coverage/coverage.ts";
import { nodeOf } from "../policy/proxmox/node.ts";

function measure(words: string, work: () => Coverage): void {
  const start = performance.now();
  const { rules, unchecked } = work();
  const seconds = ((performance.now() - start) / 1000).toFixed(2);
  const verdicts = [...Map.groupBy(rules, ({ verdict }) => verdict)].map(
    ([verdict, all]) => `${all.length} ${verdict}`,
  );
  const left = unchecked.map(({ rules: count }) => `${count} not worked out`);
  const mostMiB = Math.round(process.resourceUsage().maxRSS / 1024);
  console.log(`${words}: ${seconds} s, ${[...verdicts, ...left].join(", ")}; at most ${mostMiB} MiB so far`);
}

function list(words: string, line: (index: number) => string): void {
  const rules = Array.from({ length: 1000 }, (_, index) => line(index)).join("\n");
  const node = generalNode({ "101.fw": `[OPTIONS]\nenable: 1\n[RULES]\n${rules}\n` });
  measure(`1,000 rules ${words}`, () => coverageOf(node));
}

for (const guests of [100, 1000]) {
  const estate = largeEstate(guests, 10);
  measure(`${guests} guests of 10 rules`, () => coverageOf(nodeOf(estate), { estate }));
}
const action = (index: number) => (index % 2 === 0 ? "ACCEPT" : "DROP");
list(
  "of ports that overlap and alternate",
  (index) => `IN ${action(index)} -p tcp -dport ${index * 2}:${index * 2 + 60}`,
);
list("that two others shadow together", (index) =>
  index < 2
    ? `IN ACCEPT -p tcp -dport ${index === 0 ? "1:30000" : "30001:65535"}`
    : `IN DROP -p tcp -dport ${29_500 + index}:${29_700 + index}`,
);
list(
  "that cross in every field",
  (index) =>
    `IN ${action(index)} -source 10.${index % 250}.0.0/16 -dest 10.0.${index % 240}.0/24 -p tcp -dport ${(index * 37) % 5000}:65535`,
);
