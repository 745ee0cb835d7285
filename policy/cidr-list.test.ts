import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { addressSet, parseSetNetwork, setHolds } from "./address-set.ts";
import { cidrsOfSet, cidrsOfSpans, countCidrsOfSet, formatIpv6 } from "./cidr-list.ts";
import { type Family, parseIp, parseIpv6, parseSpan, parseSpanRange } from "./ip.ts";

function setOf(...entries: readonly string[]) {
  const networks = entries.flatMap((entry) => {
    const nomatch = entry.startsWith("!");
    return parseSetNetwork(nomatch ? entry.slice(1) : entry, nomatch) ?? [];
  });
  return addressSet("x", networks);
}

test("the longest prefix decides, not the order; neighbours are joined", () => {
  const carved = setOf("!10.0.0.64/26", "10.0.0.0/24", "10.0.0.65", "!10.1.0.0/16");
  assert.deepEqual(cidrsOfSet(carved, 4), ["10.0.0.0/26", "10.0.0.65", "10.0.0.128/25"]);
  assert.deepEqual(cidrsOfSet(setOf("10.0.0.0/25", "10.0.0.128/25", "10.0.1.0/24"), 4), ["10.0.0.0/23"]);
  assert.deepEqual(cidrsOfSet(setOf("!10.0.0.0/8"), 4), []);
  assert.deepEqual(cidrsOfSet(setOf("0.0.0.0/1", "128.0.0.0/1", "::/0"), 4), ["0.0.0.0/0"]);
  assert.deepEqual(cidrsOfSet(setOf("2001:db8::/32", "!2001:db8:8000::/33", "10.0.0.1"), 6), [
    "2001:db8::/33",
  ]);
});

test("of two entries for one network the later counts", () => {
  assert.deepEqual(cidrsOfSet(setOf("10.0.0.0/16", "!10.0.0.0/16"), 4), []);
  assert.deepEqual(cidrsOfSet(setOf("!10.0.0.0/16", "10.0.0.0/16"), 4), ["10.0.0.0/16"]);
});

test("spans of one family, a range as networks", () => {
  const range = parseSpanRange("10.0.0.3-10.0.0.8");
  const network = parseSpan("2001:db8::/64");
  assert.ok(range && network);
  assert.deepEqual(cidrsOfSpans([network, range], 4), ["10.0.0.3", "10.0.0.4/30", "10.0.0.8"]);
  assert.deepEqual(cidrsOfSpans([network, range], 6), ["2001:db8::/64"]);
});

test("RFC 5952", () => {
  const cases = ["::", "::1", "1::", "2001:db8::1", "2001:db8:0:1:1:1:1:1", "2001:0:0:1::1", "fe80::a:0:0:1"];
  for (const text of cases) assert.equal(formatIpv6(parseIpv6(text) ?? -1n), text);
  assert.equal(formatIpv6(parseIpv6("2001:DB8:0:0:1:0:0:1") ?? -1n), "2001:db8::1:0:0:1");
});

/** Few bits of freedom, so that networks meet. */
const ENTRY = fc
  .tuple(fc.boolean(), fc.nat(63), fc.integer({ min: 26, max: 32 }), fc.constantFrom<Family>(4, 6))
  .map(([nomatch, host, length, family]) => {
    const text =
      family === 4 ? `10.0.0.${host * 4}/${length}` : `2001:db8::${(host * 4).toString(16)}/${length + 96}`;
    return `${nomatch ? "!" : ""}${text}`;
  });

test("a set's networks hold what the set holds, and no two of them are one", () => {
  fc.assert(
    fc.property(fc.array(ENTRY, { maxLength: 12 }), fc.constantFrom<Family>(4, 6), (entries, family) => {
      const set = setOf(...entries);
      const cidrs = cidrsOfSet(set, family);
      const both = ([4, 6] as const).flatMap((each) => cidrsOfSet(set, each));
      assert.equal(countCidrsOfSet(set), both.length);
      const spans = cidrs.map((cidr) => parseSpan(cidr));
      for (let host = 0; host < 256; host++) {
        const text = family === 4 ? `10.0.0.${host}` : `2001:db8::${host.toString(16)}`;
        const ip = parseIp(text)?.value ?? 0;
        const held = spans.some((span) => span && ip >= span.first && ip <= span.last);
        assert.equal(held, setHolds(set, family, ip), text);
      }
      assert.deepEqual(
        cidrsOfSpans(
          spans.flatMap((span) => span ?? []),
          family,
        ),
        cidrs,
      );
    }),
  );
});
