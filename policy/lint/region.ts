import type { AddressSet, SetNetwork } from "../address-set.ts";
import type { Family, Ip, IpSpan } from "../ip.ts";

/** Addresses of one family: spans in order that neither overlap nor touch. */
export type Region = readonly IpSpan[];

const LAST: Readonly<Record<Family, Ip>> = { 4: 0xffffffff, 6: (1n << 128n) - 1n };

/** The spans of one family as a region. */
export function regionOf(spans: readonly IpSpan[], family: Family): Region {
  const [only] = spans;
  if (spans.length === 1 && only?.family === family) return [{ family, first: only.first, last: only.last }];
  const sorted = spans.filter((span) => span.family === family).sort(byFirst);
  const found: IpSpan[] = [];
  for (const { first, last } of sorted) {
    const before = found.at(-1);
    if (!before || first > after(before.last)) found.push({ family, first, last });
    else if (last > before.last) found[found.length - 1] = { family, first: before.first, last };
  }
  return found;
}

const OF_SETS = { 4: new WeakMap<AddressSet, Region>(), 6: new WeakMap<AddressSet, Region>() };

/** The addresses of one family that a set holds: the longest prefix decides. */
export function regionOfSet(set: AddressSet, family: Family): Region {
  const known = OF_SETS[family].get(set) ?? heldRegion(set, family);
  OF_SETS[family].set(set, known);
  return known;
}

function heldRegion({ networks }: AddressSet, family: Family): Region {
  const inside: SetNetwork[] = [];
  const held: IpSpan[] = [];
  let next: Ip = family === 4 ? 0 : 0n;
  const upTo = (last: Ip): void => {
    const top = inside.at(-1);
    if (top && !top.nomatch && next <= last) held.push({ family, first: next, last });
    next = after(last);
  };
  const leave = (first?: Ip): void => {
    for (let top = inside.at(-1); top && (first === undefined || top.last < first); top = inside.at(-1)) {
      upTo(top.last);
      inside.pop();
    }
  };
  for (const network of widestFirst(networks, family)) {
    leave(network.first);
    upTo(before(network.first));
    inside.push(network);
  }
  leave();
  return regionOf(held, family);
}

/** Networks lie within or beside each other; of two entries for one network the earlier counts. */
function widestFirst(networks: readonly SetNetwork[], family: Family): readonly SetNetwork[] {
  const sorted = networks
    .filter((network) => network.family === family)
    .sort((a, b) => byFirst(a, b) || a.prefixLength - b.prefixLength);
  return sorted.filter((network, index) => {
    const before = sorted[index - 1];
    return before?.first !== network.first || before.prefixLength !== network.prefixLength;
  });
}

/** Whether every address of the one is in the other. */
export function isWithin(inner: Region, outer: Region): boolean {
  let at = 0;
  for (const { first, last } of inner) {
    while (at < outer.length && (outer[at]?.last ?? 0) < first) at++;
    const span = outer[at];
    if (!span || span.first > first || span.last < last) return false;
  }
  return true;
}

/** Whether an address is in both. */
export function overlaps(a: Region, b: Region): boolean {
  let at = 0;
  for (const { first, last } of a) {
    while (at < b.length && (b[at]?.last ?? 0) < first) at++;
    const span = b[at];
    if (span && span.first <= last) return true;
  }
  return false;
}

/** Whether it is all addresses of the family. */
export function isWhole([first]: Region): boolean {
  return first !== undefined && BigInt(first.first) === 0n && first.last === LAST[first.family];
}

function byFirst(a: IpSpan, b: IpSpan): number {
  return a.first < b.first ? -1 : a.first > b.first ? 1 : 0;
}

function after(ip: Ip): Ip {
  return typeof ip === "number" ? ip + 1 : ip + 1n;
}

function before(ip: Ip): Ip {
  return typeof ip === "number" ? ip - 1 : ip - 1n;
}
