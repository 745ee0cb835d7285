import { formatIpv4 } from "../address.ts";
import { formatIpv6 } from "../cidr-list.ts";
import type { Family, Ip, IpSpan } from "../ip.ts";

/** What a person calls an address or a network; undefined where it has no name. */
export type NameOf = (address: string) => string | undefined;

/** More spans than that are listed as they are: nobody reads what would be excepted from them. */
const MOST_TO_FOLD = 64;
/** A range that is no longer is written by its names, where each address has one. */
const MOST_TO_NAME = 16n;

interface Wide {
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * Addresses as a person would write them: the shortest list of networks, ranges, and networks with exceptions. Where one has
 * exceptions, a semicolon ends them: `10.0.0.0/24 except 10.0.0.1, 10.0.0.9; 192.168.0.0/16`.
 */
export function addressText(
  spans: readonly IpSpan[],
  family: Family,
  nameOf: NameOf = () => undefined,
): string {
  const wide = spans.map(({ first, last }) => ({ first: BigInt(first), last: BigInt(last) }));
  const writer = new Writer(family, nameOf);
  return wide.length > MOST_TO_FOLD ? writer.list(wide) : textOf(writer.folded(wide));
}

/** Each span as a network, or as a range where that is shorter than its networks. */
export function addressItems(spans: readonly IpSpan[], family: Family): readonly string[] {
  const writer = new Writer(family, () => undefined);
  return spans.map(({ first, last }) => writer.list([{ first: BigInt(first), last: BigInt(last) }]));
}

class Writer {
  readonly #family: Family;
  readonly #nameOf: NameOf;

  constructor(family: Family, nameOf: NameOf) {
    this.#family = family;
    this.#nameOf = nameOf;
  }

  list(spans: readonly Wide[]): string {
    return spans.map((span) => this.#span(span)).join(", ");
  }

  /** The shortest of: a list, the network around all with its exceptions, and the same of its two halves. */
  folded(spans: readonly Wide[]): readonly Part[] {
    const around = hull(spans, this.#family);
    const gaps = gapsOf(spans, around);
    const plain = [{ text: this.list(spans), excepts: false }];
    if (gaps.length === 0 || spans.length === 0) return plain;
    const excepted = [{ text: `${this.#span(around)} except ${this.list(gaps)}`, excepts: true }];
    const halves = halvesOf(around).map((half) => within(spans, half));
    const isCut = halves.every((half) => half.length > 0) && spans.length > 1;
    const cut = isCut ? halves.flatMap((half) => this.folded(half)) : plain;
    return [excepted, cut].reduce(
      (best, each) => (textOf(each).length < textOf(best).length ? each : best),
      plain,
    );
  }

  #span(span: Wide): string {
    const { first, last } = span;
    if (first === 0n && last === lastIp(this.#family)) return "anywhere";
    const family = this.#family;
    const named = this.#names(span);
    if (named !== undefined) return named;
    const networks = networksOf(span, family);
    const [only] = networks;
    if (only !== undefined && networks.length === 1) return this.#nameOf(only) ?? only;
    const range = `${formatIp(first, family)}-${formatIp(last, family)}`;
    const list = networks.join(", ");
    return networks.length > 0 && list.length < range.length ? list : range;
  }

  #names({ first, last }: Wide): string | undefined {
    if (first === last || last - first >= MOST_TO_NAME) return undefined;
    const names: string[] = [];
    for (let ip = first; ip <= last; ip++) {
      const name = this.#nameOf(formatIp(ip, this.#family));
      if (name === undefined) return undefined;
      names.push(name);
    }
    return names.join(", ");
  }
}

/** Some items of a list; one with exceptions stands alone. */
interface Part {
  readonly text: string;
  readonly excepts: boolean;
}

function textOf(parts: readonly Part[]): string {
  return parts
    .map(({ text, excepts }, index) => {
      const before = parts[index - 1];
      return before ? `${excepts || before.excepts ? "; " : ", "}${text}` : text;
    })
    .join("");
}

function halvesOf({ first, last }: Wide): readonly Wide[] {
  const middle = first + (last - first + 1n) / 2n;
  return [
    { first, last: middle - 1n },
    { first: middle, last },
  ];
}

function lastIp(family: Family): bigint {
  return (1n << (family === 4 ? 32n : 128n)) - 1n;
}

/** A list of more is never shorter than the range. */
const MOST_NETWORKS = 4;

/** The fewest networks that are a span; none where they are many. */
function networksOf({ first, last }: Wide, family: Family): readonly string[] {
  const bits = family === 4 ? 32 : 128;
  const found: string[] = [];
  for (let at = first; at <= last; ) {
    if (found.length === MOST_NETWORKS) return [];
    const fitting = BigInt((last - at + 1n).toString(2).length - 1);
    const aligned = at === 0n ? BigInt(bits) : BigInt((at & -at).toString(2).length - 1);
    const size = fitting < aligned ? fitting : aligned;
    const address = formatIp(at, family);
    found.push(size === 0n ? address : `${address}/${bits - Number(size)}`);
    at += 1n << size;
  }
  return found;
}

/** The smallest network around all. */
function hull(spans: readonly Wide[], family: Family): Wide {
  const first = spans[0]?.first ?? 0n;
  const last = spans.at(-1)?.last ?? lastIp(family);
  const bits = first === last ? 0n : BigInt((first ^ last).toString(2).length);
  const base = (first >> bits) << bits;
  return { first: base, last: base + (1n << bits) - 1n };
}

function gapsOf(spans: readonly Wide[], { first, last }: Wide): readonly Wide[] {
  const gaps: Wide[] = [];
  let next = first;
  for (const span of spans) {
    if (next < span.first) gaps.push({ first: next, last: span.first - 1n });
    next = span.last + 1n;
  }
  return next <= last ? [...gaps, { first: next, last }] : gaps;
}

function within(spans: readonly Wide[], { first, last }: Wide): readonly Wide[] {
  return spans
    .filter((span) => span.first <= last && span.last >= first)
    .map((span) => ({
      first: span.first > first ? span.first : first,
      last: span.last < last ? span.last : last,
    }));
}

/** An address in the family's form. */
export function formatIp(ip: Ip, family: Family): string {
  return family === 4 ? formatIpv4(Number(ip)) : formatIpv6(BigInt(ip));
}
