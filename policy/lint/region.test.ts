import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type AddressSet, addressSet, parseSetNetwork, setHolds } from "../address-set.ts";
import type { Family, Ip, IpSpan } from "../ip.ts";
import { isWhole, isWithin, overlaps, type Region, regionOf, regionOfSet } from "./region.ts";

/** Of a small piece of each family, so that networks meet. */
const FAMILIES = [
  { family: 4, bits: 32, at: (low: number): Ip => 0x0a000000 + low },
  { family: 6, bits: 128, at: (low: number): Ip => (0x20010db8n << 96n) + BigInt(low) },
] as const;
const LOW = 64;

const holds = (region: Region, ip: Ip) => region.some(({ first, last }) => first <= ip && ip <= last);
const addresses = (at: (low: number) => Ip) => Array.from({ length: LOW }, (_, low) => at(low));

function networks({ family, bits, at }: (typeof FAMILIES)[number]): fc.Arbitrary<AddressSet> {
  const network = fc.tuple(fc.nat({ max: LOW - 1 }), fc.integer({ min: 0, max: 6 }), fc.boolean());
  return fc.array(network, { maxLength: 8 }).map((all) =>
    addressSet(
      "s",
      all.map(([low, size, nomatch]) => {
        const start = low - (low % 2 ** size);
        return {
          family,
          first: at(start),
          last: at(start + 2 ** size - 1),
          prefixLength: bits - size,
          nomatch,
        };
      }),
    ),
  );
}

const spans = (family: Family, at: (low: number) => Ip): fc.Arbitrary<readonly IpSpan[]> =>
  fc.array(
    fc
      .tuple(fc.nat({ max: LOW - 1 }), fc.nat({ max: LOW - 1 }))
      .map(([a, b]) => ({ family, first: at(Math.min(a, b)), last: at(Math.max(a, b)) })),
    { maxLength: 5 },
  );

for (const each of FAMILIES) {
  const { family, at } = each;

  test(`IPv${family}: the region of a set holds what the set holds`, () => {
    fc.assert(
      fc.property(networks(each), (set) => {
        const region = regionOfSet(set, family);
        for (const ip of addresses(at))
          assert.equal(holds(region, ip), setHolds(set, family, ip), String(ip));
        assert.deepEqual(regionOf(region, family), region, "in order, none touches another");
        assert.deepEqual(regionOfSet(set, family === 4 ? 6 : 4), []);
      }),
    );
  });

  test(`IPv${family}: within and overlap are what their addresses say`, () => {
    fc.assert(
      fc.property(spans(family, at), spans(family, at), (a, b) => {
        const [first, second] = [regionOf(a, family), regionOf(b, family)];
        const inFirst = addresses(at).filter((ip) => holds(first, ip));
        assert.deepEqual(
          inFirst,
          addresses(at).filter((ip) => holds(a, ip)),
        );
        assert.equal(
          isWithin(first, second),
          inFirst.every((ip) => holds(second, ip)),
        );
        assert.equal(
          overlaps(first, second),
          inFirst.some((ip) => holds(second, ip)),
        );
      }),
    );
  });
}

test("all addresses are the whole, by one network or by halves", () => {
  const whole = (...texts: string[]) => {
    const found = texts.flatMap((text) => parseSetNetwork(text) ?? []);
    return isWhole(regionOf(found, found[0]?.family ?? 4));
  };
  assert.ok(whole("0.0.0.0/0") && whole("::/0") && whole("128.0.0.0/1", "0.0.0.0/1"));
  assert.ok(!whole("0.0.0.0/1") && !whole("::/1") && !isWhole([]));
});
