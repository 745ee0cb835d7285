import { FLAG, TCP } from "../packet.ts";
import { childAt, type Diagram, NONE } from "./diagram.ts";
import { LEVEL } from "./layout.ts";
import { openingsOf } from "./openings.ts";
import { ownRepliesOf } from "./own-replies.ts";
import type { PacketSpace } from "./packet-space.ts";
import { single } from "./spans.ts";

/**
 * The flows whose first packet is in a set, as a client sends it: a SYN, a datagram or another packet as conntrack first sees
 * it, with the NIC's own MAC and two ends. State, flags and MAC tell nothing any more, so that what is left reads as a rule.
 */
export function flowsOf(space: PacketSpace, set: Diagram): Diagram {
  const { store } = space;
  const syn = space.where({ flags: [single(FLAG.SYN)], foreignMac: false });
  const noTcp = space.where({
    protos: [
      { first: 0, last: TCP - 1 },
      { first: TCP + 1, last: 255 },
    ],
    foreignMac: false,
  });
  const asSent = store.intersect(openingsOf(space), store.union(syn, noTcp));
  const plain = childAt(store.intersect(set, asSent), LEVEL.own, 0);
  const told = without(space, plain, new Map());
  return store.node(LEVEL.own, [0, 1], [told, ownRepliesOf(space, told)]);
}

const UNTOLD: ReadonlySet<number> = new Set([LEVEL.state, LEVEL.flags, LEVEL.mac]);

/** The set of those that have any value of the fields that are not told. */
function without(space: PacketSpace, node: Diagram, known: Map<Diagram, Diagram>): Diagram {
  if (node.children.length === 0) return node;
  const before = known.get(node);
  if (before) return before;
  const { store } = space;
  const children = node.children.map((child) => without(space, child, known));
  const made = UNTOLD.has(node.level)
    ? children.reduce((all, child) => store.union(all, child), NONE)
    : store.node(node.level, node.uppers, children);
  known.set(node, made);
  return made;
}
