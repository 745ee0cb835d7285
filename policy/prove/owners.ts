import type { Estate, Guest } from "../estate.ts";
import type { Place } from "../flow.ts";
import { places } from "../place.ts";

/** Who has what, found at once: a search for each of 10,000 guests among all of them would take its time squared. */
interface Owners {
  readonly guests: ReadonlyMap<string, Guest>;
  readonly addresses: ReadonlyMap<Place, string>;
  /** Of the host and the guests. */
  readonly places: ReadonlyMap<string, Place>;
}

const OWNERS = new WeakMap<Estate, Owners>();

function ownersOf(estate: Estate): Owners {
  const known = OWNERS.get(estate);
  if (known) return known;
  const all = places(estate);
  const made = {
    guests: new Map(estate.guests.map((guest) => [guest.id, guest])),
    addresses: new Map(all.map(({ id, address }) => [id, address])),
    places: new Map(all.flatMap(({ id, address, destination }) => (destination ? [[address, id]] : []))),
  };
  OWNERS.set(estate, made);
  return made;
}

export function guestById(estate: Estate, id: string): Guest | undefined {
  return ownersOf(estate).guests.get(id);
}

/** A place's own address; a TypeError for a place that the estate does not have: a defect of the caller. */
export function addressAt(estate: Estate, place: Place): string {
  const address = ownersOf(estate).addresses.get(place);
  if (address === undefined) throw new TypeError(`no place ${place}`);
  return address;
}

/** The host or the guest that has an address. */
export function ownerOf(estate: Estate, address: string): Place | undefined {
  return ownersOf(estate).places.get(address);
}
