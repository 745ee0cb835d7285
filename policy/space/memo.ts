import type { Diagram } from "./diagram.ts";

const FIRST_SLOTS = 1024;
/** Some 12 MB. */
const MOST_SLOTS = 1_048_576;

/**
 * What an operation on two diagrams came to, where that is not forgotten: each pair has one slot, and a later pair of the same
 * slot takes it. So it is bounded, however long it is used.
 */
export class Memo {
  #slots = slotsOf(FIRST_SLOTS);

  get(a: Diagram, b: Diagram): Diagram | undefined {
    const { left, right, results } = this.#slots;
    const at = slot(a, b, left.length);
    return left[at] === a.id && right[at] === b.id ? results[at] : undefined;
  }

  set(a: Diagram, b: Diagram, result: Diagram): void {
    const { left, right, results } = this.#slots;
    const at = slot(a, b, left.length);
    left[at] = a.id;
    right[at] = b.id;
    results[at] = result;
  }

  /** Forgets, and keeps its room. */
  clear(): void {
    const { left, right, results } = this.#slots;
    left.fill(0);
    right.fill(0);
    results.fill(undefined);
  }

  /** Makes room for a store of so many diagrams, and forgets. */
  grow(diagrams: number): void {
    const slots = Math.min(diagrams, MOST_SLOTS);
    if (slots > this.#slots.left.length) this.#slots = slotsOf(slots);
  }
}

function slotsOf(count: number) {
  const results = Array<Diagram | undefined>(count).fill(undefined);
  return { left: new Int32Array(count), right: new Int32Array(count), results };
}

/** `slots` is a power of two. */
function slot(a: Diagram, b: Diagram, slots: number): number {
  const hash = Math.imul(a.id, 0x9e3779b1) ^ Math.imul(b.id, 0x85ebca6b);
  return (hash ^ (hash >>> 15)) & (slots - 1);
}
