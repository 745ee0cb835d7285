/**
 * What packet sets cost: compiling every hop and composing every pair of an estate, what one guest more costs, and what a user
 * could write to make them large. `--estates N` asks N random estates of each kind of files for every packet of a reduced
 * header space (ten minutes for 1000), of the model and of the sets, and ends with status 1 where they disagree.
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import fc from "fast-check";
import { compare, GENERAL, type HeaderSpace, PHOENIX } from "../fixtures/brute-force.ts";
import { type SmallFirewall, type SmallRule, smallEstate } from "../fixtures/estates/small.ts";
import { generalNode } from "../fixtures/general-node.ts";
import { randomEstate } from "../fixtures/random-estate.ts";
import { randomFiles } from "../fixtures/random-node.ts";
import { modelOf } from "../policy/model.ts";
import { type Node, nodeOf } from "../policy/proxmox/node.ts";
import { readEstate } from "../policy/read.ts";
import { NodeSpace } from "../policy/space/node-space.ts";

const FAMILIES = [4, 6] as const;

function msOf(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

/** Rules that differ in port, source and action. */
function rulesOf(guest: number, count: number): readonly SmallRule[] {
  return Array.from({ length: count }, (_, index) => ({
    type: "in",
    action: index % 4 === 3 ? "DROP" : "ACCEPT",
    proto: index % 2 === 0 ? "tcp" : "udp",
    port: `${((guest * 7 + index * 131) % 60_000) + 1}`,
    source:
      index % 3 === 0
        ? `10.0.${(guest + index) % 250}.${index % 250}`
        : `10.${(guest * 3 + index) % 200}.0.0/16`,
  }));
}

function estateOf(guests: number, rulesEach: number): Node {
  const all = Array.from({ length: guests }, (_, guest): [string, SmallFirewall] => [
    `${100 + guest}`,
    { rules: rulesOf(guest, rulesEach) },
  ]);
  return nodeOf(smallEstate({ rules: rulesOf(0, rulesEach) }, Object.fromEntries(all)));
}

function places(node: Node): readonly string[] {
  return [
    "lan",
    "host",
    ...(node.host.gateway === undefined ? [] : ["wan"]),
    ...node.nics.map(({ place }) => place),
  ];
}

/** Makes what is otherwise made when first asked for. */
function buildModel(node: Node): void {
  const { families } = modelOf(node);
  for (const family of FAMILIES) families[family].guests.values();
}

/** Every pair of both families twice: the first time hops are compiled, the second all is composition. */
function allPairs(name: string, node: Node): void {
  const all = places(node);
  buildModel(node);
  const space = new NodeSpace(node);
  const pairs = all.flatMap((from) => all.map((to) => [from, to] as const));
  const ask = () => {
    for (const family of FAMILIES) for (const [from, to] of pairs) space.accepted(from, to, family);
  };
  const [first, again] = [msOf(ask), msOf(ask)];
  const perPair = ((again * 1000) / (FAMILIES.length * pairs.length)).toFixed(1);
  const diagrams = FAMILIES.map((family) => space.spaces[family].store.size);
  console.log(
    `${name}: ${pairs.length} pairs of both families compiled in ${first.toFixed(0)} ms, composed again in ${perPair} µs each; ${diagrams.join(" and ")} diagrams`,
  );
}

/** What enters each guest, from one place. */
function oneSource(guests: number, rulesEach: number): void {
  const node = estateOf(guests, rulesEach);
  const model = msOf(() => buildModel(node));
  const space = new NodeSpace(node);
  const compiled = msOf(() => {
    for (const { place } of node.nics) space.accepted("lan", place);
  });
  console.log(
    `${guests} guests of ${rulesEach} rules: model ${model.toFixed(0)} ms, sets ${compiled.toFixed(0)} ms, ${(compiled / guests).toFixed(2)} ms a guest; ${space.spaces[4].store.size} diagrams`,
  );
}

function worst(name: string, files: Readonly<Record<string, string>>): void {
  const node = generalNode(files);
  const space = new NodeSpace(node);
  let deciders = 0;
  const accepted = msOf(() => space.accepted("outside", "101"));
  const decided = msOf(() => {
    deciders = space.byDecider("outside", "101").length;
  });
  const set = space.accepted("outside", "101");
  const edges = [...set.cubes()].length;
  console.log(
    `${name}: accepted ${accepted.toFixed(0)} ms, ${set.nodes} nodes, ${edges} boxes; by decider ${decided.toFixed(0)} ms, ${deciders} deciders`,
  );
}

function worstCases(): void {
  const guest = (rules: string, sets = "") => ({
    "101.fw": `[OPTIONS]\nenable: 1\n${sets}\n[RULES]\n${rules}\n`,
  });
  const hosts = Array.from({ length: 65_536 }, (_, host) => `10.${host >> 7}.${(host & 127) * 2}.1`);
  const uses = ["22", "80", "443"].map((port) => `IN ACCEPT -source +many -p tcp -dport ${port}`);
  worst(
    "a set of 65,536 hosts, used by three rules",
    guest(uses.join("\n"), `[IPSET many]\n${hosts.join("\n")}`),
  );
  const ports = Array.from(
    { length: 1000 },
    (_, index) => `IN ${index % 2 === 0 ? "ACCEPT" : "DROP"} -p tcp -dport ${index * 2}:${index * 2 + 60}`,
  );
  worst("1,000 port rules that overlap and alternate", guest(ports.join("\n")));
  const apart = Array.from(
    { length: 1000 },
    (_, index) =>
      `IN ${index % 2 === 0 ? "ACCEPT" : "DROP"} -source 10.${index % 250}.0.0/16 -dest 10.0.${index % 240}.0/24 -p tcp -dport ${(index * 37) % 5000}:65535`,
  );
  worst("1,000 rules of sources, destinations and ports that cross", guest(apart.join("\n")));
}

/** How many disagreements were found. */
function bruteForce(estates: number): number {
  const seed = Date.now() % 2 ** 31;
  const kinds: readonly (readonly [string, fc.Arbitrary<Node>, HeaderSpace])[] = [
    ["Proxmox's files", randomFiles.map(generalNode), GENERAL],
    ["Phoenix JSON", randomEstate.map((estate) => nodeOf(estate)), PHOENIX],
  ];
  let wrong = 0;
  for (const [words, nodes, space] of kinds) {
    let packets = 0;
    let different = 0;
    const seconds =
      msOf(() => {
        for (const node of fc.sample(nodes, { numRuns: estates, seed })) {
          const { asked, disagreements } = compare(node, new NodeSpace(node), space, 7);
          packets += asked;
          different += disagreements.length;
          for (const each of disagreements.slice(0, 3)) console.error(each);
        }
      }) / 1000;
    wrong += different;
    console.log(
      `${words}: ${packets.toLocaleString("en")} packets of ${estates} estates, ${different} disagreements, ${seconds.toFixed(0)} s (seed ${seed})`,
    );
  }
  return wrong;
}

const { values } = parseArgs({ options: { estates: { type: "string" } } });
if (values.estates === undefined) {
  const folder = fileURLToPath(new URL("../fixtures/estates/reference", import.meta.url));
  allPairs("the reference estate", nodeOf(readEstate(folder)));
  allPairs("60 guests with 2,000 rules", estateOf(60, 33));
  for (const guests of [100, 1000, 10_000]) oneSource(guests, 10);
  worstCases();
} else if (bruteForce(Number(values.estates)) > 0) process.exitCode = 1;
