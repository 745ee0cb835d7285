import type { Family, Ip } from "../ip.ts";
import { regionOf } from "../lint/region.ts";
import { protocolName } from "../names.ts";
import { kindOf } from "../space/layout.ts";
import type { Conditions } from "../space/packet-space.ts";
import { joined, type Span } from "../space/spans.ts";
import { FAMILIES } from "./families.ts";
import type { WrittenFlows } from "./flow-parse.ts";

/** Of a protocol's 65,536 ports, or ICMP's types and codes: whoever approves more has not looked at them. */
const MOST_NUMBERS = 32_768;
/** Of the 256 protocols. */
const MOST_PROTOCOLS = 16;
/** Two IPv4 networks of 8 bits, which the private ones of RFC 1918 are less than; of IPv6 the same share. */
const MOST_SOURCES: Readonly<Record<Family, bigint>> = { 4: 1n << 25n, 6: 1n << 121n };

/**
 * What flows together leave open that somebody who approves has to know, in words: the protocol, most ports of one, most types
 * of ICMP, or the source. Undefined where they leave open nothing.
 */
export function breadthOf(flows: readonly WrittenFlows[]): string | undefined {
  for (const family of FAMILIES) {
    const found = breadthIn(
      flows.flatMap(({ conditions }) => conditions[family] ?? []),
      family,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

function breadthIn(all: readonly Conditions[], family: Family): string | undefined {
  const protos = numbersOf(joined(all.flatMap((each) => each.protos ?? [{ first: 0, last: 255 }])));
  if (protos.length > MOST_PROTOCOLS)
    return protos.length === 256 ? "any protocol" : `${protos.length} protocols`;
  for (const proto of protos) {
    const kind = kindOf(proto);
    if (kind === "other") continue;
    const own = all.filter((each) => each.protos?.some(({ first, last }) => first <= proto && proto <= last));
    const held = joined(own.flatMap((each) => (kind === "icmp" ? each.icmp : each.ports) ?? [EVERY]));
    const count = held.reduce((sum, { first, last }) => sum + last - first + 1, 0);
    if (count <= MOST_NUMBERS) continue;
    const what = kind === "icmp" ? "types" : "ports";
    return `${count === 65_536 ? "all" : "most"} ${what} of ${protocolName(proto)}`;
  }
  const sources = regionOf(
    all.flatMap((each) => each.sources ?? []),
    family,
  );
  const size = (ip: Ip) => BigInt(ip);
  const count = sources.reduce((sum, { first, last }) => sum + size(last) - size(first) + 1n, 0n);
  return count > MOST_SOURCES[family] ? "sources of most networks" : undefined;
}

const EVERY: Span = { first: 0, last: 65_535 };

function numbersOf(spans: readonly Span[]): readonly number[] {
  return spans.flatMap(({ first, last }) =>
    Array.from({ length: last - first + 1 }, (_, index) => first + index),
  );
}
