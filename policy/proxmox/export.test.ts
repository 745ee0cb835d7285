import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type SmallFirewall, type SmallRule, smallEstate } from "../../fixtures/estates/small.ts";
import { nodeOfImport } from "../../fixtures/imported.ts";
import { changedTexts, estateWith } from "../../fixtures/reference.ts";
import { decide, decideOn } from "../decide.ts";
import type { Estate } from "../estate.ts";
import type { Flow } from "../flow.ts";
import { loadEstate } from "../load.ts";
import { places } from "../place.ts";
import { exportEstate } from "./export.ts";
import { parseFolder } from "./folder.ts";
import { type Node, nodeOf } from "./node.ts";
import { phoenixFirewalls } from "./phoenix-json.ts";

/** What reading the exported files gives; Proxmox ignores none of their lines. */
function nodeOfExport(estate: Estate): Node {
  const texts = new Map(exportEstate(estate).files.map(({ name, text }) => [name, text]));
  const { node, ignored, notes } = parseFolder(texts, "exported");
  assert.deepEqual([ignored, notes], [[], []]);
  const hardware = ({ host, nics }: Node) => [host, nics.map((nic) => ({ ...nic, position: undefined }))];
  assert.deepEqual(hardware(node), hardware(nodeOf(estate)));
  return node;
}

function assertSame(estate: Estate, flows: readonly Flow[]): void {
  const node = nodeOfExport(estate);
  const firewalls = phoenixFirewalls(node);
  assert.ok(!firewalls.omissions.some(({ decides }) => decides));
  const imported = nodeOfImport(firewalls, node);
  for (const flow of flows) {
    const { verdict, reject } = decide(estate, flow);
    for (const other of [decideOn(node, flow), decideOn(imported, flow)])
      assert.deepEqual([other.verdict, other.reject], [verdict, reject], JSON.stringify(flow));
  }
}

const option = <T extends string>(...values: T[]) =>
  fc.option(fc.constantFrom(...values), { nil: undefined });

/** Rules right and wrong: what Proxmox would pass over must not come back. */
const RULE: fc.Arbitrary<SmallRule> = fc
  .record({
    type: fc.constantFrom("in" as const, "out" as const),
    action: fc.constantFrom("ACCEPT" as const, "DROP" as const, "REJECT" as const),
    enabled: fc.boolean(),
    macro: option("SSH", "dns", "Ping", "NeighborDiscovery", "nothing"),
    proto: option("tcp", "udp", "icmp", "ipv6-icmp", "47", "TCP", "0"),
    source: option(
      "10.0.0.50",
      "10.0.0.0/25",
      "10.0.0.40-10.0.0.60",
      "10.0.0.102,10.0.0.50",
      "2001:db8::/32",
      "+lan",
    ),
    dest: option("10.0.0.101", "0.0.0.0/0", "10.0.0.5/24", "2001:db8::101"),
    port: option("80", "22,8006", "1:1024", "http", "0", "70000"),
    sport: option("40000", "1024:65535"),
    icmpType: option("echo-request", "8"),
    iface: option("net0", "vmbr0"),
    log: option("info", "nolog", "loud", "infox"),
    comment: option("why", "a # b", " # ", "ends \\"),
  })
  .map(
    (fields) =>
      Object.fromEntries(
        Object.entries(fields).filter(([, value]) => value !== undefined),
      ) as unknown as SmallRule,
  );

const FIREWALL: fc.Arbitrary<SmallFirewall> = fc.record({
  enabled: fc.constantFrom(true, true, false),
  policyIn: fc.constantFrom("ACCEPT" as const, "DROP" as const, "REJECT" as const),
  policyOut: fc.constantFrom("ACCEPT" as const, "DROP" as const, "REJECT" as const),
  rules: fc.array(RULE, { maxLength: 6 }),
});

const ESTATE = fc
  .tuple(FIREWALL, FIREWALL, fc.oneof(FIREWALL, fc.constant("absent" as const)))
  .map(([host, first, second]) => smallEstate(host, { "101": first, "102": second }));

const ADDRESSES = {
  4: ["10.0.0.13", "10.0.0.50", "10.0.0.101", "10.0.0.102", "203.0.113.10"],
  6: ["2001:db8::50", "2001:db8::101", "fe80::1"],
} as const;

function flow(family: 4 | 6): fc.Arbitrary<Flow> {
  return fc.record({
    from: fc.constantFrom("host", "lan", "wan", "101", "102"),
    to: fc.constantFrom("host", "lan", "101", "102"),
    proto: fc.constantFrom<Flow["proto"]>("tcp", "udp", family === 4 ? "icmp" : 58, 47),
    source: fc.constantFrom(...ADDRESSES[family]),
    dest: fc.constantFrom(...ADDRESSES[family]),
    sport: fc.constantFrom(40_000, 53, 68),
    dport: fc.constantFrom(22, 53, 67, 80, 445, 8006, 9000),
    icmpType: fc.constant(family === 4 ? 8 : 128),
  });
}

const FLOWS = fc.array(fc.oneof(flow(4), flow(6)), { minLength: 20, maxLength: 20 });

test("random estates decide alike as JSON, as Proxmox's files, and as the JSON of these", (t) => {
  const seed = Date.now() & 0x7fffffff;
  t.diagnostic(`seed ${seed}`);
  fc.assert(fc.property(ESTATE, FLOWS, assertSame), { numRuns: 200, seed });
});

test("the reference estate does", () => {
  const estate = estateWith(() => {});
  const ids = places(estate);
  const flows = ids.flatMap((from) =>
    ids.flatMap((to) =>
      [22, 53, 80, 443, 3000, 8006, 9000].map(
        (dport): Flow => ({
          from: from.id,
          to: to.id,
          proto: "tcp",
          source: from.address,
          dest: to.address,
          dport,
        }),
      ),
    ),
  );
  assertSame(estate, flows);
});

test("each file names its source, no folder of this machine, and no secret", () => {
  const texts = changedTexts(({ host, lxc }) => {
    host.portainer_api.admin_password = "hunter2";
    lxc.lxc_configs["101"].name = "Nginx # [RULES]";
  });
  const estate = loadEstate("/somewhere/secret-folder", texts);
  const { files } = exportEstate(estate);
  for (const { name, text } of files) {
    assert.match(text, /^# .*: phoenix_(hypervisor_config|lxc_configs|vm_configs)\.json \//, name);
    assert.doesNotMatch(text, /somewhere|secret-folder|hunter2/, name);
  }
  assert.ok(!files.some(({ name }) => name === "host.fw"));
  assert.equal(nodeOfExport(estate).guests.get("101")?.ignored.length, 0);
});

test("a rule that Proxmox would pass over is a comment with the reason, and is told", () => {
  const estate = smallEstate({}, { "101": { rules: [{ type: "in", action: "ACCEPT", source: "+lan" }] } });
  const { files, refused } = exportEstate(estate);
  const [{ text, reason } = { text: "", reason: "" }] = refused;
  assert.equal(refused.length, 1);
  assert.equal(text, "IN ACCEPT -source +lan");
  const written = files.find(({ name }) => name === "101.fw")?.text ?? "";
  assert.ok(written.includes(`(${reason})`) && written.endsWith(`\n# ${text}\n`), written);
  assert.ok(!written.includes("\nIN ACCEPT"));
});
