import type { Place } from "../flow.ts";
import { parseIp } from "../ip.ts";
import type { Nic } from "../proxmox/node.ts";
import type { Direction } from "../standing.ts";
import { HopWords } from "./hop-words.ts";
import type { SideName } from "./hops.ts";
import { areSurelySame } from "./same-file.ts";
import type { DiffSide } from "./side.ts";
import type { Touched } from "./touched.ts";

/** Places that one of them can stand for, the first of all places first. */
export type Crowd = readonly Place[];

/** All places of both sides, as senders and as receivers: each in one crowd. */
export interface Crowds {
  readonly senders: readonly Crowd[];
  readonly receivers: readonly Crowd[];
}

/** Who is looked at of a crowd: two, since one sends to the other too. */
export function standIns(crowd: Crowd): Crowd {
  return crowd.slice(0, 2);
}

/** As many changed places are each compared for itself. */
const MOST_ALONE = 16;

/** Who the files of both sides say is what it was. */
export interface Stability {
  readonly places: readonly Place[];
  /** As senders, and as receivers: guests with one address of a family at most, which is nobody else's. */
  readonly sent: ReadonlySet<Place>;
  readonly received: ReadonlySet<Place>;
  /** All that are not both, or of which files alone can't tell. */
  readonly changed: ReadonlySet<Place>;
  /** New, gone, or at another address. */
  readonly movers: ReadonlySet<Place>;
  /** A NIC is of another kind, or on another bridge: its packets take another way. */
  readonly isRehung: boolean;
}

/** Those that are `apart` count as changed. */
export function stabilityOf(
  base: DiffSide,
  head: DiffSide,
  places: readonly Place[],
  apart: ReadonlySet<Place>,
): Stability {
  const told = new Told(base, head);
  const guests = places.filter((place) => /^\d/.test(place));
  const unmoved = guests.filter((place) => told.isUnmoved(place));
  const plain = unmoved.filter((place) => !apart.has(place) && told.isPlain(place));
  const sent = new Set(plain.filter((place) => told.isStable(place, "out")));
  const received = new Set(plain.filter((place) => told.isStable(place, "in")));
  const changed = new Set(places.filter((place) => !sent.has(place) || !received.has(place)));
  const own = [...guests, ...places.filter((place) => place === "host")];
  const movers = new Set(own.filter((place) => !told.isAtHome(place)));
  return { places, sent, received, changed, movers, isRehung: guests.some((place) => told.isRehung(place)) };
}

/**
 * Who may stand for whom: guests that are on both sides what they were in one direction, and that the files do not tell apart in
 * it where packets are `touched`: as senders by what may change into another place, as destinations by what may change out of one. All others stand for themselves.
 */
export function assembleCrowds(
  { node, addresses }: DiffSide,
  { places, sent, received, changed }: Stability,
  touched: Readonly<Record<Direction, Touched | undefined>>,
): Crowds {
  const words = { in: new HopWords(node, touched.in), out: new HopWords(node, touched.out) };
  const nics = nicsOf({ node });
  const areFew = [...changed].filter((place) => sent.has(place) || received.has(place)).length <= MOST_ALONE;
  const by = (direction: Direction, own: ReadonlySet<Place>): readonly Crowd[] => {
    const nameOf = (place: Place): string => {
      const nic = nics.get(place);
      if (!nic || !own.has(place) || (areFew && changed.has(place))) return place;
      const families = (addresses.get(place) ?? [])
        .map((text) => parseIp(text)?.family ?? 0)
        .sort((a, b) => a - b);
      return `${changed.has(place)} ${families.join(" ")}: ${words[direction].of(nic, direction)}`;
    };
    return [...Map.groupBy(places, nameOf).values()];
  };
  return { senders: by("out", sent), receivers: by("in", received) };
}

/** What the files of both sides tell of guests' NICs. */
class Told {
  readonly #base: DiffSide;
  readonly #head: DiffSide;
  readonly #words: Readonly<Record<SideName, HopWords>>;
  readonly #nics: Readonly<Record<SideName, ReadonlyMap<Place, Nic>>>;
  readonly #owners: ReadonlyMap<string, ReadonlySet<Place>>;

  constructor(base: DiffSide, head: DiffSide) {
    this.#base = base;
    this.#head = head;
    this.#words = { base: new HopWords(base.node), head: new HopWords(head.node) };
    this.#nics = { base: nicsOf(base), head: nicsOf(head) };
    this.#owners = ownersOf([base, head]);
  }

  /** On both sides one NIC with the same addresses. */
  isUnmoved(place: Place): boolean {
    const [was, is] = [this.#nics.base.get(place), this.#nics.head.get(place)];
    return was && is ? hardwareOf(was) === hardwareOf(is) && this.isAtHome(place) : false;
  }

  /** On both sides, with the same addresses. */
  isAtHome(place: Place): boolean {
    const before = homeOf(this.#base, this.#nics.base, place);
    const after = homeOf(this.#head, this.#nics.head, place);
    return before !== undefined && before === after;
  }

  isRehung(place: Place): boolean {
    const [was, is] = [this.#nics.base.get(place), this.#nics.head.get(place)];
    return was && is ? was.kind !== is.kind || was.bridge !== is.bridge : false;
  }

  /** Words say all of its hops, and its address is its own. */
  isPlain(place: Place): boolean {
    const [was, is] = [this.#nics.base.get(place), this.#nics.head.get(place)];
    if (!was || !is || this.#words.base.usesFailing(was) || this.#words.head.usesFailing(is)) return false;
    return hasOwnAddress(this.#head.addresses.get(place) ?? [], this.#owners);
  }

  isStable(place: Place, direction: Direction): boolean {
    const [was, is] = [this.#nics.base.get(place), this.#nics.head.get(place)];
    if (!was || !is) return false;
    const [base, head] = [this.#base, this.#head].map(({ node }) => node.guests.get(is.guestId));
    if (this.#words.base.everywhere === this.#words.head.everywhere && areSurelySame(base, head)) return true;
    return this.#words.base.of(was, direction) === this.#words.head.of(is, direction);
  }
}

/** Its addresses; undefined where the side lacks it. */
function homeOf(
  { node, addresses }: DiffSide,
  nics: ReadonlyMap<Place, Nic>,
  place: Place,
): string | undefined {
  if (place === "host") return node.host.address;
  return nics.has(place) ? (addresses.get(place) ?? []).join(" ") : undefined;
}

function nicsOf({ node }: Pick<DiffSide, "node">): ReadonlyMap<Place, Nic> {
  return new Map(node.nics.map((nic) => [nic.place, nic]));
}

function hardwareOf({ guestId, index, kind, mac, bridge, flagged, addresses }: Nic): string {
  return `${guestId} ${index} ${kind} ${mac} ${bridge} ${flagged} ${addresses.join(" ")}`;
}

/** Who has an address, on any side: the host, and guests. */
function ownersOf(sides: readonly DiffSide[]): ReadonlyMap<string, ReadonlySet<Place>> {
  const owners = new Map<string, Set<Place>>();
  const add = (text: string, place: Place): void => {
    const name = nameOf(text);
    const known = owners.get(name);
    if (known) known.add(place);
    else owners.set(name, new Set([place]));
  };
  for (const { node, addresses } of sides) {
    add(node.host.address, "host");
    for (const [place, own] of addresses) for (const text of own) add(text, place);
  }
  return owners;
}

function hasOwnAddress(own: readonly string[], owners: ReadonlyMap<string, ReadonlySet<Place>>): boolean {
  const families = own.map((text) => parseIp(text)?.family);
  return new Set(families).size === own.length && own.every((text) => owners.get(nameOf(text))?.size === 1);
}

function nameOf(text: string): string {
  return String(parseIp(text)?.value ?? text);
}
