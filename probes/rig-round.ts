import type { FilterCounters } from "../lab/filter-counters.ts";
import { readBack } from "../lab/waits.ts";
import type { RejectKind } from "../policy/flow.ts";
import type { FlowKey } from "./flow-key.ts";
import { protocolOf } from "./frame.ts";
import type { RigWire } from "./rig-wire.ts";

/** A first packet from one end of a rig to another; the node's own place is `host`. */
export interface RigPacket {
  readonly from: string;
  readonly to: string;
  readonly key: FlowKey;
  readonly source: string;
  readonly dest: string;
  /** Of TCP and UDP; ICMP has an identifier of its own in its place. */
  readonly sport?: number;
  readonly icmpCode?: number;
  /** Left out: the sender's own. */
  readonly sourceMac?: string;
}

/** What the kernel did. `unknown`: what was sent is not delivered + rejected + dropped, so that silence proves nothing. */
export type RigOutcome =
  | { readonly verdict: "accept" | "drop" }
  | { readonly verdict: "reject"; readonly reject?: RejectKind }
  | { readonly verdict: "unknown"; readonly reason: string };

/** Packets that were sent together, and those of them of which it can be told what became of them. */
export interface Round {
  readonly outcomes: ReadonlyMap<RigPacket, RigOutcome>;
  /** The sum that holds, or does not, in words. */
  readonly sum: string;
  readonly isInTime: boolean;
}

export const NODE = "host";

/**
 * Has packets sent, each known by its token, and waits until all are accounted for: seen where they were to arrive, or
 * counted by a line that drops, or counted by one that rejects and seen to be refused. Silence is a drop only where that
 * sum is exact.
 */
export async function sendRound(
  wire: RigWire,
  counters: FilterCounters,
  byToken: ReadonlyMap<number, RigPacket>,
  send: () => void,
  boundMs: number,
): Promise<Round> {
  const capture = new Capture(wire, byToken);
  const before = counters.ends();
  send();
  let gained = { drops: 0, rejects: 0 };
  const look = () => {
    const now = counters.ends();
    gained = { drops: now.drops - before.drops, rejects: now.rejects - before.rejects };
    capture.collect();
    return capture.delivered.size + gained.drops + gained.rejects >= byToken.size &&
      capture.refused.size >= gained.rejects
      ? true
      : undefined;
  };
  const isInTime = (await readBack(look, boundMs)) === true;
  const { delivered, refused } = capture;
  const { drops, rejects } = gained;
  const isExact = delivered.size + drops + rejects === byToken.size && refused.size === rejects;
  const outcomes = [...byToken.values()].flatMap((packet): [RigPacket, RigOutcome][] => {
    if (delivered.has(packet)) return [[packet, { verdict: "accept" }]];
    return isExact ? [[packet, refused.get(packet) ?? { verdict: "drop" }]] : [];
  });
  const sum = `sent ${byToken.size}, found ${delivered.size} delivered, ${drops} dropped and ${rejects} rejected by counters, ${refused.size} refused by an answer`;
  return { outcomes: new Map(outcomes), sum, isInTime };
}

/** What was seen of a round's packets so far. */
class Capture {
  readonly delivered = new Set<RigPacket>();
  readonly refused = new Map<RigPacket, RigOutcome>();
  readonly #wire: RigWire;
  readonly #byToken: ReadonlyMap<number, RigPacket>;
  readonly #places: ReadonlySet<string>;
  readonly #protocols: ReadonlySet<number>;

  /** Opens what is still closed, and forgets what came before. */
  constructor(wire: RigWire, byToken: ReadonlyMap<number, RigPacket>) {
    const packets = [...byToken.values()];
    this.#wire = wire;
    this.#byToken = byToken;
    this.#places = new Set(packets.map(({ to }) => to).filter((place) => place !== NODE));
    this.#protocols = new Set(packets.filter(({ to }) => to === NODE).map(({ key }) => protocolOf(key)));
    this.collect();
  }

  /** Answers first: what the node's own stack answers was delivered before, and counts as that. */
  collect(): void {
    for (const each of this.#wire.answered()) {
      const packet = this.#byToken.get(each.token);
      if (!packet || each.kind !== "refusal") continue;
      this.refused.set(packet, {
        verdict: "reject",
        ...(each.reject === undefined ? {} : { reject: each.reject }),
      });
    }
    for (const place of this.#places)
      for (const { token, kind } of this.#wire.received(place)) this.#deliver(token, kind, place);
    for (const protocol of this.#protocols)
      for (const { token, kind } of this.#wire.receivedByNode(protocol)) this.#deliver(token, kind, NODE);
    for (const packet of this.delivered) this.refused.delete(packet);
  }

  #deliver(token: number, kind: "probe" | "refusal", place: string): void {
    const packet = kind === "probe" ? this.#byToken.get(token) : undefined;
    if (packet?.to === place) this.delivered.add(packet);
  }
}
