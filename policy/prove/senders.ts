import { parseIpv4 } from "../address.ts";
import type { Estate } from "../estate.ts";
import type { Place } from "../flow.ts";
import type { Family } from "../ip.ts";
import { places } from "../place.ts";
import { nodeOf } from "../proxmox/node.ts";
import { spaceOf } from "../space/node-space.ts";
import type { Span } from "../space/spans.ts";
import { addressAt, guestById } from "./owners.ts";

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

const CLASSES = { 4: classCache(), 6: classCache() };

function classCache() {
  return new WeakMap<Estate, readonly SenderClass[]>();
}

/** The guests whose packets of one family no other place can tell apart but by their sources. */
export function senderClasses(estate: Estate, family: Family): readonly SenderClass[] {
  const known = CLASSES[family].get(estate) ?? findClasses(estate, family);
  CLASSES[family].set(estate, known);
  return known;
}

function findClasses(estate: Estate, family: Family): readonly SenderClass[] {
  const senders = spaceOf(nodeOf(estate)).senders(family);
  return senders.flatMap((each) => {
    const guests = each.flatMap((place) => guestById(estate, place) ?? []);
    const ranked = sendersOf(estate, guests).sort((a, b) => a.rank - b.rank);
    return ranked.length > 0 ? [new SenderClass(ranked)] : [];
  });
}

function sendersOf(estate: Estate, guests: Estate["guests"]): Sender[] {
  return guests.map(({ id: place }) => ({
    place,
    address: parseIpv4(addressAt(estate, place)) ?? -1,
    rank: rankOf(estate, place),
  }));
}
