import type { Ruling } from "../chain.ts";
import { type Diagram, NONE } from "../space/diagram.ts";
import type { PacketSpace } from "../space/packet-space.ts";
import type { Step, StepMaker } from "../space/steps.ts";
import { memberOf } from "../space/witness.ts";

/** What becomes of a packet at a hop, whoever decides it. */
export type Outcome = Pick<Ruling, "verdict" | "reject">;

export function nameOf({ verdict, reject }: Outcome): string {
  return reject === undefined ? verdict : `${verdict} (${reject})`;
}

/** Packets by what becomes of them: the sets meet nowhere. */
export class Outcomes {
  readonly #sets: ReadonlyMap<string, Part>;

  constructor(sets: ReadonlyMap<string, Part> = new Map()) {
    this.#sets = sets;
  }

  get parts(): readonly Part[] {
    return [...this.#sets.values()];
  }

  /** The same, but for packets that an earlier line takes: of them holds what it says. */
  after({ store }: PacketSpace, parts: readonly Part[]): Outcomes {
    const sets = new Map(this.#sets);
    for (const { set: taken } of parts)
      for (const [name, part] of sets) sets.set(name, { ...part, set: store.subtract(part.set, taken) });
    for (const part of parts) {
      const before = sets.get(nameOf(part.outcome))?.set ?? NONE;
      sets.set(nameOf(part.outcome), { ...part, set: store.union(before, part.set) });
    }
    return new Outcomes(new Map([...sets].filter(([, { set }]) => set !== NONE)));
  }
}

export interface Part {
  readonly outcome: Outcome;
  readonly set: Diagram;
}

/** What a step says of packets that it takes, by what it says. */
export function partsOf({ space, shared }: StepMaker, { ruling, varies }: Step, taken: Diagram): Part[] {
  const sets = varies ? shared.rejects.map((part) => space.store.intersect(taken, part)) : [taken];
  return sets.flatMap((set): Part[] => {
    const packet = memberOf(space, set);
    if (!packet) return [];
    const { verdict, reject } = ruling(packet);
    return [{ outcome: { verdict, ...(reject !== undefined && { reject }) }, set }];
  });
}

/** What a policy's steps say of all packets together, each of those that the ones before left to it. */
export function outcomesOf(maker: StepMaker, steps: readonly Step[]): Outcomes {
  const { space } = maker;
  let left = space.all;
  let outcomes = new Outcomes();
  for (const step of steps) {
    const own = space.store.intersect(left, step.takes());
    outcomes = outcomes.after(space, partsOf(maker, step, own));
    left = space.store.subtract(left, own);
  }
  return outcomes;
}
