import { parseCidr, rangeOf } from "../address.ts";
import { decideOn } from "../decide.ts";
import type { Estate } from "../estate.ts";
import { explainHop } from "../explain.ts";
import type { Place } from "../flow.ts";
import { type IpSpan, parseIp } from "../ip.ts";
import { type Region, regionOf } from "../lint/region.ts";
import { places } from "../place.ts";
import { addressAt, ownerOf } from "../prove/owners.ts";
import { sentBy, tasteOf } from "../prove/reach.ts";
import type { Node } from "../proxmox/node.ts";
import { formatIp } from "../space/address-text.ts";
import { type NodeSpace, spaceOf } from "../space/node-space.ts";
import { PacketSet } from "../space/packet-set.ts";
import type { PacketSpace } from "../space/packet-space.ts";
import { flowOfPacket } from "../space/witness.ts";
import type { Site } from "./site.ts";

/** Why nobody has anything of what a rule alone decides at its hop. */
export interface Vain {
  readonly verdict: "unsent" | "stopped";
  readonly words: string;
}

/** Broadcast and multicast, and the all-zero address of whoever has none yet: nobody's own. */
const SHARED: readonly IpSpan[] = [
  { family: 4, first: 0, last: 0 },
  { family: 4, first: 0xe0000000, last: 0xffffffff },
];

/**
 * Who sends what to whom in an estate, IPv4 alone: of IPv6 the files name no address. Everyone sends from its own addresses,
 * and what is sent to a place bears that place's address, or one that is nobody's.
 */
export class Ends {
  readonly #estate: Estate;
  readonly #node: Node;
  readonly #sets: NodeSpace;
  readonly #space: PacketSpace;
  readonly #sent = new Map<Place, PacketSet>();
  readonly #dests = new Map<Place, PacketSet>();
  readonly #others = new Map<Place, PacketSet>();
  #everybody: PacketSet | undefined;
  #unnamed: PacketSet | undefined;

  constructor(estate: Estate, node: Node) {
    this.#estate = estate;
    this.#node = node;
    this.#sets = spaceOf(node);
    this.#space = this.#sets.spaces[4];
  }

  /** Undefined where some of these packets, which the rule alone decides, are sent, and get through if it lets them. */
  whyVain({ place, rule }: Site, alone: PacketSet): Vain | undefined {
    const own = place.kind === "host" ? "host" : place.name;
    const set = alone.adoptedBy(this.#space);
    if (set.isEmpty) return undefined;
    const isIn = rule.type === "in";
    const sent = isIn ? set.intersect(this.#destsOf(own)) : set.intersect(this.#sentFrom(own));
    if (sent.isEmpty) {
      const words = `its ${isIn ? "dest" : "source"} is no address of ${place.title}`;
      return { verdict: "unsent", words: `${words}: only a forged or a routed packet is like that` };
    }
    const arriving = isIn ? sent.intersect(this.#fromOthers(own)) : sent;
    if (arriving.isEmpty)
      return {
        verdict: "unsent",
        words: "no place of the estate has such a source: only a forged packet is like that",
      };
    return rule.action === "ACCEPT" ? this.#whyStopped(own, isIn, arriving) : undefined;
  }

  /** An ACCEPT of packets that another hop stops, whoever sends them or wherever they go. */
  #whyStopped(own: Place, isIn: boolean, set: PacketSet): Vain | undefined {
    let first: string | undefined;
    for (const id of this.#inTurn(own, this.#likely(isIn, set))) {
      const [from, to] = isIn ? [id, own] : [own, id];
      const some = set.intersect(isIn ? this.#sentFrom(id) : this.#destsOf(id));
      const packet = some.witness(tasteOf(this.#estate, from, to));
      if (!packet) continue;
      const { verdict, hops } = decideOn(this.#node, flowOfPacket(packet, from, to));
      if (verdict === "accept" || !some.intersect(this.#sets.accepted(from, to, 4)).isEmpty) return undefined;
      const last = hops.at(-1);
      if (last) first ??= explainHop(last);
    }
    const whom = isIn ? "whoever sends them" : "wherever they go";
    const words = `another hop stops its packets ${whom}, for example ${first ?? "its own"}`;
    return { verdict: "stopped", words };
  }

  *#inTurn(own: Place, likely: readonly Place[]): Generator<Place> {
    yield* likely.filter((id) => id !== own);
    for (const { id } of places(this.#estate)) if (id !== own && !likely.includes(id)) yield id;
  }

  /** Whose address some packet of the set bears: most often nobody else need be asked. */
  #likely(isIn: boolean, set: PacketSet): readonly Place[] {
    const packet = set.witness();
    const owner = packet && ownerOf(this.#estate, formatIp(isIn ? packet.source : packet.dest, 4));
    return owner === undefined ? ["wan", "lan"] : [owner];
  }

  #sentFrom(place: Place): PacketSet {
    const known = this.#sent.get(place) ?? this.#makeSent(place);
    this.#sent.set(place, known);
    return known;
  }

  /** A client that asks for a lease has no address yet. */
  #makeSent(place: Place): PacketSet {
    this.#unnamed ??= sentBy(this.#space, this.#estate, place, "any").intersect(
      this.#where("sources", SHARED.slice(0, 1)),
    );
    return sentBy(this.#space, this.#estate, place, "own").union(this.#unnamed);
  }

  #fromOthers(own: Place): PacketSet {
    const known = (this.#everybody ??= this.#union(places(this.#estate).map(({ id }) => this.#sentFrom(id))));
    const others = this.#others.get(own) ?? known.subtract(this.#where("sources", this.#addressOf(own)));
    this.#others.set(own, others);
    return others;
  }

  /** Halves first, so that no set grows one by one. */
  #union(sets: readonly PacketSet[]): PacketSet {
    const [first, second] = sets;
    if (!first) return PacketSet.none(this.#space);
    if (!second) return first;
    const middle = sets.length >> 1;
    return this.#union(sets.slice(0, middle)).union(this.#union(sets.slice(middle)));
  }

  #destsOf(place: Place): PacketSet {
    const known = this.#dests.get(place) ?? this.#makeDests(place);
    this.#dests.set(place, known);
    return known;
  }

  #makeDests(place: Place): PacketSet {
    const { subnet, gateway } = this.#estate.host;
    const shared = this.#where("dests", SHARED);
    if (place !== "wan" && place !== "lan") return shared.union(this.#where("dests", this.#addressOf(place)));
    const cidr = parseCidr(subnet);
    const near = this.#where("dests", cidr ? [{ family: 4, ...rangeOf(cidr) }] : []);
    if (place === "wan") return PacketSet.all(this.#space).subtract(near);
    const owned = places(this.#estate).flatMap(({ id, destination }) =>
      destination ? this.#addressOf(id) : [],
    );
    return near.union(shared).subtract(this.#where("dests", [...owned, ...spanOf(gateway)]));
  }

  /** Of the host or a guest; the other places have none of their own. */
  #addressOf(place: Place): readonly IpSpan[] {
    return place === "wan" || place === "lan" ? [] : spanOf(addressAt(this.#estate, place));
  }

  #where(end: "sources" | "dests", spans: readonly IpSpan[]): PacketSet {
    const region: Region = regionOf(spans, 4);
    return PacketSet.where(this.#space, { [end]: region });
  }
}

function spanOf(address: string): readonly IpSpan[] {
  const ip = parseIp(address);
  return ip?.family === 4 ? [{ family: 4, first: ip.value, last: ip.value }] : [];
}
