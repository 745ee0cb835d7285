import { parseSetNetwork } from "../address-set.ts";
import type { Place } from "../flow.ts";
import { type Family, type IpSpan, parseSpanRange } from "../ip.ts";
import { overlaps, type Region, regionOf } from "../lint/region.ts";
import { FAMILIES } from "./families.ts";
import { SIDES } from "./hops.ts";
import type { SideEnds } from "./compare.ts";

/** The addresses, on either side, of places that come, go or move: ordinary packets from them and to them bear one. */
export class MoverAddresses {
  /** Undefined where of one of them none of that family is known, so that it may have any. */
  readonly #regions: Readonly<Record<Family, Region | undefined>>;
  readonly #hasAny: boolean;
  readonly #known = new Map<string, boolean>();

  constructor(movers: ReadonlySet<Place>, ends: SideEnds) {
    this.#hasAny = movers.size > 0;
    const all = SIDES.flatMap((side) => [...movers].flatMap((place) => ends[side].get(place) ?? []));
    const regionIn = (family: Family): Region | undefined =>
      all.some(({ known }) => known[family].length === 0)
        ? undefined
        : regionOf(
            all.flatMap(({ addresses }) => addresses[family]),
            family,
          );
    this.#regions = { 4: regionIn(4), 6: regionIn(6) };
  }

  /**
   * Whether one end of a rule may hold one of them; false only where it surely does not. The end is as `HopWords` has it: what
   * aliases stand for, of a set its entries; undefined: any address.
   */
  mayMeet(end: string | undefined): boolean {
    if (end === undefined || !this.#hasAny) return this.#hasAny;
    const known = this.#known.get(end) ?? this.#asks(end);
    this.#known.set(end, known);
    return known;
  }

  #asks(end: string): boolean {
    const spans = spansOf(end);
    return !spans || FAMILIES.some((family) => this.#meets(spans, family));
  }

  #meets(spans: readonly IpSpan[], family: Family): boolean {
    const own = regionOf(spans, family);
    const region = this.#regions[family];
    return own.length > 0 && (!region || overlaps(own, region));
  }
}

/** All that an end's text may mean; undefined where it is no list of addresses. What a set leaves out is not asked. */
function spansOf(text: string): readonly IpSpan[] | undefined {
  const isSet = text.startsWith("{");
  const entries = isSet ? text.slice(1, -1).split(" ") : text.split(",");
  const spans = entries
    .filter((entry) => entry !== "" && !entry.startsWith("!"))
    .map((entry) => parseSetNetwork(entry) ?? parseSpanRange(entry));
  const known = spans.filter((span) => span !== undefined);
  return known.length < spans.length ? undefined : known;
}
