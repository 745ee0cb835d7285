import { cubeText } from "../space/cube-text.ts";
import { cubesOf } from "../space/cubes.ts";
import { childAt } from "../space/diagram.ts";
import { LEVEL } from "../space/layout.ts";
import { PacketSet } from "../space/packet-set.ts";
import type { Conditions } from "../space/packet-space.ts";
import type { End } from "./ends.ts";
import { conditionsOf } from "./conditions.ts";
import { withWholeIcmp } from "./flow-words.ts";

/** In what a packet is not as one end sends it to the other, the least odd first. */
export const DEVIATIONS = ["form", "destination", "source", "mac", "reply"] as const;
export type Deviation = (typeof DEVIATIONS)[number];

/** Packets that are not as ordinary ones between two ends are, by the first thing in which they are not. */
export function byDeviation(
  all: PacketSet,
  from: End,
  to: End,
): readonly { readonly deviation: Deviation; readonly set: PacketSet }[] {
  const { space } = all;
  const { family } = space;
  const replies = all.intersect(PacketSet.where(space, { ownReply: true }));
  const set = all.subtract(replies);
  // Only a guest's NIC has a MAC that is asked for.
  const forged =
    from.mac === undefined
      ? PacketSet.none(space)
      : set.intersect(PacketSet.where(space, { foreignMac: true }));
  const own = set.intersect(PacketSet.where(space, { foreignMac: false }));
  const sent = own.intersect(PacketSet.where(space, { sources: from.addresses[family] }));
  const meant = sent.intersect(PacketSet.where(space, { dests: to.addresses[family] }));
  return (
    [
      { deviation: "mac", set: forged },
      { deviation: "source", set: own.subtract(sent) },
      { deviation: "destination", set: sent.subtract(meant) },
      { deviation: "form", set: meant },
      { deviation: "reply", set: replies },
    ] as const
  ).filter((each) => !each.set.isEmpty);
}

/** What of such a packet is told beside its protocol and port. */
type Told = Pick<Conditions, "sources" | "dests" | "sports">;

const SERVICE: readonly (keyof Told)[] = [];
const TOLD: Readonly<Record<Deviation, readonly (keyof Told)[]>> = {
  form: ["sports"],
  destination: ["sports", "dests"],
  source: ["sports", "sources"],
  mac: ["sports", "sources"],
  reply: SERVICE,
};

/** Such packets in words, a line each: what of them matters, whatever else they are. */
export function astrayWords(set: PacketSet, deviation: Deviation): readonly string[] {
  const told = toldOf(set, TOLD[deviation]);
  return [...withWholeIcmp(told).cubes()].map((cube) => cubeText(cube, set.space.family));
}

/** What tells two sets of packets apart but for their ends: protocol and port, or ICMP type. */
export function servicesOf(set: PacketSet): PacketSet {
  return toldOf(set, SERVICE);
}

/** Protocol and port, and of the other fields those that are asked for. */
function toldOf(set: PacketSet, fields: readonly (keyof Told)[]): PacketSet {
  const { space } = set;
  // A packet that is its own reply has one address, which its boxes have as the destination.
  const replies = [...boxes(set, 1)].map(({ dests, ...cube }) => ({
    ...cube,
    ...(dests && { dests, sources: dests }),
  }));
  const parts = [...boxes(set, 0), ...replies].map((cube) => {
    const all = conditionsOf(cube);
    const { protos, ports, icmp } = all;
    return PacketSet.where(space, {
      ...(protos && { protos }),
      ...(ports && { ports }),
      ...(icmp && { icmp }),
      ...Object.fromEntries(fields.flatMap((field) => (all[field] ? [[field, all[field]]] : []))),
      ownReply: false,
    });
  });
  return parts.reduce((all, part) => all.union(part), PacketSet.none(space));
}

function boxes({ diagram, space }: PacketSet, own: 0 | 1) {
  return cubesOf(space.family, childAt(diagram, LEVEL.own, own));
}
