import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { generalNode } from "../../fixtures/general-node.ts";
import { randomFiles } from "../../fixtures/random-node.ts";
import { decideOn } from "../decide.ts";
import type { Decision, Flow } from "../flow.ts";
import type { Family, Ip } from "../ip.ts";
import { packetOf } from "../packet.ts";
import type { Node } from "../proxmox/node.ts";
import { formatIp } from "../space/address-text.ts";
import { stateNumber } from "../space/layout.ts";
import { PacketSet } from "../space/packet-set.ts";
import { single } from "../space/spans.ts";
import { verdictOf } from "./causes.ts";
import { Comparison } from "./compare.ts";
import { parseFlows } from "./flow-parse.ts";
import { between } from "./flow-words.ts";
import { inWords, type PacketChange } from "./packet-changes.ts";
import { pairChanges } from "./pairs.ts";
import type { DiffSide } from "./side.ts";

function sideOfNode(node: Node): DiffSide {
  const addresses = new Map(node.nics.map(({ place, addresses: own }) => [place, own]));
  return { node, names: new Map(), addresses, files: [], hostIsAssumed: false };
}

const PORTS = [1, 22, 53, 68, 80, 135, 443, 445, 1500, 1900, 5900, 8006, 60_010, 40_000] as const;
const sent = fc.record({
  from: fc.nat(),
  to: fc.nat(),
  source: fc.nat(),
  dest: fc.nat(),
  family: fc.constantFrom<Family[]>(4, 6),
  proto: fc.constantFrom<Flow["proto"][]>("tcp", "tcp", "udp", "udp", "icmp", 47, 132),
  dport: fc.constantFrom<number[]>(...PORTS),
  sport: fc.constantFrom<number[]>(40_000, 53, 67, 137),
});
type Sent = typeof sent extends fc.Arbitrary<infer T> ? T : never;

/** A first packet between two places of both sides, each with an address of its own. */
function flowOf({ ends }: Comparison, { family, proto, ...draw }: Sent): Flow | undefined {
  const all = [...ends.head.values()];
  const [from, to] = [all[draw.from % all.length], all[draw.to % all.length]];
  if (!from || !to || from === to || (!from.isOwn && !to.isOwn)) return undefined;
  const address = (end: typeof from, pick: number): string => {
    const region = end.addresses[family];
    const { first, last } = region[pick % region.length] ?? { first: 0, last: 0 };
    const ip: Ip = pick % 2 === 0 ? first : last;
    return formatIp(ip, family);
  };
  const isPlain = typeof proto === "number" && proto !== 132;
  const ports = proto === "icmp" || isPlain ? {} : { dport: draw.dport, sport: draw.sport };
  const [source, dest] = [address(from, draw.source), address(to, draw.dest)];
  // Of one address at both ends conntrack makes something of its own: no packet of an ordinary sender.
  return source === dest ? undefined : { from: from.id, to: to.id, proto, source, dest, ...ports };
}

/** What a difference has to say of a packet. */
function expectedOf(base: Decision, head: Decision): string {
  const [was, is] = [base.verdict === "accept", head.verdict === "accept"];
  if (was === is) return was || verdictOf(base) === verdictOf(head) ? "nothing" : "answer";
  return is ? "allowed" : "denied";
}

function assertAgrees(comparison: Comparison, changes: readonly PacketChange[], flow: Flow): void {
  const packet = packetOf(flow);
  const [base, head] = (["base", "head"] as const).map((side) => decideOn(comparison.sides[side].node, flow));
  const saying = changes.filter(
    ({ from, to, sets, deviation }) =>
      from.some(({ id }) => id === flow.from) &&
      to.some(({ id }) => id === flow.to) &&
      !deviation &&
      sets[packet.family]?.has(packet) === true,
  );
  assert.ok(base && head);
  const expected = expectedOf(base, head);
  const said = saying.map(({ kind }) => kind);
  assert.deepEqual(said, expected === "nothing" ? [] : [expected], JSON.stringify(flow));
}

function assertWitnesses(comparison: Comparison, { kind, witness, sets, deviation }: PacketChange): void {
  for (const side of ["base", "head"] as const) {
    const fate = witness[side];
    if (!fate) continue;
    assert.deepEqual(decideOn(comparison.sides[side].node, fate.flow), fate.decision);
    const packet = packetOf(fate.flow);
    if (kind !== "responder") assert.ok(sets[packet.family]?.has(packet, undefined), `${kind} ${deviation}`);
  }
  const [base, head] = [witness.base?.decision, witness.head?.decision];
  assert.ok(base && head);
  assert.equal(expectedOf(base, head), kind);
}

/** What is printed is read as what it was, but for packets that begin nothing. */
function assertRead({ from: [from], to: [to], sets, flows, deviation }: PacketChange): void {
  if (deviation || !from || !to) return;
  for (const [family, set] of Object.entries(sets) as unknown as [Family, PacketSet][]) {
    const { space } = set;
    const parsed = flows.map((text) => parseFlows(text));
    assert.ok(!parsed.includes(undefined), flows.join("\n"));
    const read = parsed
      .flatMap((each) => each?.conditions[space.family] ?? [])
      .map((conditions) => PacketSet.where(space, conditions))
      .reduce((all, each) => all.union(each), PacketSet.none(space));
    const begins = PacketSet.where(space, {
      states: [stateNumber("NEW"), stateNumber("UNTRACKED")].map(single),
    }).flows();
    const ours = between(read, from, to);
    assert.ok(set.isWithin(ours), `${family}: ${flows.join("\n")}\n${set.print()}`);
    assert.ok(ours.intersect(begins).isWithin(set), `${family}: ${flows.join("\n")}\n${set.print()}`);
  }
}

test("random pairs of nodes: witnesses differ as said, random packets are where they belong, words are read back", () => {
  fc.assert(
    fc.property(
      randomFiles,
      randomFiles,
      fc.array(sent, { minLength: 60, maxLength: 60 }),
      (one, other, draws) => {
        const comparison = new Comparison(sideOfNode(generalNode(one)), sideOfNode(generalNode(other)));
        const changes = inWords(comparison, pairChanges(comparison));
        for (const change of changes) {
          assertWitnesses(comparison, change);
          assertRead(change);
        }
        for (const draw of draws) {
          const flow = flowOf(comparison, draw);
          if (flow) assertAgrees(comparison, changes, flow);
        }
      },
    ),
    { numRuns: 3, endOnFailure: true },
  );
});

test("a node and itself, and a node whose lines are called otherwise: nothing differs", () => {
  fc.assert(
    fc.property(randomFiles, (files) => {
      const commented = Object.fromEntries(
        Object.entries(files).map(([name, text]) => [
          name,
          name.endsWith(".fw") ? `# a line more\n${text}` : text,
        ]),
      );
      const comparison = new Comparison(sideOfNode(generalNode(files)), sideOfNode(generalNode(commented)));
      assert.deepEqual(pairChanges(comparison), []);
    }),
    { numRuns: 3, endOnFailure: true },
  );
});
