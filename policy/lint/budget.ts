import type { Position } from "../estate.ts";

/** How many comparisons all of the files may cost: under a second on one core. */
const COMPARISONS = 4_000_000;

/** What is left to spend on comparing rules with each other. Where it ends, the first rule that was not compared is kept. */
export class Budget {
  #left: number;
  unchecked: Position | undefined;

  constructor(comparisons = COMPARISONS) {
    this.#left = comparisons;
  }

  /** Whether one more comparison may be made for the rule that stands there. */
  spend(position: Position): boolean {
    if (this.#left > 0) {
      this.#left--;
      return true;
    }
    this.unchecked ??= position;
    return false;
  }
}
