/** The flow that a report names for a rule that no probe exercised: sent, the rule's own line of the live table takes it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { coverageOf, type RuleCoverage } from "../audit/coverage.ts";
import { compileFirewall } from "../converge/firewall.ts";
import { linesOf } from "../fixtures/compiled.ts";
import { networkLab } from "../fixtures/network-lab.ts";
import { estateWith } from "../fixtures/reference.ts";
import { FilterCounters } from "../lab/filter-counters.ts";
import type { Lab } from "../lab/lab.ts";
import type { Estate, Rule } from "../policy/estate.ts";
import { addressOf, places } from "../policy/place.ts";
import { nodeOf } from "../policy/proxmox/node.ts";
import { PacketEngine } from "../probes/packets.ts";

const needsRoot = { skip: process.getuid?.() !== 0 && "only root can make a lab" };
const accept = (more: object) => ({ type: "in", action: "ACCEPT", ...more });
const estate = estateWith(({ host, lxc }) => {
  host.firewall.global_firewall_rules.push(accept({ proto: "udp", port: "514", source: "10.0.0.153" }));
  lxc.lxc_configs["801"].firewall.rules.push(
    accept({ proto: "tcp", port: "4000:4010", source: "10.0.0.13" }),
    accept({ proto: "gre" }),
    accept({ action: "REJECT", proto: "tcp", port: "7000" }),
    accept({ action: "DROP", proto: "udp", port: "7000", source: "10.0.0.12" }),
  );
  lxc.lxc_configs["102"].firewall.rules.push({ type: "out", action: "DROP", proto: "tcp", port: "25" });
});

/** The same files without the rule that stands there. */
function without({ declared }: RuleCoverage): Estate {
  const others = (rules: readonly Rule[]) =>
    rules.filter(({ position }) => position.file !== declared.file || position.pointer !== declared.pointer);
  const { host, guests } = estate;
  return {
    ...estate,
    host: { ...host, firewall: { ...host.firewall, rules: others(host.firewall.rules) } },
    guests: guests.map(({ firewall, ...guest }) =>
      firewall ? { ...guest, firewall: { ...firewall, rules: others(firewall.rules) } } : guest,
    ),
  };
}

/** Where the rule's lines stand, by chain: what the rules without it compile to differs there. */
function linesOfRule(rule: RuleCoverage): Map<string, readonly number[]> {
  const [text = "", rest = ""] = [estate, without(rule)].map(
    (each) => compileFirewall(nodeOf(each)).iptables,
  );
  const chains = new Set([...text.matchAll(/^-A (\S+) /gm)].map(([, chain = ""]) => chain));
  const places = new Map<string, readonly number[]>();
  for (const chain of chains) {
    const [all, others] = [linesOf(text, chain), linesOf(rest, chain)];
    const first = all.findIndex((line, index) => line !== others[index]);
    const own = Array.from({ length: all.length - others.length }, (_, index) => first + index);
    if (own.length > 0) places.set(chain, own);
  }
  return places;
}

/** By chain the places of the lines that counted while the flow was sent. */
async function gainedBy(
  lab: Lab,
  engine: PacketEngine,
  flow: string,
): Promise<Map<string, readonly number[]>> {
  const [from = "", to = "", key = ""] = flow.split(/ > | /);
  const [source, dest] = [addressOf(estate, from), addressOf(estate, to)];
  const node = new FilterCounters(lab, "host");
  const before = await node.read();
  await engine.observe({ kind: "packets", id: flow, from, to, source, dest, forged: false, keys: [key] });
  const after = await node.read();
  const grown = after.map(({ chain, count }, index) => ({
    chain,
    grew: count > (before[index]?.count ?? count),
  }));
  const chains = Map.groupBy(grown, ({ chain }) => chain);
  return new Map(
    [...chains].map(([chain, lines]) => [chain, lines.flatMap(({ grew }, index) => (grew ? [index] : []))]),
  );
}

test("each rule's flow, sent, is decided by that rule's own line", needsRoot, async () => {
  const rules = coverageOf(estate, []);
  assert.ok(rules.length > 15);
  assert.deepEqual(
    rules.filter(({ flow, reason }) => flow === undefined || reason !== undefined),
    [],
  );
  await using owned = await networkLab(estate);
  const engine = await PacketEngine.open(
    owned.lab,
    places(estate).map(({ id }) => id),
  );
  for (const rule of rules) {
    const gained = await gainedBy(owned.lab, engine, rule.flow ?? "");
    const took = [...linesOfRule(rule)].some(([chain, own]) => {
      const counted = gained.get(chain) ?? [];
      return (
        counted.some((place) => own.includes(place)) && counted.every((place) => place <= (own.at(-1) ?? 0))
      );
    });
    assert.ok(took, `${rule.flow}: ${rule.text} of ${rule.where}`);
  }
  engine.close();
});
