import type { AddressSet, SetNetwork } from "./address-set.ts";
import { formatIpv4 } from "./address.ts";
import type { Family, IpSpan } from "./ip.ts";

/** Addresses from `first` to `last`, whichever family. */
interface Span {
  readonly first: bigint;
  readonly last: bigint;
}

const BITS = { 4: 32, 6: 128 } as const;

/** The addresses that a set holds, exclusions taken out, as the fewest networks, in order. */
export function cidrsOfSet({ networks }: AddressSet, family: Family): readonly string[] {
  return cidrsOf(heldSpans(networks.filter((network) => network.family === family)), family);
}

/** How many networks `cidrsOfSet` would give, of both families: told from the bounds alone, nothing is written. */
export function countCidrsOfSet({ networks }: AddressSet): number {
  return heldSpansByFamily(networks).reduce((sum, span) => sum + countCidrs(span), 0);
}

/** The same of spans; those of the other family are left out. */
export function cidrsOfSpans(spans: readonly IpSpan[], family: Family): readonly string[] {
  const own = spans.filter((span) => span.family === family);
  const sorted = own
    .map(({ first, last }) => ({ first: BigInt(first), last: BigInt(last) }))
    .sort((a, b) => compare(a.first, b.first));
  return cidrsOf(joined(sorted), family);
}

/**
 * Networks lie within or beside each other, so a walk in the order of their first addresses, the wider before the narrower,
 * meets each span with the networks around it on a stack; the top is the longest prefix.
 */
function heldSpans(networks: readonly SetNetwork[]): readonly Span[] {
  const around: SetNetwork[] = [];
  const held: Span[] = [];
  let next = 0n;
  const upTo = (last: bigint): void => {
    const top = around.at(-1);
    if (top && !top.nomatch && next <= last) held.push({ first: next, last });
    next = last + 1n;
  };
  const leaveBefore = (first: bigint | undefined): void => {
    for (let top = around.at(-1); top; top = around.at(-1)) {
      if (first !== undefined && BigInt(top.last) >= first) return;
      upTo(BigInt(top.last));
      around.pop();
    }
  };
  for (const network of widestFirst(networks)) {
    const first = BigInt(network.first);
    leaveBefore(first);
    upTo(first - 1n);
    around.push(network);
  }
  leaveBefore(undefined);
  return joined(held);
}

function widestFirst(networks: readonly SetNetwork[]): readonly SetNetwork[] {
  return [...networks].sort(
    (a, b) => compare(BigInt(a.first), BigInt(b.first)) || a.prefixLength - b.prefixLength,
  );
}

/** Spans in order, those that touch or overlap made one. */
function joined(spans: readonly Span[]): readonly Span[] {
  const found: Span[] = [];
  for (const span of spans) {
    const before = found.at(-1);
    if (!before || span.first > before.last + 1n) found.push(span);
    else if (span.last > before.last) found[found.length - 1] = { first: before.first, last: span.last };
  }
  return found;
}

function heldSpansByFamily(networks: readonly SetNetwork[]): readonly Span[] {
  const { 4: four = [], 6: six = [] } = Object.groupBy(networks, ({ family }) => family);
  return [...heldSpans(four), ...heldSpans(six)];
}

/**
 * Up to the highest bit in which first and end differ the networks become wider, after it narrower: each is a one of a
 * length's binary digits.
 */
function countCidrs({ first, last }: Span): number {
  const end = last + 1n;
  const highest = BigInt((first ^ end).toString(2).length - 1);
  const widest = (end >> highest) << highest;
  return ones(widest - first) + ones(end - widest);
}

function ones(length: bigint): number {
  return length.toString(2).replaceAll("0", "").length;
}

/** From the left always the widest network that begins there and ends within: no shorter list exists. */
function cidrsOf(spans: readonly Span[], family: Family): readonly string[] {
  const found: string[] = [];
  for (const { first, last } of spans) {
    for (let at = first; at <= last; ) {
      let bits = 0;
      while (bits < BITS[family] && fits(at, bits + 1, last)) bits++;
      found.push(format(at, BITS[family] - bits, family));
      at += 1n << BigInt(bits);
    }
  }
  return found;
}

function fits(first: bigint, bits: number, last: bigint): boolean {
  const size = 1n << BigInt(bits);
  return first % size === 0n && first + size - 1n <= last;
}

/** An address alone where the network is no wider. */
function format(first: bigint, prefixLength: number, family: Family): string {
  const address = family === 4 ? formatIpv4(Number(first)) : formatIpv6(first);
  return prefixLength === BITS[family] ? address : `${address}/${prefixLength}`;
}

/** RFC 5952: lower case, no leading zeros, the first of the longest runs of zeros as `::`. */
export function formatIpv6(ip: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((ip >> BigInt(112 - 16 * index)) & 0xffffn).toString(16),
  );
  const text = groups.join(":");
  const runs = [...text.matchAll(/(?<=^|:)0(?::0)+(?=:|$)/g)].map(([run]) => run);
  const longest = runs.toSorted((a, b) => b.length - a.length)[0];
  if (longest === undefined) return text;
  const at = text.search(new RegExp(`(?<=^|:)${longest}(?=:|$)`));
  return `${text.slice(0, at).replace(/:$/, "")}::${text.slice(at + longest.length).replace(/^:/, "")}`;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
