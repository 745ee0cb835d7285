import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  contains,
  formatCidr,
  formatIpv4,
  maskOf,
  parseCidr,
  parseIpv4,
  parseRange,
  parseStrictCidr,
  rangeOf,
} from "./address.ts";

const ip = fc.integer({ min: 0, max: 0xffffffff });
const prefix = fc.integer({ min: 0, max: 32 });

test("an address survives print and parse", () => {
  fc.assert(fc.property(ip, (n) => assert.equal(parseIpv4(formatIpv4(n)), n)));
});

test("a network survives print and parse, and holds exactly its range", () => {
  fc.assert(
    fc.property(ip, prefix, ip, (n, prefixLength, other) => {
      const cidr = { base: (n & maskOf(prefixLength)) >>> 0, prefixLength };
      assert.deepEqual(parseCidr(formatCidr(cidr)), cidr);
      assert.deepEqual(parseCidr(`${formatIpv4(n)}/${prefixLength}`), cidr);
      const { first, last } = rangeOf(cidr);
      for (const probe of [n, other, first, last])
        assert.equal(contains(cidr, probe), first <= probe && probe <= last);
    }),
  );
});

test("what is no dotted quad is no address", () => {
  for (const text of [
    "",
    "1.2.3",
    "1.2.3.4.5",
    "256.0.0.1",
    "01.2.3.4",
    "1.2.3.4 ",
    " 1.2.3.4",
    "1.2.3.-4",
    "::1",
  ])
    assert.equal(parseIpv4(text), undefined, text);
  assert.equal(parseIpv4("255.255.255.255"), 0xffffffff);
  assert.equal(parseIpv4("10.0.0.153"), 0x0a000099);
});

test("a network needs a prefix length of 0 to 32, and no host bits where it is strict", () => {
  for (const text of ["10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/024", "10.0.0/24"])
    assert.equal(parseCidr(text), undefined, text);
  assert.equal(parseStrictCidr("10.0.0.5/24"), undefined);
  assert.deepEqual(parseStrictCidr("0.0.0.0/0"), { base: 0, prefixLength: 0 });
  assert.deepEqual(parseStrictCidr("10.0.0.128/25"), { base: 0x0a000080, prefixLength: 25 });
});

test("a range is two addresses in order", () => {
  assert.deepEqual(parseRange("10.0.0.1-10.0.0.9"), { first: 0x0a000001, last: 0x0a000009 });
  for (const text of ["10.0.0.1", "10.0.0.9-10.0.0.1", "10.0.0.1 - 10.0.0.9", "1.1.1.1-2.2.2.2-3.3.3.3", "-"])
    assert.equal(parseRange(text), undefined, text);
});
