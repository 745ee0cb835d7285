import type { Family } from "../ip.ts";
import type { Broadcasts } from "../shared-chains.ts";
import { PacketSpace } from "../space/packet-space.ts";
import { StepMaker } from "../space/steps.ts";

/** A store with more diagrams than that is cleared between two places. */
const MOST_DIAGRAMS = 20_000;

/** Where shares are worked out: what is told of a place is text, and its sets may go. */
export class Workshop {
  readonly #broadcasts: Broadcasts;
  readonly #makers: Record<Family, StepMaker>;

  constructor(broadcasts: Broadcasts) {
    this.#broadcasts = broadcasts;
    this.#makers = { 4: this.#make(4), 6: this.#make(6) };
  }

  makerOf(family: Family): StepMaker {
    return this.#makers[family];
  }

  /** Sets of before must not meet sets of after. */
  tidy(): void {
    for (const family of [4, 6] as const) {
      const { store } = this.#makers[family].space;
      if (store.size <= MOST_DIAGRAMS) continue;
      store.clear();
      this.#makers[family] = new StepMaker(new PacketSpace(family, store), this.#broadcasts);
    }
  }

  #make(family: Family): StepMaker {
    return new StepMaker(new PacketSpace(family), this.#broadcasts);
  }
}
