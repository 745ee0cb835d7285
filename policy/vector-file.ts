import type { JSONPath } from "jsonc-parser";
import { errorOf, type Fault } from "./fault.ts";
import type { Flow } from "./flow.ts";
import { isRefused, validate } from "./phoenix/validate.ts";
import { type Node, nodeOf } from "./proxmox/node.ts";
import { parseSource, positionOf, type Source } from "./source.ts";
import { CaseError, estateOfVector, flowOfCase, nodeOfVector, Vector } from "./vectors.ts";
import type { Hardware } from "./world.ts";

/** The machines that vectors are decided on: with `estate` the Phoenix one, else the general one. */
export type Worlds = Readonly<Record<"phoenix" | "general", Hardware>>;

/** A line of a file of vectors that is one, with its packets. */
export interface CheckedVector {
  readonly vector: Vector;
  readonly file: string;
  readonly line: number;
  readonly world: keyof Worlds;
  /** A flow for each of its cases. */
  readonly flows: readonly Flow[];
}

/** A vector as it is decided. */
export interface ReadVector extends CheckedVector {
  /** From its .fw files. */
  readonly node: Node;
  /** From its Phoenix JSON, where it has that. */
  readonly estateNode?: Node;
}

/** Real lines have 20,000 characters. */
const LONGEST_LINE = 4_000_000;
/** After so many nothing more is read of a file. */
const MOST_FAULTS = 100_000;

/** Reads the lines of one file, one JSON object each, one after the other, and gathers what is wrong with them. */
export class VectorFile {
  readonly #file: string;
  readonly #worlds: Worlds;
  readonly #faults: Fault[] = [];
  /** By id. */
  readonly #lines = new Map<string, number>();

  constructor(file: string, worlds: Worlds) {
    this.#file = file;
    this.#worlds = worlds;
  }

  /** Undefined for a blank line and for one with faults. A byte order mark is passed over, where files were joined too. */
  check(line: number, text: string): CheckedVector | undefined {
    const content = text.startsWith("\uFEFF") ? text.slice(1) : text;
    if (content.trim() === "") return undefined;
    const read = new Line(this.#file, line, content);
    const found = checkLine(read, this.#worlds);
    if (isRefused(found)) {
      for (const each of found) this.#faults.push(each);
      if (this.#faults.length >= MOST_FAULTS) this.end();
      return undefined;
    }
    this.#requireNew(found, read);
    return found;
  }

  /** Throws `vector-invalid` and JSON's own, all of the file at once. */
  end(): void {
    if (this.#lines.size === 0 && this.#faults.length === 0)
      this.#faults.push(fault(this.#file, 1, "a configuration a line", "an empty file"));
    if (this.#faults.length > 0) throw errorOf(this.#faults);
  }

  #requireNew({ vector: { id }, line }: CheckedVector, read: Line): void {
    const earlier = this.#lines.get(id);
    if (earlier === undefined) this.#lines.set(id, line);
    else
      this.#faults.push(read.fault(["id"], "an id that no other line has", `${id}, as on line ${earlier}`));
  }
}

/** A whole text at once, as `VectorFile` reads it. */
export function readVectors(file: string, text: string, worlds: Worlds): ReadVector[] {
  const lines = new VectorFile(file, worlds);
  const checked = text.split("\n").flatMap((content, index) => lines.check(index + 1, content) ?? []);
  lines.end();
  return checked.map((each) => withNodes(each, worlds));
}

/** What a vector's configurations make of its world. */
export function withNodes(checked: CheckedVector, worlds: Worlds): ReadVector {
  const hardware = worlds[checked.world];
  const estate = estateOfVector(checked.vector, hardware);
  const node = nodeOfVector(checked.vector, hardware);
  return { ...checked, node, ...(estate ? { estateNode: nodeOf(estate, "all") } : {}) };
}

/** One line, and where in it a value stands. */
class Line {
  readonly file: string;
  readonly line: number;
  readonly content: string;
  #source: Source | readonly Fault[] | undefined;

  constructor(file: string, line: number, content: string) {
    this.file = file;
    this.line = line;
    this.content = content;
  }

  /** Slower than JSON.parse, and knows where each value stands: read only where that is asked. */
  source(): Source | readonly Fault[] {
    return (this.#source ??= parseSource(this.file, this.content));
  }

  /** At a value of the line, or where it would be. */
  fault(path: JSONPath, expected: string, actual: string): Fault {
    const source = this.source();
    const plain = fault(this.file, this.line, expected, actual);
    return isSource(source)
      ? { ...plain, position: { ...positionOf(source, path), line: this.line } }
      : plain;
  }
}

function checkLine(read: Line, worlds: Worlds): CheckedVector | readonly Fault[] {
  const { file, line, content } = read;
  if (content.length > LONGEST_LINE)
    return [fault(file, line, `a line of at most ${LONGEST_LINE} characters`, `one of ${content.length}`)];
  const parsed = Vector.safeParse(quietly((): unknown => JSON.parse(content)));
  if (!parsed.success) return faultsOf(read);
  const vector = parsed.data;
  const world = vector.estate ? "phoenix" : "general";
  const hardware = worlds[world];
  const faults = unknownGuests(read, vector, hardware);
  const flows = vector.cases.flatMap((each, index) => {
    try {
      return [flowOfCase(each, hardware)];
    } catch (error) {
      if (!(error instanceof CaseError)) throw error;
      faults.push(read.fault(["cases", index, error.key], error.expected, error.actual));
      return [];
    }
  });
  return faults.length > 0 ? faults : { vector, file, line, world, flows };
}

/** Guests of the Phoenix JSON that the world does not have. */
function unknownGuests(read: Line, { estate }: Vector, { nics }: Hardware): Fault[] {
  const known = nics.map(({ place }) => place);
  const unknown = Object.keys(estate?.guests ?? {}).filter((id) => !known.includes(id));
  return unknown.map((id) => read.fault(["estate", "guests", id], `one of ${known.join(", ")}`, id));
}

function faultsOf(read: Line): readonly Fault[] {
  const source = read.source();
  const found = isSource(source) ? validate(source, Vector) : source;
  if (!isRefused(found)) return [fault(read.file, read.line, "a vector", "none")];
  return found.map(({ code, position, ...rest }) => ({
    ...rest,
    code: code === "json-type" ? "vector-invalid" : code,
    position: { ...position, line: read.line },
  }));
}

function isSource<T extends object>(source: T | readonly Fault[]): source is T {
  return !Array.isArray(source);
}

function fault(file: string, line: number, expected: string, actual: string): Fault {
  return { code: "vector-invalid", position: { file, line, column: 1, pointer: "" }, expected, actual };
}

function quietly<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
