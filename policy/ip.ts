import { parseIpv4, parseRange, parseStrictCidr, rangeOf } from "./address.ts";

export type Family = 4 | 6;

/** An address as a number: IPv4 an unsigned 32-bit number, IPv6 a bigint. The two are never compared: family first. */
export type Ip = number | bigint;

/** Addresses of one family from `first` to `last`, both included. */
export interface IpSpan {
  readonly family: Family;
  readonly first: Ip;
  readonly last: Ip;
}

/** An IPv6 address (RFC 4291 section 2.2, all three forms) as a bigint; undefined where it is none. No zone. */
export function parseIpv6(text: string): bigint | undefined {
  const halves = withoutQuad(text)?.split("::");
  if (!halves || halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array<string>(missing).fill("0"), ...tail];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return groups.reduce((value, group) => value * 65536n + BigInt(`0x${group}`), 0n);
}

/** The text with a dotted quad at its end (`::ffff:10.0.0.1`) turned into two groups. */
function withoutQuad(text: string): string | undefined {
  const at = text.lastIndexOf(":");
  if (at < 0) return undefined;
  if (!text.includes(".")) return text;
  const quad = parseIpv4(text.slice(at + 1));
  return quad === undefined
    ? undefined
    : `${text.slice(0, at + 1)}${(quad >>> 16).toString(16)}:${(quad & 65535).toString(16)}`;
}

/** An address of either family. */
export function parseIp(text: string): { readonly family: Family; readonly value: Ip } | undefined {
  const four = parseIpv4(text);
  if (four !== undefined) return { family: 4, value: four };
  const six = parseIpv6(text);
  return six === undefined ? undefined : { family: 6, value: six };
}

/** An address or a network without host bits, as Proxmox takes it in a rule's list. */
export function parseSpan(text: string): IpSpan | undefined {
  const ip = parseIp(text);
  if (ip) return { family: ip.family, first: ip.value, last: ip.value };
  const cidr = parseStrictCidr(text);
  return cidr ? { family: 4, ...rangeOf(cidr) } : parseNetwork6(text);
}

function parseNetwork6(text: string): IpSpan | undefined {
  const [address = "", length = "", ...rest] = text.split("/");
  const first = parseIpv6(address);
  if (first === undefined || rest.length > 0 || !/^\d{1,3}$/.test(length) || Number(length) > 128)
    return undefined;
  const size = 1n << BigInt(128 - Number(length));
  return first % size === 0n ? { family: 6, first, last: first + size - 1n } : undefined;
}

/** A range `a-b` of one family, in order. */
export function parseSpanRange(text: string): IpSpan | undefined {
  const four = parseRange(text);
  if (four) return { family: 4, ...four };
  const [from = "", to = "", ...rest] = text.split("-");
  const first = parseIpv6(from);
  const last = parseIpv6(to);
  if (rest.length > 0 || first === undefined || last === undefined || first > last) return undefined;
  return { family: 6, first, last };
}

/** Whether one of the spans holds the address; all are of the address's family. */
export function spansHold(spans: readonly IpSpan[], ip: Ip): boolean {
  for (const span of spans) if (ip >= span.first && ip <= span.last) return true;
  return false;
}
