import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SMALL, sideOfTexts, type Texts } from "../../fixtures/diffed.ts";
import { randomFiles } from "../../fixtures/random-node.ts";
import type { Cause } from "./causes.ts";
import { Comparison } from "./compare.ts";
import { inWords } from "./packet-changes.ts";
import { pairChanges } from "./pairs.ts";
import { completed } from "./side.ts";
import { compareSides } from "./stand-ins.ts";

/* Guests of which many have the same rules, at addresses that the rules name, and a change of some of them. */

const ADDRESSES = [
  "172.16.1.3",
  "172.16.1.4",
  "10.0.0.7",
  "10.1.2.3",
  "10.9.9.9",
  "192.168.2.9",
  "203.0.113.7",
] as const;
const elsewhere = (index: number) => `100.1.1.${1 + index}`;
const WORLD = { interfaces: "iface vmbr0 inet static\n\taddress 172.16.1.2/24\n\tgateway 172.16.1.1\n" };

function hardware(index: number, address: string, bridge = "vmbr0"): string {
  return `net0: name=eth0,bridge=${bridge},hwaddr=52:54:00:00:01:0${index},ip=${address}/24,firewall=1\n`;
}

/** A guest a number: which of a node's random guests' rules it has. */
function worldOf(files: Texts, rules: readonly number[]): Record<string, string> {
  const texts = ["100.fw", "101.fw", "200.fw"].map((name) => files[name] ?? "");
  const guests = rules.flatMap((which, index) => [
    [`${300 + index}.conf`, hardware(index, ADDRESSES[index] ?? elsewhere(index))],
    [`${300 + index}.fw`, texts[which] ?? ""],
  ]);
  const { "cluster.fw": cluster = SMALL["cluster.fw"] ?? "", "host.fw": host = "" } = files;
  return { ...WORLD, "cluster.fw": cluster, "host.fw": host, ...Object.fromEntries(guests) };
}

type Change = (world: Record<string, string>, files: Texts, guest: number) => void;

const CHANGES: readonly Change[] = [
  (world, files, guest) => (world[`${300 + guest}.fw`] = files["110.fw"] ?? ""),
  (world, files, guest) => (world[`${300 + guest}.fw`] += files["201.fw"]?.split("[RULES]\n")[1] ?? ""),
  (world, _, guest) =>
    (world[`${300 + guest}.fw`] += "OUT ACCEPT -p tcp -dport 22\nIN ACCEPT -p udp -dport 53\n"),
  (world, _, guest) => (world[`${300 + guest}.conf`] = hardware(guest, elsewhere(guest))),
  (world, _, guest) => delete world[`${300 + guest}.conf`],
  (world) => (world["309.conf"] = hardware(9, elsewhere(9))),
  (world, _, guest) => (world[`${300 + guest}.conf`] = hardware(guest, ADDRESSES[guest] ?? "", "vmbr1")),
  (world) => (world["interfaces"] = WORLD.interfaces.replace("172.16.1.2/", "172.16.1.9/")),
  (world) => (world["cluster.fw"] += "\nIN ACCEPT -p tcp -dport 8006 -source 10.0.0.0/8\n"),
  (world) => (world["cluster.fw"] += "\n[group grpa]\nIN ACCEPT -p tcp -dport 1500\n"),
  (world) => (world["cluster.fw"] = world["cluster.fw"]?.replace("dc1 10.0.0.0/8", "dc1 10.1.0.0/16") ?? ""),
];

const guest = fc.nat({ max: ADDRESSES.length - 1 });
const scenario = fc.record({
  files: randomFiles,
  rules: fc.array(fc.constantFrom(0, 0, 0, 1, 2), {
    minLength: ADDRESSES.length,
    maxLength: ADDRESSES.length,
  }),
  changes: fc.array(fc.tuple(fc.nat({ max: CHANGES.length - 1 }), guest), { minLength: 1, maxLength: 2 }),
});

/** A cause without the number of the guest whose line it is, and where in its file that stands: of others it says the same. */
function ofEnds({ position, text, ...rest }: Cause, from: string, to: string): unknown {
  const own = Object.entries({ from, to }).find(([, id]) => position?.file.startsWith(`${id}.`) === true);
  return own ? { ...rest, text: text.replaceAll(own[1], own[0]), of: own[0] } : { ...rest, text, position };
}

/** All that is told of each pair, a line each. */
function told(comparison: Comparison): readonly string[] {
  return inWords(comparison, pairChanges(comparison))
    .flatMap(({ kind, from, to, was, deviation, flows, before, after, causes: all, witness }) => {
      const ends = witness.head?.flow ?? witness.base?.flow;
      const causes = all.map((cause) => ofEnds(cause, ends?.from ?? "", ends?.to ?? ""));
      return from.flatMap((sender) =>
        to
          .filter(({ id }) => id !== sender.id)
          .map((receiver) =>
            JSON.stringify([sender.id, receiver.id, kind, was?.id, deviation, flows, before, after, causes]),
          ),
      );
    })
    .sort();
}

test("random changes of guests that are alike: one of a crowd tells what each pair asked for itself tells", () => {
  let stoodFor = 0;
  fc.assert(
    fc.property(scenario, ({ files, rules, changes }) => {
      const base = worldOf(files, rules);
      const head = { ...base };
      for (const [which, index] of changes) CHANGES[which]?.(head, files, index);
      const sides = completed(sideOfTexts(base), sideOfTexts(head));
      const comparison = compareSides(...sides, new Set());
      const { senders, receivers } = comparison.crowds;
      if ([...senders, ...receivers].some((crowd) => crowd.length > 2)) stoodFor++;
      const asked = told(new Comparison(...sides));
      assert.deepEqual(told(comparison), asked);
    }),
    { numRuns: Number(process.env["RUNS"] ?? 12), endOnFailure: true },
  );
  assert.ok(stoodFor > 0, "no crowd of three in any run");
});

test("a host that moved, or a guest on another bridge, is told of each guest by that guest's own rules", () => {
  const rules =
    "[OPTIONS]\nenable: 1\npolicy_out: ACCEPT\n[RULES]\nOUT DROP -dest 172.16.1.2 -p tcp -dport 8006\n";
  const plain = "[OPTIONS]\nenable: 1\npolicy_out: ACCEPT\n[RULES]\nIN ACCEPT -p tcp -dport 22\n";
  const guests = [rules, plain, plain, plain].flatMap((text, index) => [
    [`${300 + index}.conf`, hardware(index, elsewhere(index))],
    [`${300 + index}.fw`, text],
  ]);
  const base = {
    ...WORLD,
    "cluster.fw": "[OPTIONS]\nenable: 1\n[RULES]\nIN ACCEPT -p tcp -dport 8006\n",
    ...Object.fromEntries(guests),
  };
  const moved = { ...base, interfaces: WORLD.interfaces.replace("172.16.1.2/", "172.16.1.9/") };
  const rehung = { ...base, "302.conf": hardware(2, elsewhere(2), "vmbr1") };
  for (const head of [moved, rehung]) {
    const sides = completed(sideOfTexts(base), sideOfTexts(head));
    const asked = told(new Comparison(...sides));
    assert.deepEqual(told(compareSides(...sides, new Set())), asked);
    if (head === moved)
      assert.deepEqual(
        asked.map((line) => JSON.parse(line).slice(0, 3)),
        [["300", "host", "allowed"]],
      );
  }
});

test("of a guest that is new or gone and many that are alike the lines of one are told, and that the others have their own", () => {
  const guestsOf = (count: number) =>
    Object.fromEntries(
      Array.from({ length: count }, (_, index) => [
        [`${300 + index}.conf`, hardware(index, elsewhere(index))],
        [
          `${300 + index}.fw`,
          `[OPTIONS]\nenable: 1\n[RULES]\nIN ACCEPT -p tcp -dport 22\nIN ACCEPT -source 100.9.9.${index} -p udp\n`,
        ],
      ]).flat(),
    );
  const world = { ...WORLD, "cluster.fw": "[OPTIONS]\nenable: 1\n" };
  const [without, withOne] = [
    sideOfTexts({ ...world, ...guestsOf(4) }),
    sideOfTexts({ ...world, ...guestsOf(4), "309.conf": hardware(9, elsewhere(9)) }),
  ];
  for (const sides of [completed(without, withOne), completed(withOne, without)]) {
    const comparison = compareSides(...sides, new Set());
    const changes = inWords(comparison, pairChanges(comparison));
    const [change, ...more] = changes.filter(({ flows }) => flows.includes("tcp 22, IPv6 too"));
    assert.deepEqual(more, []);
    assert.deepEqual(
      change?.to.map(({ id }) => id),
      ["300", "301", "302", "303"],
    );
    assert.equal(change?.hasTwins, true);
  }
});
