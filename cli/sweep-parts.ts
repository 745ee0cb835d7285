import { type FlowKey, parseFlowKey } from "../probes/flow-key.ts";

/** How long a part may take: a person who presses Ctrl-C, or watches, waits for no longer one. */
const PART_MS = 250;
const [FEWEST, MOST] = [1024, 65_535];

/** Cuts flow keys into parts of one protocol each, as many flows at a time as take about a quarter of a second. */
export class Parts {
  #left: FlowKey[];
  #size = FEWEST * 16;

  constructor(keys: readonly FlowKey[]) {
    this.#left = [...keys];
  }

  /** The next part; undefined after the last one. */
  next(): FlowKey[] | undefined {
    const [head] = this.#left;
    if (head === undefined) return undefined;
    const { proto } = parseFlowKey(head);
    const part: FlowKey[] = [];
    for (let room = this.#size; room > 0; ) {
      const key = this.#left[0];
      if (key === undefined || parseFlowKey(key).proto !== proto) break;
      const { first, last } = parseFlowKey(key);
      const count = Math.min(room, last - first + 1);
      const rest = first + count;
      part.push(count === 1 ? `${proto}/${first}` : `${proto}/${first}-${rest - 1}`);
      if (rest > last) this.#left.shift();
      else this.#left[0] = `${proto}/${rest}-${last}`;
      room -= count;
    }
    return part;
  }

  /** Parts grow and shrink with what the last one took. */
  took(durationMs: number): void {
    if (durationMs < PART_MS / 2) this.#size = Math.min(MOST, this.#size * 2);
    else if (durationMs > PART_MS * 2) this.#size = Math.max(FEWEST, this.#size >> 1);
  }
}
