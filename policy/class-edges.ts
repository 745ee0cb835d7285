import { formatIpv4 } from "./address.ts";
import { type AddressSet, setHolds } from "./address-set.ts";
import { formatIpv6 } from "./cidr-list.ts";
import { type Family, type Ip, type IpSpan, spansHold } from "./ip.ts";
import type { Match } from "./match.ts";

/** Addresses at the borders of what a line takes as source: a forged one of each kind shows whether the border holds. */
export interface SourceEdges {
  readonly inside: readonly string[];
  readonly outside: readonly string[];
}

/** The borders of a match's sources; undefined where it takes any. */
export function sourceEdges(match: Match, family: Family): SourceEdges | undefined {
  const spans = [...(match.sources ?? []), ...networksOf(match)].filter((span) => span.family === family);
  if (match.sources === undefined && match.sourceSet === undefined && match.notSourceSet === undefined)
    return undefined;
  const near = [...new Set(spans.flatMap(bordering))].filter((ip) => isAddress(ip, family));
  const inside = near.filter((ip) => takes(match, family, ip));
  const outside = near.filter((ip) => !takes(match, family, ip));
  return { inside: inside.map(formatIp), outside: outside.map(formatIp) };
}

function networksOf({ sourceSet, notSourceSet }: Match): AddressSet["networks"] {
  return [...(sourceSet?.networks ?? []), ...(notSourceSet?.networks ?? [])];
}

function bordering({ first, last }: IpSpan): readonly Ip[] {
  if (typeof first === "number" && typeof last === "number") return [first - 1, first, last, last + 1];
  const [low, high] = [BigInt(first), BigInt(last)];
  return [low - 1n, low, high, high + 1n];
}

function isAddress(ip: Ip, family: Family): boolean {
  return ip >= 0 && (family === 4 ? ip <= 0xffffffff : BigInt(ip) < 1n << 128n);
}

function takes({ sources, sourceSet, notSourceSet }: Match, family: Family, ip: Ip): boolean {
  return (
    (sources === undefined || spansHold(sources, ip)) &&
    (sourceSet === undefined || setHolds(sourceSet, family, ip)) &&
    (notSourceSet === undefined || !setHolds(notSourceSet, family, ip))
  );
}

function formatIp(ip: Ip): string {
  return typeof ip === "number" ? formatIpv4(ip) : formatIpv6(ip);
}
