import { ALL, type Diagram, NONE } from "./diagram.ts";
import { Memo } from "./memo.ts";

interface Stored extends Diagram {
  readonly hash: number;
  /** The next of its bucket. */
  next: Stored | undefined;
}

type Operation = "union" | "intersect" | "subtract";

const FIRST_BUCKETS = 1024;

/**
 * Makes diagrams and holds each once. It lets none go but all at once: what is only needed on the way belongs into a store of
 * its own, from which `adopt` takes the result. Diagrams of two stores must not meet.
 */
export class DiagramStore {
  #buckets: (Stored | undefined)[] = emptyBuckets(FIRST_BUCKETS);
  #size = 0;
  /** 0 and 1 are the terminals'. Never given twice, so that nothing remembered of a diagram is taken for another's. */
  #nextId = 2;
  readonly #memos: Readonly<Record<Operation, Memo>> = {
    union: new Memo(),
    intersect: new Memo(),
    subtract: new Memo(),
  };

  /** How many diagrams it holds. */
  get size(): number {
    return this.#size;
  }

  /** Lets go of all diagrams: those that were made before must not meet those made after. Its room stays. */
  clear(): void {
    this.#buckets.fill(undefined);
    this.#size = 0;
    for (const memo of Object.values(this.#memos)) memo.clear();
  }

  /** The node of these edges, whose intervals cover the level's domain; neighbours with one child are made one. */
  node(level: number, uppers: readonly number[], children: readonly Diagram[]): Diagram {
    const edges: Edges = { uppers: [], children: [] };
    for (const [index, child] of children.entries()) push(edges, uppers[index] ?? 0, child);
    return this.#intern(level, edges);
  }

  union(a: Diagram, b: Diagram): Diagram {
    if (a === b || b === NONE || a === ALL) return a;
    if (a === NONE || b === ALL) return b;
    return a.id < b.id ? this.#apply("union", a, b) : this.#apply("union", b, a);
  }

  intersect(a: Diagram, b: Diagram): Diagram {
    if (a === b || b === ALL || a === NONE) return a;
    if (a === ALL || b === NONE) return b;
    return a.id < b.id ? this.#apply("intersect", a, b) : this.#apply("intersect", b, a);
  }

  /** What is in `a` and not in `b`. */
  subtract(a: Diagram, b: Diagram): Diagram {
    if (a === b || a === NONE || b === ALL) return NONE;
    return b === NONE ? a : this.#apply("subtract", a, b);
  }

  /** The same set of another store. */
  adopt(node: Diagram, known: Map<Diagram, Diagram> = new Map()): Diagram {
    if (node.children.length === 0) return node;
    const before = known.get(node);
    if (before) return before;
    const children = node.children.map((child) => this.adopt(child, known));
    const own = this.#intern(node.level, { uppers: [...node.uppers], children });
    known.set(node, own);
    return own;
  }

  #apply(operation: Operation, a: Diagram, b: Diagram): Diagram {
    const memo = this.#memos[operation];
    const known = memo.get(a, b);
    if (known) return known;
    const level = Math.min(a.level, b.level);
    const edges: Edges = { uppers: [], children: [] };
    let [i, j] = [0, 0];
    for (;;) {
      const upperA = a.level === level ? a.uppers[i] : Infinity;
      const upperB = b.level === level ? b.uppers[j] : Infinity;
      if (upperA === undefined || upperB === undefined) break;
      const childA = a.level === level ? a.children[i] : a;
      const childB = b.level === level ? b.children[j] : b;
      if (!childA || !childB) break;
      push(edges, Math.min(upperA, upperB), this[operation](childA, childB));
      if (upperA <= upperB) i++;
      if (upperB <= upperA) j++;
    }
    const found = this.#intern(level, edges);
    memo.set(a, b, found);
    return found;
  }

  #intern(level: number, { uppers, children }: Edges): Diagram {
    const [only] = children;
    if (children.length === 1 && only) return only;
    const hash = hashOf(level, uppers, children);
    const at = hash & (this.#buckets.length - 1);
    for (let known = this.#buckets[at]; known; known = known.next)
      if (
        known.hash === hash &&
        known.level === level &&
        isEqual(known.uppers, uppers) &&
        isEqual(known.children, children)
      )
        return known;
    this.#size++;
    const id = this.#nextId++;
    // A copy has no room to grow left.
    const edges = { uppers: uppers.slice(), children: children.slice() };
    const made: Stored = { id, level, ...edges, hash, next: this.#buckets[at] };
    this.#buckets[at] = made;
    if (this.#size > this.#buckets.length) this.#grow();
    return made;
  }

  #grow(): void {
    const old = this.#buckets;
    this.#buckets = emptyBuckets(4 * old.length);
    for (const head of old)
      for (let node = head; node; ) {
        const { next } = node;
        const at = node.hash & (this.#buckets.length - 1);
        node.next = this.#buckets[at];
        this.#buckets[at] = node;
        node = next;
      }
    for (const memo of Object.values(this.#memos)) memo.grow(this.#buckets.length);
  }
}

function emptyBuckets(count: number): (Stored | undefined)[] {
  return Array<Stored | undefined>(count).fill(undefined);
}

interface Edges {
  readonly uppers: number[];
  readonly children: Diagram[];
}

function push({ uppers, children }: Edges, upper: number, child: Diagram): void {
  const last = children.length - 1;
  if (children[last] === child) uppers[last] = upper;
  else {
    uppers.push(upper);
    children.push(child);
  }
}

function hashOf(level: number, uppers: readonly number[], children: readonly Diagram[]): number {
  let hash = level;
  for (let index = 0; index < uppers.length; index++) {
    hash = Math.imul(hash ^ (uppers[index] ?? 0), 0x9e3779b1);
    hash = Math.imul((hash >>> 15) ^ hash ^ (children[index]?.id ?? 0), 0x85ebca6b);
  }
  return hash ^ (hash >>> 13);
}

function isEqual<T>(a: readonly T[], b: readonly T[]): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
