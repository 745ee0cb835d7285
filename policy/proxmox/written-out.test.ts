import assert from "node:assert/strict";
import { test } from "node:test";
import { generalNode } from "../../fixtures/general-node.ts";
import { HarnessError } from "../../errors.ts";
import { phoenixFirewalls } from "./phoenix-json.ts";
import { MOST_NETWORKS, MOST_RULES } from "./written-out.ts";

const ON = "[OPTIONS]\nenable: 1\n";
const rulesOf = (...lines: readonly string[]) => `${ON}\n[RULES]\n\n${lines.join("\n")}\n`;

test("a set that would be too many networks is lost with each rule that names it, and the number is told", () => {
  const holes = Array.from({ length: 1000 }, (_, index) => `!2001:db8:${index.toString(16)}::1\n`).join("");
  const node = generalNode({
    "cluster.fw": `${ON}\n[IPSET shut]\n\n::/1\n${holes}\n[IPSET small]\n\n10.0.0.0/30\n`,
    "101.fw": rulesOf("IN ACCEPT -source +dc/shut", "IN ACCEPT -source +dc/small -dest +dc/shut", "IN DROP"),
  });
  const { guests, omissions } = phoenixFirewalls(node);
  assert.deepEqual(guests.get("101")?.rules, [{ type: "in", action: "DROP" }]);
  const lost = omissions.filter(({ decides }) => decides);
  assert.deepEqual(
    lost.map(({ position }) => [position.file, position.line]),
    [
      ["101.fw", 6],
      ["101.fw", 7],
    ],
  );
  const [, count] =
    /^written out, \[IPSET shut\] would be (\d+) networks, more than 65536$/.exec(lost[0]?.reason ?? "") ??
    [];
  assert.ok(Number(count) > MOST_NETWORKS, lost[0]?.reason);
});

test("a management set of too many networks is lost too", () => {
  const holes = Array.from({ length: 1000 }, (_, index) => `!2001:db8:${index.toString(16)}::1\n`).join("");
  const node = generalNode({ "cluster.fw": `${ON}\n[IPSET management]\n\n::/1\n${holes}` });
  const { host, omissions } = phoenixFirewalls(node);
  assert.deepEqual(host.global_firewall_rules, []);
  const [lost] = omissions.filter(({ decides }) => decides);
  assert.match(lost?.reason ?? "", /^written out, \[IPSET management\] would be \d+ networks/);
});

/** What is refused, and where. */
function refusalOf(files: Readonly<Record<string, string>>): string {
  try {
    phoenixFirewalls(generalNode(files));
    return "nothing";
  } catch (error) {
    return error instanceof HarnessError ? `${error.exit} ${error.message}` : String(error);
  }
}

test("more rules than a declaration has: exit 2 at the line that is one too many, groups and sets counted", () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, index) => `IN ACCEPT -p tcp -dport ${index}`);
  const group = `${ON}\n[group big]\n\n${many(MOST_RULES / 2).join("\n")}\n`;
  const twice = { "cluster.fw": group, "101.fw": rulesOf("GROUP big", "GROUP big") };
  assert.equal(refusalOf(twice), "nothing");
  assert.match(
    refusalOf({ ...twice, "100.fw": rulesOf("IN DROP") }),
    /^2 10[01]\.fw:[67]:1 \[RULES\]: expected at most 100000 rules .*, found \d+ here after \d+\. Give/,
  );
  const wide = Array.from(
    { length: 20_000 },
    (_, index) => `2001:db8:${index.toString(16)}:ffff:ffff:ffff:ffff:1\n`,
  );
  const set = `${ON}\n[IPSET wide]\n\n${wide.join("")}`;
  assert.match(
    refusalOf({ "cluster.fw": set, "101.fw": rulesOf("IN DROP", "IN DROP -source +dc/wide -dest +dc/wide") }),
    /^2 101\.fw:7:1 \[RULES\]: expected at most 100000 rules .*found \d+ here after 2\./,
  );
});
