import { parseIpv4 } from "./address.ts";
import type { Estate } from "./estate.ts";
import type { Place } from "./flow.ts";
import { addressOf } from "./place.ts";

/**
 * The address that a sweep over IPv6 gives a place, since the files declare none: of the documentation prefix (RFC 3849),
 * with the declared IPv4 address at its end. Undefined for `wan`: no file says by which way IPv6 would come in.
 */
export function ip6Of(estate: Estate, id: Place): string | undefined {
  if (id === "wan") return undefined;
  const value = parseIpv4(addressOf(estate, id)) ?? 0;
  return `2001:db8::${(value >>> 16).toString(16)}:${(value & 0xffff).toString(16)}`;
}
