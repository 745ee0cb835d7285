import type { Estate } from "../estate.ts";
import type { Place } from "../flow.ts";
import { parseIpv4 } from "../address.ts";
import { places } from "../place.ts";
import { nodeOf } from "../proxmox/node.ts";
import { spaceOf } from "../space/node-space.ts";
import type { Span } from "../space/spans.ts";
import { addressAt } from "./owners.ts";

/** A guest that sends, with its address as a number and its rank among all places. */
export interface Sender {
  readonly place: Place;
  readonly address: number;
  readonly rank: number;
}

/** Guests from which every other place gets the same packets, but for the sender's address. */
export class SenderClass {
  /** By rank. */
  readonly members: readonly Sender[];
  readonly #byAddress: readonly Sender[];
  readonly #places: ReadonlySet<Place>;

  constructor(members: readonly Sender[]) {
    this.members = members;
    this.#byAddress = [...members].sort((a, b) => a.address - b.address);
    this.#places = new Set(members.map(({ place }) => place));
  }

  /** The first of those that are not left out, and how many they are. */
  allBut(left: ReadonlySet<Place>): { readonly first: Sender | undefined; readonly count: number } {
    const absent = [...left].filter((place) => this.#places.has(place));
    const first = this.members.find(({ place }) => !left.has(place));
    return { first, count: this.members.length - absent.length };
  }

  /** Those whose address is in one of the spans, by address. */
  *within(spans: readonly Span[]): Generator<Sender> {
    for (const { first, last } of spans)
      for (let at = this.#from(first); ; at++) {
        const sender = this.#byAddress[at];
        if (!sender || sender.address > last) break;
        yield sender;
      }
  }

  /** The index of the first of that address or a higher one. */
  #from(address: number): number {
    let [low, high] = [0, this.#byAddress.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#byAddress[middle]?.address ?? 0) < address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const RANKS = new WeakMap<Estate, ReadonlyMap<Place, number>>();

/** Where a place stands in the order of all. */
export function rankOf(estate: Estate, place: Place): number {
  const known = RANKS.get(estate) ?? new Map(places(estate).map(({ id }, rank) => [id, rank]));
  RANKS.set(estate, known);
  return known.get(place) ?? -1;
}

const GUESTS = new WeakMap<Estate, SenderClass>();

/** All guests as if they were of one class. */
export function allGuests(estate: Estate): SenderClass {
  const known = GUESTS.get(estate) ?? new SenderClass(sendersOf(estate, estate.guests));
  GUESTS.set(estate, known);
  return known;
}

const CLASSES = new WeakMap<Estate, readonly SenderClass[]>();

/** The guests by class: whose packets of neither family any other place can tell apart. */
export function senderClasses(estate: Estate): readonly SenderClass[] {
  const known = CLASSES.get(estate) ?? findClasses(estate);
  CLASSES.set(estate, known);
  return known;
}

function findClasses(estate: Estate): readonly SenderClass[] {
  const space = spaceOf(nodeOf(estate));
  const [of4, of6] = ([4, 6] as const).map(
    (family) => new Map(space.senders(family).flatMap((each, index) => each.map((place) => [place, index]))),
  );
  const classes = Map.groupBy(estate.guests, ({ id }) => `${of4?.get(id)} ${of6?.get(id)}`);
  return [...classes.values()].map((guests) => new SenderClass(sendersOf(estate, guests)));
}

function sendersOf(estate: Estate, guests: Estate["guests"]): readonly Sender[] {
  return guests.map(({ id: place }) => ({
    place,
    address: parseIpv4(addressAt(estate, place)) ?? -1,
    rank: rankOf(estate, place),
  }));
}
