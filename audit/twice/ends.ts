import type { Estate } from "../../policy/estate.ts";
import type { Place } from "../../policy/flow.ts";
import type { Family } from "../../policy/ip.ts";
import { ip6Of } from "../../policy/ip6.ts";
import { addressOf, places } from "../../policy/place.ts";
import type { SideName } from "../../policy/diff/hops.ts";

/** Both declarations of a difference, as a lab is built of them. */
export type Estates = Readonly<Record<SideName, Estate>>;

/** Source and destination of packets between two places. */
export interface Addresses {
  readonly source: string;
  readonly dest: string;
}

export function hasPlace(estate: Estate, id: Place): boolean {
  return places(estate).some((place) => place.id === id);
}

/** A place's address in a lab, of IPv6 one that is made up; undefined where it has none, or is not there. */
export function labAddress(estate: Estate, id: Place, family: Family): string | undefined {
  if (!hasPlace(estate, id)) return undefined;
  return family === 4 ? addressOf(estate, id) : ip6Of(estate, id);
}

/** The addresses of packets that one sends to the other; undefined where the lab has none of that family. */
export function labAddresses(estate: Estate, from: Place, to: Place, family: Family): Addresses | undefined {
  const [source, dest] = [labAddress(estate, from, family), labAddress(estate, to, family)];
  return source === undefined || dest === undefined ? undefined : { source, dest };
}
