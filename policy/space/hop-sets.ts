import type { GroupChain, Ruling } from "../chain.ts";
import type { Pass } from "../passes.ts";
import type { Broadcasts } from "../shared-chains.ts";
import { type Diagram, NONE } from "./diagram.ts";
import { PacketSpace } from "./packet-space.ts";
import { shapeOf } from "./shape.ts";
import { type GroupSteps, type Step, StepMaker } from "./steps.ts";
import { memberOf } from "./witness.ts";

/** Lines of one hop at most, where each is asked for its packets: the sets of more take minutes. */
export const MOST_LINES = 2000;

/** The packets that one line of a hop decides. */
export interface Decided {
  readonly ruling: Ruling;
  /** Whether they bear the mark afterwards. */
  readonly marked: boolean;
  readonly set: Diagram;
}

/** What a group's lines accept, and what they decide at all. */
interface GroupSets {
  readonly accepts: Diagram;
  readonly decides: Diagram;
}

/** A workshop with more diagrams than that is cleared. */
const MOST_DIAGRAMS = 8000;

/**
 * What hops accept, and by which lines, as diagrams of one space. They are worked out in a space of their own: all but the
 * results is only needed on the way, and goes with it.
 */
export class HopSets {
  readonly #space: PacketSpace;
  readonly #broadcasts: Broadcasts;
  readonly #accepted = new Map<string, Diagram>();
  /** The same by what a hop asks: many guests ask the same of IPv6, and on the way out. */
  readonly #byShape = new Map<string, Diagram>();
  readonly #decided = new Map<string, readonly Decided[]>();
  #steps: StepMaker;
  #groups = new WeakMap<GroupChain, GroupSets>();

  constructor(space: PacketSpace, broadcasts: Broadcasts) {
    this.#space = space;
    this.#broadcasts = broadcasts;
    this.#steps = new StepMaker(new PacketSpace(space.family), broadcasts);
  }

  /** What the hop accepts of packets that come in with or without the mark. */
  accepted(pass: Pass, marked: boolean): Diagram {
    const key = keyOf(pass, marked);
    const known = this.#accepted.get(key) ?? this.#acceptedByShape(pass, marked);
    this.#accepted.set(key, known);
    return known;
  }

  #acceptedByShape(pass: Pass, marked: boolean): Diagram {
    const shape = `${marked} ${shapeOf(pass, this.#space.family)}`;
    const known = this.#byShape.get(shape) ?? this.#accept(this.#begin().of(pass, marked));
    this.#byShape.set(shape, known);
    return known;
  }

  /** All packets by the line that decides them, in the order of the lines; without those that decide none. */
  decided(pass: Pass, marked: boolean): readonly Decided[] {
    const key = keyOf(pass, marked);
    const known = this.#decided.get(key) ?? this.#decide(this.#begin().of(pass, marked));
    this.#decided.set(key, known);
    return known;
  }

  #begin(): StepMaker {
    const { family, store } = this.#steps.space;
    if (store.size > MOST_DIAGRAMS) {
      store.clear();
      this.#groups = new WeakMap();
      this.#steps = new StepMaker(new PacketSpace(family, store), this.#broadcasts);
    }
    return this.#steps;
  }

  /** From the last step back: what is accepted of those that come to it. */
  #accept(steps: readonly (Step | GroupSteps)[]): Diagram {
    const { store } = this.#steps.space;
    const accepted = steps.reduceRight<Diagram>((rest, step) => {
      if ("group" in step) {
        const { accepts, decides } = this.#ofGroup(step);
        return store.union(accepts, store.subtract(rest, decides));
      }
      return step.accepts ? store.union(rest, step.takes()) : store.subtract(rest, step.takes());
    }, NONE);
    return this.#space.store.adopt(accepted);
  }

  #ofGroup({ group, steps }: GroupSteps): GroupSets {
    const known = this.#groups.get(group) ?? this.#groupSets(steps);
    this.#groups.set(group, known);
    return known;
  }

  #groupSets(steps: readonly Step[]): GroupSets {
    const { store } = this.#steps.space;
    let [accepts, decides] = [NONE, NONE];
    for (const step of steps.toReversed()) {
      const takes = step.takes();
      decides = store.union(decides, takes);
      accepts = step.accepts ? store.union(accepts, takes) : store.subtract(accepts, takes);
    }
    return { accepts, decides };
  }

  #decide(steps: readonly (Step | GroupSteps)[]): readonly Decided[] {
    const { space } = this.#steps;
    const { store } = space;
    const found = new Map<string, Decided>();
    // What no earlier step has taken is in `left` and not in `taken`: in one diagram each rule would stand there for each state.
    let [left, taken] = [space.all, NONE];
    for (const step of steps.flatMap((each) => ("group" in each ? each.steps : [each]))) {
      const takes = step.takes();
      const own = store.intersect(store.subtract(takes, taken), left);
      for (const part of this.#byRuling(step, own)) gather(space, found, part);
      if (step.byState) left = store.subtract(left, takes);
      else taken = store.union(taken, takes);
    }
    return [...found.values()].map((each) => ({ ...each, set: this.#space.store.adopt(each.set) }));
  }

  /** What a step takes, by what it says: of a part without a packet it says nothing. */
  #byRuling({ ruling, marked, varies }: Step, taken: Diagram): readonly Decided[] {
    const { space, shared } = this.#steps;
    const parts = varies ? shared.rejects.map((part) => space.store.intersect(taken, part)) : [taken];
    return parts.flatMap((set) => {
      const packet = memberOf(space, set);
      if (!packet) return [];
      const said = ruling(packet);
      return [{ ruling: said, marked: marked && said.verdict === "accept", set }];
    });
  }
}

/** Of one line (a macro's alternatives are several) the set is one. */
export function gather(space: PacketSpace, found: Map<string, Decided>, part: Decided): void {
  const key = JSON.stringify([part.ruling, part.marked]);
  const before = found.get(key)?.set ?? NONE;
  found.set(key, { ...part, set: space.store.union(before, part.set) });
}

/** Hook, place and device name a hop of one node. */
function keyOf({ hook, where, device }: Pass, marked: boolean): string {
  return `${hook} ${where} ${device} ${marked}`;
}
