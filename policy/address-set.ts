import { parseCidr, rangeOf } from "./address.ts";
import { type Family, type Ip, parseIp, parseIpv6 } from "./ip.ts";

/** One network of a set, host bits masked as the kernel does. */
export interface SetNetwork {
  readonly family: Family;
  readonly first: Ip;
  readonly last: Ip;
  readonly prefixLength: number;
  readonly nomatch: boolean;
}

/** A set of addresses as ipset's hash:net has it: networks from the longest prefix to the shortest. */
export interface AddressSet {
  /** As the file names it. */
  readonly name: string;
  readonly networks: readonly SetNetwork[];
}

/** Of two entries that are one network (an alias, and what it stands for) the later counts. */
export function addressSet(name: string, networks: readonly SetNetwork[]): AddressSet {
  const last = new Map(
    networks.map((network) => [`${network.family} ${network.first}/${network.prefixLength}`, network]),
  );
  return { name, networks: [...last.values()].sort((a, b) => b.prefixLength - a.prefixLength) };
}

/** The longest prefix that holds the address decides; where it is a `!` entry, or none does, the set does not match. */
export function setHolds({ networks }: AddressSet, family: Family, ip: Ip): boolean {
  for (const network of networks)
    if (network.family === family && ip >= network.first && ip <= network.last) return !network.nomatch;
  return false;
}

/** An address or a network with or without host bits; undefined where it is neither. */
export function parseSetNetwork(text: string, nomatch = false): SetNetwork | undefined {
  const ip = parseIp(text);
  if (ip) {
    const prefixLength = ip.family === 4 ? 32 : 128;
    return { family: ip.family, first: ip.value, last: ip.value, prefixLength, nomatch };
  }
  const cidr = parseCidr(text);
  if (cidr) return { family: 4, ...rangeOf(cidr), prefixLength: cidr.prefixLength, nomatch };
  return parseNetwork6(text, nomatch);
}

function parseNetwork6(text: string, nomatch: boolean): SetNetwork | undefined {
  const [address = "", length = "", ...rest] = text.split("/");
  const value = parseIpv6(address);
  const prefixLength = Number(length);
  if (value === undefined || rest.length > 0 || !/^\d{1,3}$/.test(length) || prefixLength > 128)
    return undefined;
  const size = 1n << BigInt(128 - prefixLength);
  const first = value - (value % size);
  return { family: 6, first, last: first + size - 1n, prefixLength, nomatch };
}
