/** An IPv4 network: `base` unsigned 32-bit, host bits cleared. */
export interface Cidr {
  readonly base: number;
  readonly prefixLength: number;
}

/** Addresses from `first` to `last`, both included, unsigned 32-bit. */
export interface AddressRange {
  readonly first: number;
  readonly last: number;
}

const [DOT, ZERO, NINE] = [0x2e, 0x30, 0x39];
/** `255.255.255.255`. */
const LONGEST_QUAD = 15;

/** The address as an unsigned 32-bit number; a strict dotted quad (no leading zero, no blanks), else undefined. */
export function parseIpv4(text: string): number | undefined {
  if (text.length > LONGEST_QUAD) return undefined;
  let value = 0;
  let octet = 0;
  let digits = 0;
  let dots = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === DOT) {
      if (digits === 0) return undefined;
      value = value * 256 + octet;
      octet = 0;
      digits = 0;
      dots++;
    } else if (code >= ZERO && code <= NINE) {
      if (digits > 0 && octet === 0) return undefined;
      octet = octet * 10 + code - ZERO;
      digits++;
      if (octet > 255) return undefined;
    } else return undefined;
  }
  return dots === 3 && digits > 0 ? value * 256 + octet : undefined;
}

/** The dotted quad of an unsigned 32-bit number. */
export function formatIpv4(ip: number): string {
  return `${ip >>> 24}.${(ip >>> 16) & 255}.${(ip >>> 8) & 255}.${ip & 255}`;
}

/** The network mask as an unsigned 32-bit number: 24 gives 0xffffff00. */
export function maskOf(prefixLength: number): number {
  return prefixLength === 0 ? 0 : (0xffffffff << (32 - prefixLength)) >>> 0;
}

/** `a.b.c.d/n`, host bits cleared; undefined where it is no CIDR. A bare address is no CIDR. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf("/");
  const ip = slash < 0 ? undefined : parseIpv4(text.slice(0, slash));
  const length = text.slice(slash + 1);
  if (ip === undefined || !/^(\d|[12]\d|3[0-2])$/.test(length)) return undefined;
  return { base: (ip & maskOf(Number(length))) >>> 0, prefixLength: Number(length) };
}

/** As `parseCidr`, but a CIDR with host bits is undefined: Proxmox refuses it in a rule (and takes it in an ipset). */
export function parseStrictCidr(text: string): Cidr | undefined {
  const cidr = parseCidr(text);
  return cidr && parseIpv4(text.slice(0, text.indexOf("/"))) === cidr.base ? cidr : undefined;
}

export function formatCidr({ base, prefixLength }: Cidr): string {
  return `${formatIpv4(base)}/${prefixLength}`;
}

/** Whether the network holds the address. */
export function contains(cidr: Cidr, ip: number): boolean {
  return (ip & maskOf(cidr.prefixLength)) >>> 0 === cidr.base;
}

/** First and last address of a network. */
export function rangeOf({ base, prefixLength }: Cidr): AddressRange {
  return { first: base, last: base + 2 ** (32 - prefixLength) - 1 };
}

/** `a-b`, no blanks; undefined where it is no range or runs backwards. */
export function parseRange(text: string): AddressRange | undefined {
  const [from = "", to = "", ...rest] = text.split("-");
  const first = parseIpv4(from);
  const last = parseIpv4(to);
  if (rest.length > 0 || first === undefined || last === undefined || first > last) return undefined;
  return { first, last };
}
