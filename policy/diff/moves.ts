import type { Place } from "../flow.ts";
import type { Family, Ip } from "../ip.ts";
import type { Packet } from "../packet.ts";
import { PacketSet } from "../space/packet-set.ts";
import { conditionsOf } from "./conditions.ts";
import type { End } from "./ends.ts";
import type { Pair, SideName } from "./hops.ts";

/** Two places; of a responder also who was there before. */
interface Way extends Pair {
  readonly was?: Place | undefined;
}

/** The guests, and the host, that have another address than they had. */
export class Moves {
  readonly #ends: Readonly<Record<SideName, ReadonlyMap<Place, End>>>;

  constructor(ends: Readonly<Record<SideName, ReadonlyMap<Place, End>>>) {
    this.#ends = ends;
  }

  /** Whether a guest, or the host, has one address on each side, and not the same. */
  #has(id: Place, family: Family): boolean {
    const [base, head] = [this.#ends.base.get(id), this.#ends.head.get(id)];
    if (!base?.isOwn || !head?.isOwn) return false;
    const [was, is] = [base.known[family], head.known[family]];
    return was.length === 1 && is.length === 1 && was[0] !== is[0];
  }

  /** Whether two places share an address on a side. */
  #meet(side: SideName, from: Place, to: Place, family: Family): boolean {
    const [own = [], other = []] = [from, to].map((id) => this.#ends[side].get(id)?.known[family]);
    return own.some((ip) => other.includes(ip));
  }

  /**
   * Which ends have moved. None where they share an address on a side: what goes from one to the other is there its own reply,
   * and elsewhere it is not, so that packets are compared as they are. Of a responder who was there before stays nameless: only
   * the sender's address is another.
   */
  #moved({ from, to, was, family }: Way): readonly [boolean, boolean] {
    if (this.#meet("base", from, was ?? to, family) || this.#meet("head", from, to, family))
      return [false, false];
    return [this.#has(from, family), was === undefined && this.#has(to, family)];
  }

  hasAny(way: Way): boolean {
    return this.#moved(way).includes(true);
  }

  /**
   * A side's packets as the other side has them: a guest that moved sends from its new address, and is sent to that, what it
   * was before. Between places that stayed they are what they were.
   */
  relocated(set: PacketSet, way: Way, side: SideName): PacketSet {
    const { from, to, family } = way;
    const hasMoved = this.#moved(way);
    if (!hasMoved.includes(true)) return set;
    const [was, is] = [side, side === "base" ? "head" : "base"].map((each) => {
      const [sources, dests] = [from, to].map((id, index) =>
        hasMoved[index] === true ? this.#ends[each as SideName].get(id)?.addresses[family] : undefined,
      );
      return { ...(sources && { sources }), ...(dests && { dests }), ownReply: false };
    });
    const there = this.comparable(set, way, side).intersect(PacketSet.where(set.space, was ?? {}));
    return [...there.cubes()]
      .map((cube) => PacketSet.where(set.space, { ...conditionsOf(cube), ...is }))
      .reduce((all, part) => all.union(part), PacketSet.none(set.space));
  }

  /**
   * Without the packets between an end that moved and the address that is its own on the other side alone: there they would be
   * their own reply, and whose that address is here is no longer the same.
   */
  comparable(set: PacketSet, way: Way, side: SideName): PacketSet {
    const { from, to, family } = way;
    const [sent, received] = this.#moved(way);
    const other = side === "base" ? "head" : "base";
    const at = (each: SideName, id: Place) => this.#ends[each].get(id)?.addresses[family] ?? [];
    const lost = [
      ...(sent ? [{ sources: at(side, from), dests: at(other, from) }] : []),
      ...(received ? [{ sources: at(other, to), dests: at(side, to) }] : []),
    ];
    return lost.reduce(
      (left, each) => left.subtract(PacketSet.where(set.space, { ...each, ownReply: false })),
      set,
    );
  }

  /** A side's packet as the other side has it: with other addresses where it is one between ends that moved. */
  packetOn(packet: Packet, way: Way, side: SideName): Packet {
    const { from, to, family } = way;
    const [sent, received] = this.#moved(way);
    const addressOf = (each: SideName, id: Place) => this.#ends[each].get(id)?.known[family][0];
    const other = side === "base" ? "head" : "base";
    const isOwn = (id: Place, ip: Ip) => addressOf(other, id) === ip;
    if ((sent && !isOwn(from, packet.source)) || (received && !isOwn(to, packet.dest))) return packet;
    if (packet.source === packet.dest) return packet;
    return {
      ...packet,
      source: (sent ? addressOf(side, from) : undefined) ?? packet.source,
      dest: (received ? addressOf(side, to) : undefined) ?? packet.dest,
    };
  }
}
