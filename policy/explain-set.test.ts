/** What `phx explain --set` says of a pair, held packet by packet against `decide`: verdict, hops and lines. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { flowsOf, GENERAL, type HeaderSpace, PHOENIX } from "../fixtures/brute-force.ts";
import { generalNode } from "../fixtures/general-node.ts";
import { randomEstate } from "../fixtures/random-estate.ts";
import { randomFiles } from "../fixtures/random-node.ts";
import { decideOn } from "./decide.ts";
import { type End, endsOf } from "./diff/ends.ts";
import { explainSet, type Explained, type Passage, type Passing } from "./explain-set.ts";
import type { Flow, Place } from "./flow.ts";
import { FLAG, firstState, isOwnReply, type Packet, packetOf, TCP } from "./packet.ts";
import { type Node, nodeOf } from "./proxmox/node.ts";

const ESTATES = 40;
const PAIRS_EACH = 3;

function endsIn(node: Node): (place: Place) => End {
  const addresses = new Map(node.nics.map((nic) => [nic.place, nic.addresses]));
  const ends = endsOf({ node, addresses, names: new Map() });
  return (place) => {
    const end = ends.get(place) ?? ends.get("wan");
    assert.ok(end, place);
    return { ...end, id: place };
  };
}

function explained(node: Node, from: Place, to: Place): { all: Explained; sender: End } {
  const endOf = endsIn(node);
  const all = explainSet(node, from, to, [endOf(from), endOf(to)]);
  assert.ok(all);
  return { all, sender: endOf(from) };
}

/** Which of the two parts speaks of a packet; undefined of one that is in no state in which conntrack has it. */
function partOf({ first, established }: Explained, packet: Packet): Passing | undefined {
  const { state } = packet;
  if (state === "ESTABLISHED" || state === "RELATED") return established;
  return state === firstState(packet) && !isOwnReply(packet) ? first : undefined;
}

/** As a client sends it: of TCP a SYN, with the NIC's own MAC. */
function isUsual({ proto, flags, mac }: Packet, ownMac: string | undefined): boolean {
  return (proto !== TCP || flags === FLAG.SYN) && (mac === undefined || mac === ownMac);
}

function isOwn({ source, family }: Packet, { addresses }: End): boolean {
  return addresses[family].some(({ first, last }) => first <= source && source <= last);
}

const seen = new Map<string, number>();

function count(what: string): void {
  seen.set(what, (seen.get(what) ?? 0) + 1);
}

function assertPacket(node: Node, passing: Passing, flow: Flow, sender: End): void {
  const packet = packetOf(flow);
  const decision = decideOn(node, flow);
  const words = () =>
    JSON.stringify({ flow, decision }, (_, each: unknown) => (typeof each === "bigint" ? `${each}` : each));
  const holding = passing.passages.filter(({ flows }) => flows.has(packet, sender.mac));
  const isSame = ({ hops }: Passage) => JSON.stringify(hops) === JSON.stringify(decision.hops);
  if (decision.verdict !== "accept") {
    const strict = isUsual(packet, sender.mac) ? holding : holding.filter(({ bearing }) => bearing === "any");
    assert.deepEqual(strict, [], words());
    const { verdict, reject } = decision;
    const said = JSON.stringify([verdict, reject, decision.hops.at(-1)]);
    const stops = passing.stops.filter(
      (each) => JSON.stringify([each.verdict, each.reject, each.hop]) === said,
    );
    assert.ok(stops.length > 0, words());
    return count("stopped");
  }
  const [only, ...others] = holding;
  assert.ok(only && others.length === 0 && isSame(only), words());
  if (only.bearing === "own" || only.bearing === "forged")
    assert.equal(only.bearing, isOwn(packet, sender) ? "own" : "forged", words());
  count(only.bearing);
}

/** Each example is decided as it says. */
function assertWitnesses(node: Node, { passages, stops }: Passing): void {
  for (const { hops, witness, bearing } of passages)
    assert.deepEqual(decideOn(node, witness).hops, hops, `${bearing} ${JSON.stringify(witness)}`);
  for (const { hop, verdict, witness } of stops) {
    const decision = decideOn(node, witness);
    assert.deepEqual([decision.verdict, decision.hops.at(-1)], [verdict, hop], JSON.stringify(witness));
  }
}

const KINDS: readonly (readonly [string, fc.Arbitrary<Node>, HeaderSpace])[] = [
  ["Proxmox's files", randomFiles.map(generalNode), GENERAL],
  ["Phoenix JSON", randomEstate.map((estate) => nodeOf(estate)), PHOENIX],
];

for (const [words, nodes, space] of KINDS)
  test(`${words}: each packet is in one set, by the lines that decide names at every hop`, (t) => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    t.diagnostic(`seed ${seed}`);
    for (const [index, node] of fc.sample(nodes, { numRuns: ESTATES, seed }).entries()) {
      const pairs = space.pairs.filter((_, at) => (at + index) % (space.pairs.length / PAIRS_EACH) === 0);
      for (const [from, to] of pairs) {
        const { all, sender } = explained(node, from, to);
        for (const part of [all.first, all.established]) assertWitnesses(node, part);
        for (const flow of flowsOf(space, from, to)) {
          const passing = partOf(all, packetOf(flow));
          if (passing) assertPacket(node, passing, flow, sender);
        }
      }
    }
    t.diagnostic(JSON.stringify(Object.fromEntries(seen)));
    for (const kind of ["own", "forged", "any", "stopped"])
      assert.ok((seen.get(kind) ?? 0) > 100, `${kind}: ${seen.get(kind)}`);
  });
