import { type Diagram, edgesOf, NONE } from "./diagram.ts";
import { depthOf, kindOf, LEVEL, lastOf, type ProtoKind, sourceLevel } from "./layout.ts";
import { ownRepliesOf } from "./own-replies.ts";
import type { PacketSpace } from "./packet-space.ts";

/**
 * How many packets a set has: a field that a protocol has not counts once, a MAC as two (the NIC's own, and any other), the
 * state as five.
 */
export function countOf(space: PacketSpace, set: Diagram): bigint {
  const [plain = set, own = set] = set.level === LEVEL.own ? set.children : [];
  const between = new Count(space, false).of(plain) - new Count(space, true).of(ownRepliesOf(space, plain));
  return between + (set === NONE ? 0n : new Count(space, true).of(own));
}

const KINDS: readonly ProtoKind[] = ["tcp", "ports", "icmp", "other"];

/** Counts one half: the packets with two ends, or those that are their own replies and have one. */
class Count {
  readonly #depth: number;
  readonly #source: number;
  readonly #isOwn: boolean;
  readonly #known = new Map<string, bigint>();

  constructor({ family }: PacketSpace, isOwn: boolean) {
    this.#depth = depthOf(family);
    this.#source = sourceLevel(family);
    this.#isOwn = isOwn;
  }

  of(half: Diagram): bigint {
    return this.#from(half, LEVEL.state, undefined);
  }

  /** The points from a level on, of packets of a kind once the protocol is known. */
  #from(node: Diagram, level: number, kind: ProtoKind | undefined): bigint {
    if (node === NONE) return 0n;
    if (level === this.#depth) return 1n;
    const key = `${node.id} ${level} ${kind}`;
    const known = this.#known.get(key) ?? this.#sum(node, level, kind);
    this.#known.set(key, known);
    return known;
  }

  #sum(node: Diagram, level: number, kind: ProtoKind | undefined): bigint {
    const edges = node.level === level ? edgesOf(node) : [{ first: 0, last: lastOf(level), child: node }];
    if (level === LEVEL.proto)
      return sum(
        edges.flatMap(({ first, last, child }) =>
          KINDS.map((each) => protosOf(first, last, each) * this.#from(child, level + 1, each)),
        ),
      );
    const isTold = this.#isTold(level, kind);
    return sum(
      edges.map(
        ({ first, last, child }) =>
          (isTold ? BigInt(last - first + 1) : 1n) * this.#from(child, level + 1, kind),
      ),
    );
  }

  /** Whether packets of a kind have the field. */
  #isTold(level: number, kind: ProtoKind | undefined): boolean {
    if (level === LEVEL.service) return kind !== "other";
    if (level === LEVEL.sport) return !this.#isOwn && (kind === "tcp" || kind === "ports");
    if (level === LEVEL.flags) return kind === "tcp";
    return level < this.#source || !this.#isOwn;
  }
}

function protosOf(first: number, last: number, kind: ProtoKind): bigint {
  let count = 0n;
  for (let proto = first; proto <= last; proto++) if (kindOf(proto) === kind) count++;
  return count;
}

function sum(parts: readonly bigint[]): bigint {
  return parts.reduce((total, part) => total + part, 0n);
}
