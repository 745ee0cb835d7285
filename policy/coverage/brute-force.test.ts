/**
 * What `phx coverage` says that a rule decides and alone decides, held against its hop packet by packet, with the rule and
 * without it, over a reduced header space.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { flowsOf, GENERAL, type HeaderSpace, PHOENIX } from "../../fixtures/brute-force.ts";
import { generalNode } from "../../fixtures/general-node.ts";
import { randomEstate } from "../../fixtures/random-estate.ts";
import { randomFiles } from "../../fixtures/random-node.ts";
import { nodeWithout } from "../../fixtures/without-rule.ts";
import type { Ruling } from "../chain.ts";
import type { Position } from "../estate.ts";
import { DIRECTIONS, Ground } from "../lint/ground.ts";
import { modelOf } from "../model.ts";
import { firstState, isOwnReply, type Packet, packetOf, unsummed } from "../packet.ts";
import { type Node, nodeOf } from "../proxmox/node.ts";
import { ruleLine } from "../rule-line.ts";
import { PacketSet } from "../space/packet-set.ts";
import { coverageOf } from "./coverage.ts";
import { type Hop, hopName, hopsOf, LabelledHop } from "./hop.ts";
import { HopShares } from "./hop-shares.ts";
import { nameOf } from "./outcomes.ts";
import type { RuleShare } from "./rule-share.ts";
import { SiteIndex, sitesOf, usedGroups } from "./site.ts";
import { Workshop } from "./workshop.ts";

const ESTATES = 25;

const seen = new Map<string, number>();

/** The first packets of flows of a space's headers, as a hop may see them: of each pair of addresses those of one family. */
function packetsOf(space: HeaderSpace): readonly Packet[] {
  return [...flowsOf(space, "outside", "host")]
    .map((flow) => packetOf(flow))
    .filter((packet) => packet.state === firstState(packet));
}

/** The hops of a place in a node; of hosts those of marked packets too. */
function hopsAt(node: Node, title: string): readonly Hop[] {
  const model = modelOf(node);
  const place = new Ground(node).places.find((each) => each.title === title);
  if (!place) return [];
  const nics = [...model.nics.values()].filter(({ nic }) => nic.guestId === place.name);
  return DIRECTIONS.flatMap((direction) => hopsOf(model, place, nics, direction));
}

function ruled({ pass, marked }: Hop, packet: Packet): Ruling {
  return pass.rule(pass.hook === "OUTPUT" ? unsummed(packet) : packet, { marked });
}

function decides({ decider }: Ruling, position: Position): boolean {
  return decider.kind === "rule" && decider.position === position;
}

/** The sets of a place's hops: whose each packet is, and what of it would fare otherwise without that rule. */
function assertSets(node: Node, workshop: Workshop, title: string, packets: readonly Packet[]): void {
  const ground = new Ground(node);
  const place = ground.places.find((each) => each.title === title);
  if (!place || place.kind === "group") return;
  const sites = sitesOf(ground, place, usedGroups(ground));
  for (const hop of hopsAt(node, title)) {
    const at = new LabelledHop(hop, new SiteIndex(sites));
    if (!at.hasChain) continue;
    const { space, shares } = new HopShares(workshop.makerOf(hop.family), at);
    for (const packet of packets) {
      if (packet.family !== hop.family || (!hop.isFirst && isOwnReply(packet))) continue;
      const is = ruled(hop, packet);
      const owners = shares.filter(({ decides: set }) => new PacketSet(space, set).has(packet));
      assert.ok(owners.length <= 1, `${title}: ${owners.length} rules decide one packet`);
      const [owner] = owners;
      if (!owner) {
        assert.ok(
          !sites.some(({ rule }) => decides(is, rule.position)),
          `${title}: ${JSON.stringify(is)} is nobody's`,
        );
        continue;
      }
      assert.ok(
        decides(is, owner.site.rule.position),
        `${title}: ${JSON.stringify(is)} is not ${ruleLine(owner.site.rule)}'s`,
      );
      const would = nameOf(
        at.without(
          owner.site,
          hop.pass.hook === "OUTPUT" ? unsummed(packet) : packet,
          modelOf(node).broadcasts,
        ),
      );
      const told = owner.changes
        .filter(({ set }) => new PacketSet(space, set).has(packet))
        .map((each) => nameOf(each.would));
      assert.deepEqual(told, would === nameOf(is) ? [] : [would], `${title}: ${ruleLine(owner.site.rule)}`);
      count("packets of rules");
    }
  }
}

function count(what: string): void {
  seen.set(what, (seen.get(what) ?? 0) + 1);
}

/** What packets say of a rule at its place: how many it decides, and how the verdict of those differs without it. */
function asked(
  node: Node,
  share: RuleShare,
  packets: readonly Packet[],
): { decided: Set<number>; changes: Set<string> } {
  const without = new Map(
    hopsAt(nodeWithout(node, share.position), share.place).map((hop) => [keyOf(hop), hop]),
  );
  const found = { decided: new Set<number>(), changes: new Set<string>() };
  for (const hop of hopsAt(node, share.place)) {
    const other = without.get(keyOf(hop));
    for (const packet of packets) {
      if (packet.family !== hop.family || (!hop.isFirst && isOwnReply(packet))) continue;
      const is = ruled(hop, packet);
      if (!decides(is, share.position)) {
        if (other)
          assert.equal(
            nameOf(ruled(other, packet)),
            nameOf(is),
            `${share.line} changes what it does not decide`,
          );
        continue;
      }
      found.decided.add(hop.family);
      assert.ok(other, keyOf(hop));
      const would = nameOf(ruled(other, packet));
      if (would !== nameOf(is)) found.changes.add(`${hop.family} ${nameOf(is)} ${would}`);
    }
  }
  return found;
}

function keyOf({ pass, family, marked }: Hop): string {
  return `${hopName(pass)} ${family} ${marked}`;
}

function assertShare(node: Node, share: RuleShare, packets: readonly Packet[]): void {
  const { decided, changes } = asked(node, share, packets);
  const words = `${share.place} ${share.line}: ${share.verdict} ${share.why ?? ""}`;
  const said = new Set(share.without.map(({ family, is, would }) => `${family} ${is} ${would}`));
  for (const family of decided)
    assert.ok(
      share.decides.some((each) => each.family === family),
      `${words} decides IPv${family}`,
    );
  for (const change of changes)
    assert.ok(said.has(change), `${words}: ${change} is not among ${[...said].join("; ")}`);
  if (share.verdict === "dead") assert.equal(decided.size, 0, words);
  if (share.verdict === "redundant") assert.equal(changes.size, 0, words);
  // What the witness shows, the packets of the very kind show too.
  for (const each of share.without) {
    const hop = hopsAt(node, share.place).find(
      ({ pass, family, marked }) =>
        hopName(pass) === each.where && family === each.family && marked === each.marked,
    );
    assert.ok(hop && decides(ruled(hop, each.witness), share.position), `${words}: its witness is another's`);
  }
  const kind = share.verdict === "dead" ? `dead ${share.reason}` : share.verdict;
  if (changes.size > 0) count("changes");
  count(kind);
}

const KINDS: readonly (readonly [string, fc.Arbitrary<Node>, HeaderSpace])[] = [
  ["Proxmox's files", randomFiles.map(generalNode), GENERAL],
  ["Phoenix JSON", randomEstate.map((estate) => nodeOf(estate)), PHOENIX],
];

for (const [words, nodes, space] of KINDS)
  test(`${words}: a rule decides, and alone decides, what its hop says with it and without it`, (t) => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    t.diagnostic(`seed ${seed}`);
    const packets = packetsOf(space);
    for (const node of fc.sample(nodes, { numRuns: ESTATES, seed })) {
      const { rules, unchecked } = coverageOf(node);
      assert.deepEqual(unchecked, []);
      const workshop = new Workshop(modelOf(node).broadcasts);
      for (const place of new Set(rules.map((each) => each.place)))
        assertSets(node, workshop, place, packets);
      // A group that can't be written takes its users' filter with it, and one that is used twice has two shares of a rule.
      const own = Map.groupBy(rules, ({ position, place }) => `${place} ${JSON.stringify(position)}`);
      for (const [share, twin] of own.values())
        if (share && !twin && share.reason !== "unwritten") assertShare(node, share, packets);
    }
    t.diagnostic(JSON.stringify(Object.fromEntries(seen)));
    for (const kind of [
      "alone",
      "redundant",
      "changes",
      "dead shadowed",
      "dead switched-off",
      "packets of rules",
    ])
      assert.ok((seen.get(kind) ?? 0) > 0, `${kind}: ${seen.get(kind)}`);
  });
