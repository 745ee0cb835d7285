import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { networkLab } from "../fixtures/network-lab.ts";
import { estateWith } from "../fixtures/reference.ts";
import { FilterCounters } from "../lab/filter-counters.ts";
import type { OwnedLab } from "../lab/lab.ts";
import { run } from "../lab/process.ts";
import { type Counters, gains, readCounters } from "./counters.ts";

let owned: OwnedLab;
let node: FilterCounters;
before(async () => {
  owned = await networkLab(estateWith(() => {}));
  node = new FilterCounters(owned.lab, "host");
});
after(() => owned[Symbol.asyncDispose]());

const say = (namespace: string, command: string) => run(owned.lab, namespace, ["bash", "-c", command]);

/** `count CHAIN RULE` of every line, as iptables-save itself prints it. */
async function saved(): Promise<string[]> {
  const text = await say("host", "iptables-legacy-save -c -t filter");
  return [...text.matchAll(/^\[(\d+):\d+\] -A (\S+) (.*)$/gm)].map(([, ...parts]) => parts.join(" "));
}

const read = async () => (await node.read()).map(({ chain, rule, count }) => `${count} ${chain} ${rule}`);

test("the table read from the kernel is iptables-save's, line by line, count by count", async () => {
  assert.deepEqual(await read(), await saved());
  await say("wan", "for port in 1 2 3 53 135; do echo x >/dev/udp/10.0.0.153/$port; done");
  const now = await read();
  assert.deepEqual(now, await saved());
  assert.ok(now.some((line) => !line.startsWith("0 ")));
});

test("rules that are added, removed, or loaded anew are noticed at the next look", async () => {
  for (const change of [
    "-I INPUT -p udp -j DROP",
    "-D INPUT -p udp -j DROP",
    "-N new",
    "-A new -p tcp -j REJECT",
    "-F new",
    "-X new",
    "-Z",
  ]) {
    await say("host", `iptables-legacy ${change}`);
    assert.deepEqual(await read(), await saved(), change);
  }
});

test("an empty table, and one of another namespace, are read too", async () => {
  await say("lan", "iptables-legacy -L -n >/dev/null");
  assert.deepEqual(await new FilterCounters(owned.lab, "lan").read(), []);
  await say("lan", "iptables-legacy -A OUTPUT -d 192.0.2.1 -j DROP");
  assert.deepEqual(await new FilterCounters(owned.lab, "lan").read(), [
    { chain: "OUTPUT", rule: "-d 192.0.2.1/32 -j DROP", count: 0, bytes: 0, effect: "drop" },
  ]);
});

test("only lines that end a packet's way are counted; a late answer's INVALID is nobody's probe", async () => {
  const rules = [...(await readCounters(owned.lab, node)).values()].map(({ rule }) => rule);
  assert.ok(rules.length > 10);
  for (const rule of rules) assert.match(rule, /-j (DROP|REJECT)|IPReversePathFilter|InNoRoutes/);
  assert.ok(!rules.some((rule) => rule.includes("INVALID -j DROP")));
});

test("a line ends a packet's way by its target, whatever words stand in it", async () => {
  const lines = [
    '-p tcp -m comment --comment "was -j DROP before" -j ACCEPT',
    '-p tcp -m comment --comment "not -j REJECT" -j DROP',
    "-p tcp -j DROP-log",
  ];
  await say("lan", `iptables-legacy -F; iptables-legacy -N DROP-log`);
  for (const line of lines) await say("lan", `iptables-legacy -A OUTPUT ${line}`);
  const read = await new FilterCounters(owned.lab, "lan").read();
  assert.deepEqual(
    read.map(({ effect }) => effect),
    [undefined, "drop", undefined],
    JSON.stringify(read),
  );
});

test("rules that come and go while they are read: each count stands with its own line", async () => {
  const counted = new FilterCounters(owned.lab, "lan");
  const change = async () => {
    for (let round = 0; round < 20; round++)
      await say("lan", "iptables-legacy -I OUTPUT -d 192.0.2.9 -j DROP; iptables-legacy -D OUTPUT 1");
  };
  let isOver = false;
  const changing = change().finally(() => (isOver = true));
  while (!isOver) {
    for (const { rule, effect } of await counted.read())
      assert.equal(effect, / -j DROP$|^-j DROP$/.test(rule) ? "drop" : undefined, rule);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await changing;
});

test("what a rule and the gateway's reverse path filter stop is gained there, and nowhere else", async () => {
  const before = await readCounters(owned.lab, node);
  await say("wan", "echo x >/dev/udp/10.0.0.153/9");
  const once = gains(before, await readCounters(owned.lab, node));
  const bytes = 20 + 8 + "x\n".length;
  assert.deepEqual(once, [{ chain: "veth101i0-IN", rule: "-j DROP", effect: "drop", gain: 1, bytes }]);
  await say(
    "wan",
    "ip addr add 10.0.0.77/32 dev lo; ip route add 10.0.0.153/32 via 203.0.113.1 src 10.0.0.77; echo x >/dev/udp/10.0.0.153/9",
  );
  const forged = gains(before, await readCounters(owned.lab, node)).filter(({ chain }) =>
    chain.startsWith("gateway"),
  );
  assert.deepEqual(forged, [
    { chain: "gateway reverse path", rule: "IPReversePathFilter", effect: "drop", gain: 1, bytes: undefined },
  ]);
});

const counters = (...lines: [string, string, number][]): Counters =>
  new Map(
    lines.map(([chain, rule, count], index) => [
      `${chain} ${index} ${rule}`,
      { chain, rule, count, bytes: count * 40, effect: rule.startsWith("-j DROP") ? "drop" : "reject" },
    ]),
  );

test("a gain is what a line gained; a line that is new, moved, gone or set back says nothing", () => {
  const before = counters(["a", "-j DROP", 5], ["b", "-j REJECT", 1], ["c", "-j DROP", 7]);
  assert.deepEqual(gains(before, before), []);
  assert.deepEqual(
    gains(
      before,
      counters(["a", "-j DROP", 7], ["b", "-j REJECT --reject-with tcp-reset", 9], ["c", "-j DROP", 7]),
    ),
    [{ chain: "a", rule: "-j DROP", effect: "drop", gain: 2, bytes: 80 }],
  );
  assert.deepEqual(
    gains(before, counters(["x", "-j DROP", 3], ["a", "-j DROP", 5], ["b", "-j REJECT", 1])),
    [],
  );
  assert.deepEqual(gains(before, counters(["a", "-j DROP", 0], ["b", "-j REJECT", 3])), [
    { chain: "b", rule: "-j REJECT", effect: "reject", gain: 2, bytes: 80 },
  ]);
});
