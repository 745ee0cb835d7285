import assert from "node:assert/strict";
import { test } from "node:test";
import type { Rule } from "./estate.ts";
import { formatIpv4 } from "./address.ts";
import { parseIpv6, parseSpan } from "./ip.ts";
import { MACROS } from "./macros.ts";
import { NO_DEFINITIONS } from "./proxmox/file.ts";
import { readRule } from "./rule.ts";
import { ruleLine } from "./rule-line.ts";

const GUEST = { place: "guest", dc: NO_DEFINITIONS } as const;
const position = { file: "f", line: 1, column: 1, pointer: "/r" };
const make = (fields: Partial<Rule>): Rule => ({
  type: "in",
  action: "ACCEPT",
  enabled: true,
  position,
  ...fields,
});

test("rules that Proxmox leaves without effect, each with its reason", () => {
  const rows: readonly (readonly [Partial<Rule>, RegExp])[] = [
    [{ port: "80" }, /a port needs a protocol/],
    [{ proto: "gre", port: "80" }, /a port needs a protocol/],
    [{ proto: "all" }, /unknown protocol all/],
    [{ source: "10.0.0.5/24" }, /without host bits/],
    [{ source: "10.0.0.1,10.0.0.2-10.0.0.3" }, /source/],
    [{ dest: "+management" }, /dest/],
    [{ source: "10.0.0.1", dest: "2001:db8::1" }, /IPv4 and IPv6/],
    [{ proto: "tcp", port: "80, 443" }, /port 80, 443/],
    [{ proto: "tcp", port: "www" }, /port www/],
    [{ proto: "tcp", port: "90:80" }, /port 90:80/],
    [{ proto: "tcp", port: "1:2,3:4,5:6,7:8,9:10,11:12,13:14,15:16" }, /more than 15/],
    [{ proto: "icmp", icmpType: "8" }, /unknown ICMP type 8/],
    [{ proto: "icmp", icmpType: "echo-request", port: "8" }, /exclude/],
    [{ icmpType: "echo-request" }, /icmp-type needs/],
    [{ macro: "Nonsense" }, /unknown macro/],
    [{ macro: "SSH", port: "22" }, /a port needs a protocol/],
    [{ macro: "SSH", proto: "udp" }, /contradicts/],
    [{ iface: "eth0" }, /no netN/],
  ];
  for (const [fields, reason] of rows) {
    const { matches, errors } = readRule(make(fields), GUEST);
    assert.deepEqual(matches, [], JSON.stringify(fields));
    assert.match(errors.join("; "), reason);
  }
});

test("rules that Proxmox reads, and then can't write", () => {
  const web = { name: "web", cidr: "10.0.0.1", family: 4, position } as const;
  const scope = { place: "group", dc: { ...NO_DEFINITIONS, aliases: new Map([["web", web]]) } } as const;
  const rows: readonly (readonly [Partial<Rule>, RegExp, (4 | 6)?])[] = [
    [{ source: "guest/web" }, /not defined in that scope/],
    [{ macro: "Ping", source: "guest/web" }, /not defined in that scope/],
    [{ macro: "DHCPv6", source: "guest/web" }, /not defined in that scope/, 6],
    [{ proto: "icmp", port: "300" }, /ICMP type 300/, 4],
    [{ proto: "ipv6-icmp", port: "128" }, /has no ports/, 6],
    [{ proto: "gre", port: "0" }, /gre has no ports/],
    [{ proto: "tcp", icmpType: "0" }, /tcp has no ICMP types/],
  ];
  for (const [fields, reason, family] of rows) {
    const { matches, errors, failure } = readRule(make(fields), scope);
    assert.deepEqual([matches, errors], [[], []], JSON.stringify(fields));
    assert.match(failure?.reason ?? "written", reason);
    assert.equal(failure?.family, family, JSON.stringify(fields));
  }
  const nothing = readRule(make({ macro: "DHCPv6", proto: "icmp", port: "300" }), scope);
  assert.deepEqual(
    nothing,
    { matches: [], errors: [] },
    "a macro that the family does not have is not written",
  );
});

test("words become numbers", () => {
  const read = (fields: Partial<Rule>): unknown => readRule(make(fields), GUEST).matches;
  assert.deepEqual(read({ proto: "tcp", port: "ssh,8000:8010" }), [
    {
      proto: 6,
      dports: [
        { first: 22, last: 22 },
        { first: 8000, last: 8010 },
      ],
    },
  ]);
  assert.deepEqual(read({ proto: "tcp", port: "0" }), [{ proto: 6 }]);
  for (const fields of [{ port: "0" }, { icmpType: "0" }])
    assert.deepEqual(read({ proto: "icmp", ...fields }), [{ family: 4, proto: 1, icmpTypes: [0] }]);
  assert.deepEqual(read({ proto: "icmp", port: "8" }), [{ family: 4, proto: 1, icmpTypes: [8] }]);
  assert.deepEqual(read({ proto: "icmp", icmpType: "host-unreachable" }), [
    { family: 4, proto: 1, icmpTypes: [3], icmpCode: 1 },
  ]);
  assert.deepEqual(read({ proto: "ip" }), [{}]);
  assert.deepEqual(read({ macro: "dns" }), [
    { proto: 17, dports: [{ first: 53, last: 53 }] },
    { proto: 6, dports: [{ first: 53, last: 53 }] },
  ]);
});

test("all 86 macros read without an error", () => {
  assert.equal(Object.keys(MACROS).length, 86);
  for (const macro of Object.keys(MACROS))
    assert.deepEqual(readRule(make({ macro }), GUEST).errors, [], macro);
});

test("a macro keeps to the family of the rule's own words", () => {
  const read = (fields: Partial<Rule>) => readRule(make(fields), GUEST);
  const protocols = (fields: Partial<Rule>) => read(fields).matches.map(({ proto }) => proto);
  assert.deepEqual(protocols({ macro: "Ping" }), [1, 58]);
  assert.deepEqual(protocols({ macro: "Ping", source: "10.0.0.1" }), [1]);
  assert.deepEqual(protocols({ macro: "Ping", source: "2001:db8::1" }), [58]);
  assert.deepEqual(protocols({ macro: "Ping", proto: "icmpv6" }), [58]);
  assert.deepEqual(protocols({ macro: "Trcrt", dest: "10.0.0.1" }), [17, 1]);
  assert.deepEqual(read({ macro: "NeighborDiscovery", source: "10.0.0.1" }), { matches: [], errors: [] });
  assert.equal(read({ macro: "DHCPv6" }).matches[0]?.family, 6);
});

test("a rule prints as Proxmox's line", () => {
  const rule = make({ enabled: false, proto: "tcp", source: "10.0.0.12", port: "8000", macro: "SSH" });
  assert.equal(ruleLine(rule), "|IN SSH(ACCEPT) -p tcp -source 10.0.0.12 -dport 8000");
});

test("IPv6 addresses and networks", () => {
  assert.equal(parseIpv6("::"), 0n);
  assert.equal(parseIpv6("2001:db8::1"), 0x20010db8000000000000000000000001n);
  assert.equal(parseIpv6("::ffff:10.0.0.1"), 0xffff0a000001n);
  for (const text of [
    "",
    ":",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "g::",
    "12345::",
    "1:2:3:4:5:6:7:8::",
  ])
    assert.equal(parseIpv6(text), undefined, text);
  assert.equal(parseSpan("2001:db8::1/32"), undefined);
  assert.deepEqual(parseSpan("fe80::/10"), {
    family: 6,
    first: 0xfe80n << 112n,
    last: (0xfec0n << 112n) - 1n,
  });
  assert.equal(formatIpv4(Number(parseSpan("10.0.0.0/24")?.last)), "10.0.0.255");
});

test("rules that name one set share its reading; under other aliases it is read anew", () => {
  const set = { name: "lan", entries: [{ address: "home", nomatch: false, position }], position };
  const definitions = (cidr: string) => ({
    aliases: new Map([["home", { name: "home", cidr, family: 4 as const, position }]]),
    sets: new Map([["lan", set]]),
  });
  const [one, other] = [definitions("10.0.0.0/8"), definitions("10.1.0.0/16")];
  const read = (dc: typeof one) =>
    readRule(make({ source: "+lan" }), { place: "host", dc }).matches[0]?.sourceSet;
  assert.equal(read(one), read(one));
  assert.deepEqual(
    [read(one), read(other)].map((each) => each?.networks[0]?.prefixLength),
    [8, 16],
  );
});
