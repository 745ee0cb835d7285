/**
 * The compiled text and the model are two readings of one declaration. Here the text is walked as the kernel would walk
 * it, and verdict and counting chain must be the model's, the verdicts of the vectors Proxmox's. The kernel itself is
 * asked by `phx vectors --live`; this finds a difference to the line.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type SmallFirewall, type SmallRule, smallEstate } from "../fixtures/estates/small.ts";
import { phoenixVectors } from "../fixtures/vectors.ts";
import { decide } from "../policy/decide.ts";
import type { Flow } from "../policy/flow.ts";
import { estateOfVector, flowOfCase } from "../policy/vectors.ts";
import { compileFirewall } from "./firewall.ts";
import { parseTable, walkAll } from "./iptables-walk.ts";

const SOME_ADDRESSES = ["10.0.0.101", "10.0.0.102", "10.0.0.103", "10.0.0.13", "10.0.0.200", "203.0.113.10"];
const EDGE_ADDRESSES = [
  "10.0.0.255",
  "255.255.255.255",
  "224.0.0.251",
  "0.0.0.0",
  "10.0.0.127",
  "10.0.0.128",
];
const SOME_PORTS = [
  22, 53, 67, 68, 80, 135, 137, 139, 443, 445, 1024, 1900, 5950, 8000, 8006, 60050, 60051, 65535,
];
const oneOf = <const T extends readonly unknown[]>(...values: T): fc.Arbitrary<T[number]> =>
  fc.constantFrom<T[number][]>(...values);
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined });
const withoutUndefined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as T;

const networks = oneOf(
  ...SOME_ADDRESSES,
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

const rule = fc
  .record({
    type: oneOf("in", "out"),
    action: oneOf("ACCEPT", "DROP", "REJECT"),
    enabled: oneOf(true, true, true, false),
    proto: maybe(protocols),
    source: maybe(networks),
    dest: maybe(networks),
    port: maybe(ports),
    sport: maybe(oneOf("53", "1024:65535", "40000")),
    icmpType: fc.option(oneOf("echo-request", "time-exceeded", "8"), { nil: undefined, freq: 6 }),
    macro: fc.option(oneOf("SSH", "web", "Ping", "SMB", "DNS", "Trcrt", "IPsec", "Nonsense"), {
      nil: undefined,
      freq: 6,
    }),
    iface: fc.option(oneOf("net0", "net1", "vmbr0", "eth0"), { nil: undefined, freq: 6 }),
  })
  .map((value) => withoutUndefined(value) as SmallRule);
const policy = oneOf("ACCEPT", "DROP", "REJECT");
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

const place = oneOf("host", "101", "102", "103", "lan", "outside");
const address = oneOf(...SOME_ADDRESSES, ...SOME_ADDRESSES, ...EDGE_ADDRESSES);
const port = oneOf(...SOME_PORTS, ...SOME_PORTS, 8005, 40000);
const flags = fc.uniqueArray(oneOf("SYN", "ACK", "RST", "FIN"), {
  maxLength: 3,
});
const flow = fc
  .record({
    from: place,
    to: place,
    proto: oneOf("tcp", "udp", "icmp", "tcp", "udp", 2, 47),
    source: address,
    dest: address,
    sport: oneOf(40000, 40000, 53, 67, 68, 137, 80),
    dport: port,
    icmpType: oneOf(8, 8, 13, 0, 3, 11),
    icmpCode: oneOf(0, 4),
    state: fc.option(oneOf("ESTABLISHED", "INVALID", "UNTRACKED"), {
      nil: undefined,
      freq: 12,
    }),
    flags: fc.option(flags, { nil: undefined, freq: 4 }),
    sourceMac: fc.option(oneOf("52:54:00:00:00:65", "02:00:00:00:00:09"), { nil: undefined, freq: 8 }),
  })
  .filter(
    ({ from, to }) => from !== to && !(["lan", "outside"].includes(from) && ["lan", "outside"].includes(to)),
  )
  .map((value) => withoutUndefined(value) as Flow);

test("walking the compiled text gives the model's verdict, counted in the model's chain", () => {
  const property = fc.property(estates, fc.array(flow, { minLength: 30, maxLength: 60 }), (estate, flows) => {
    const table = parseTable(compileFirewall(estate).iptables);
    for (const each of flows) {
      const { verdict, decider, hops } = decide(estate, each, "all");
      const walked = walkAll(table, each, estate);
      const model = verdict === "accept" ? { verdict } : { verdict, chain: decider.chain };
      assert.deepEqual(walked, model, JSON.stringify({ each, hops }));
    }
  });
  fc.assert(property, { numRuns: Number(process.env["PHX_RUNS"] ?? 300) });
});

test("walking the compiled text of each vector gives what Proxmox said", (t) => {
  const loaded = phoenixVectors(t);
  if (!loaded) return;
  const wrong = loaded.vectors.flatMap((vector) => {
    const estate = estateOfVector(vector, loaded.world);
    const table = parseTable(compileFirewall(estate).iptables);
    return vector.cases.filter(
      (each) => walkAll(table, flowOfCase(each), estate).verdict.toUpperCase() !== each.expect,
    );
  });
  t.diagnostic(`pve-phoenix.jsonl: ${loaded.cases - wrong.length} of ${loaded.cases} agreed`);
  assert.deepEqual(wrong.slice(0, 5), []);
});
