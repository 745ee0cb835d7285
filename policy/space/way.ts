import type { Family } from "../ip.ts";
import type { Pass } from "../passes.ts";
import { childAt, type Diagram, NONE } from "./diagram.ts";
import type { Decided, HopSets } from "./hop-sets.ts";
import { LEVEL, STATES, stateNumber } from "./layout.ts";
import type { PacketSpace } from "./packet-space.ts";

/** The packets that have come so far. */
export interface Coming {
  readonly set: Diagram;
  /** Those of them with the mark; known as far as a later hop asks for it. */
  readonly marked: Diagram;
  /** A hop has accepted a first packet: conntrack takes its own reply for one of an established flow. */
  readonly isTracked: boolean;
}

/** One way of all packets at once, hop by hop. */
export class Way {
  readonly start: Coming;
  readonly #space: PacketSpace;
  readonly #hops: HopSets;
  readonly #asksForMark: ReadonlySet<Pass>;
  readonly #lastThatAsks: number;
  readonly #passes: readonly Pass[];

  constructor(space: PacketSpace, hops: HopSets, passes: readonly Pass[]) {
    this.#space = space;
    this.#hops = hops;
    this.#passes = passes;
    this.#asksForMark = new Set(passes.filter((pass) => asksForMark(pass, space.family)));
    this.#lastThatAsks = passes.findLastIndex((pass) => this.#asksForMark.has(pass));
    this.start = { set: space.all, marked: NONE, isTracked: false };
  }

  accept(coming: Coming, pass: Pass): Coming {
    const { store } = this.#space;
    const [plain, marked] = this.#byMark(coming, pass);
    const seen = (isMarked: boolean) => this.#seen(coming, this.#hops.accepted(pass, isMarked));
    const set = store.union(
      store.intersect(plain, seen(false)),
      marked === NONE ? NONE : store.intersect(marked, seen(true)),
    );
    const isNeeded = this.#passes.indexOf(pass) < this.#lastThatAsks;
    return this.after(coming, pass, set, isNeeded ? this.#marked(coming, pass) : NONE);
  }

  /** Some of those that the hop lets through, as they come to the next. */
  after({ isTracked }: Coming, { hook }: Pass, set: Diagram, marked: Diagram): Coming {
    return { set, marked, isTracked: isTracked || hook !== "GATEWAY" };
  }

  decide(coming: Coming, pass: Pass): readonly Decided[] {
    const { store } = this.#space;
    const [plain, marked] = this.#byMark(coming, pass);
    return [
      { of: plain, decided: this.#hops.decided(pass, false) },
      ...(marked === NONE ? [] : [{ of: marked, decided: this.#hops.decided(pass, true) }]),
    ].flatMap(({ of, decided }) =>
      decided.map((each) => ({ ...each, set: store.intersect(of, this.#seen(coming, each.set)) })),
    );
  }

  /** Those that bear the mark apart, where anything still asks for it. */
  #byMark(coming: Coming, pass: Pass): readonly [Diagram, Diagram] {
    const isAsked = this.#passes.indexOf(pass) <= this.#lastThatAsks;
    if (!isAsked || coming.marked === NONE) return [coming.set, NONE];
    const { store } = this.#space;
    return [store.subtract(coming.set, coming.marked), store.intersect(coming.set, coming.marked)];
  }

  #marked(coming: Coming, pass: Pass): Diagram {
    const { store } = this.#space;
    return this.decide(coming, pass)
      .filter(({ marked }) => marked)
      .reduce((all, { set }) => store.union(all, set), NONE);
  }

  /** A hop's set as the packets were sent: from the second hop on, conntrack's word for an own reply is another. */
  #seen({ isTracked }: Coming, set: Diagram): Diagram {
    return isTracked ? afterTracking(this.#space, set) : set;
  }
}

/** Of own replies that are sent as NEW what the set says of established ones. */
function afterTracking({ store }: PacketSpace, set: Diagram): Diagram {
  const [plain, own] = [childAt(set, LEVEL.own, 0), childAt(set, LEVEL.own, 1)];
  const states = STATES.map((state) => stateNumber(state));
  const of = (state: number) => childAt(own, LEVEL.state, state);
  const established = of(stateNumber("ESTABLISHED"));
  const seen = states.map((state) => (state === stateNumber("NEW") ? established : of(state)));
  return store.node(LEVEL.own, [0, 1], [plain, store.node(LEVEL.state, states, seen)]);
}

/** Whether a line of the hop lets through what an earlier one marked (trap 2). */
export function asksForMark({ asks, device }: Pass, family: Family): boolean {
  return asks(family).some(({ lines }) =>
    lines.some((line) => line.kind === "group" && line.device !== undefined && line.device !== device),
  );
}
