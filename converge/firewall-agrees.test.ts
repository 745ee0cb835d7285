/**
 * The compiled text and the model are two readings of one declaration. Here the text is walked as the kernel would walk
 * it, and verdict and counting chain must be the model's, the verdicts of the vectors Proxmox's. The kernel itself is
 * asked by `phx vectors --live`; this finds a difference to the line.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type SmallFirewall, type SmallRule, smallEstate } from "../fixtures/estates/small.ts";
import { generalNode } from "../fixtures/general-node.ts";
import {
  firewallTexts,
  flowsOf,
  generalFlows,
  maybe,
  oneOf,
  someFlows,
  withoutUndefined,
} from "../fixtures/random-firewall.ts";
import { TRAP_FLOW, TRAPS } from "../fixtures/traps.ts";
import { sharedVectors } from "../fixtures/vectors.ts";
import { decideOn } from "../policy/decide.ts";
import type { Flow } from "../policy/flow.ts";
import { type Node, nodeOf } from "../policy/proxmox/node.ts";
import { compileFirewall } from "./firewall.ts";
import { kernelOf, walkAll } from "./iptables-walk.ts";

const NUM_RUNS = Number(process.env["PHX_RUNS"] ?? 300);

function agreeOn(node: Node, flows: readonly Flow[], told: unknown): void {
  const kernel = kernelOf(compileFirewall(node));
  for (const flow of flows) {
    const { verdict, reject, decider, hops } = decideOn(node, flow);
    const walked = walkAll(kernel, flow, node);
    const kind = reject === undefined ? {} : { with: flow.source.includes(":") ? walked.with : reject };
    const model = verdict === "accept" ? { verdict } : { verdict, chain: decider.chain, ...kind };
    assert.deepEqual(walked, model, JSON.stringify({ flow, hops, told }, null, 1));
  }
}

const SMALL = {
  addresses: ["10.0.0.101", "10.0.0.102", "10.0.0.103", "10.0.0.13", "10.0.0.200", "203.0.113.10"],
  edges: ["10.0.0.255", "255.255.255.255", "224.0.0.251", "0.0.0.0", "10.0.0.127", "10.0.0.128"],
} as const;

const networks = oneOf(
  ...SMALL.addresses,
  "10.0.0.0/25",
  "10.0.0.128/25",
  "0.0.0.0/0",
  "10.0.0.100-10.0.0.160",
  "10.0.0.13,10.0.0.102",
  "10.0.0.5/24",
  "+management",
  "203.0.113.0/24,10.0.0.103",
);
const ports = oneOf(
  "80",
  "80,443",
  "8000:8010",
  "22,80,8000:8010",
  "ssh",
  "domain",
  "0",
  "65535",
  "www",
  "90:80",
);
const protocols = oneOf("tcp", "udp", "tcp", "udp", "icmp", "6", "gre", "igmp", "1", "ip", "0", "all", "50");
const policy = oneOf("ACCEPT", "DROP", "REJECT");

const rule = fc
  .record({
    type: oneOf("in", "out"),
    action: policy,
    enabled: oneOf(true, true, true, false),
    proto: maybe(protocols),
    source: maybe(networks),
    dest: maybe(networks),
    port: maybe(ports),
    sport: maybe(oneOf("53", "1024:65535", "40000", "80,40000")),
    icmpType: maybe(oneOf("echo-request", "time-exceeded", "8", "0"), 6),
    macro: maybe(oneOf("SSH", "web", "Ping", "SMB", "DNS", "Trcrt", "IPsec", "DHCPv6", "Nonsense"), 6),
    iface: maybe(oneOf("net0", "net1", "vmbr0", "eth0"), 6),
  })
  .map((value) => withoutUndefined(value) as SmallRule);
const firewall: fc.Arbitrary<SmallFirewall> = fc.record({
  enabled: oneOf(true, true, true, true, false),
  policyIn: policy,
  policyOut: policy,
  rules: fc.array(rule, { maxLength: 6 }),
});
const guest = fc.oneof({ weight: 5, arbitrary: firewall }, { weight: 1, arbitrary: fc.constant("absent") });
const estates = fc
  .tuple(firewall, guest, guest, guest)
  .map(([host, a, b, c]) => smallEstate({ ...host, enabled: true }, { "101": a, "102": b, "103": c }));

const smallFlows = someFlows(
  flowsOf(
    oneOf("host", "101", "102", "103", "lan", "outside"),
    [oneOf(...SMALL.addresses, ...SMALL.addresses, ...SMALL.edges)],
    oneOf("52:54:00:00:00:65", "02:00:00:00:00:09"),
  ),
);

test("a Phoenix declaration: walking the compiled text gives the model's verdict, counted in the model's chain", () => {
  fc.assert(
    fc.property(estates, smallFlows, (estate, flows) => agreeOn(nodeOf(estate, "all"), flows, "")),
    { numRuns: NUM_RUNS },
  );
});

test("Proxmox's own files: the same, with groups, sets, options, several NICs and bridges, both families", () => {
  fc.assert(
    fc.property(firewallTexts, generalFlows, (texts, flows) => agreeOn(generalNode(texts), flows, texts)),
    { numRuns: NUM_RUNS },
  );
});

for (const [number, [words, ...cases]] of Object.entries(TRAPS))
  test(`trap ${number}, as compiled: ${words}`, () => {
    for (const [why, files, flow, verdict] of cases) {
      const node = generalNode(files);
      const walked = walkAll(kernelOf(compileFirewall(node)), { ...TRAP_FLOW, ...flow }, node);
      assert.equal(walked.verdict, verdict, `${why}: ${walked.chain}`);
    }
  });

for (const [file, cases] of [
  ["pve-phoenix.jsonl", 8000],
  ["pve-general.jsonl", 7303],
] as const)
  test(`${file}: walking the compiled text of each configuration gives what Proxmox said`, (t) => {
    const vectors = sharedVectors(t, file);
    if (!vectors) return;
    const asked = vectors.flatMap(({ vector, flows, node, estateNode }) =>
      [node, ...(estateNode ? [estateNode] : [])].flatMap((each) => {
        const kernel = kernelOf(compileFirewall(each));
        return vector.cases.map((given, at) => ({ given, walked: walkAll(kernel, flowAt(flows, at), each) }));
      }),
    );
    assert.equal(
      vectors.reduce((sum, { vector }) => sum + vector.cases.length, 0),
      cases,
    );
    const wrong = asked.filter(
      ({ given: { expect, reject }, walked }) =>
        walked.verdict.toUpperCase() !== expect || (reject !== undefined && walked.with !== reject),
    );
    assert.deepEqual(wrong.slice(0, 5), []);
  });

function flowAt(flows: readonly Flow[], at: number): Flow {
  return flows[at] ?? assert.fail("a case without a flow");
}
