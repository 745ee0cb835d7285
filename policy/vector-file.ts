import { errorOf, type Fault } from "./fault.ts";
import type { Flow } from "./flow.ts";
import { isRefused, validate } from "./phoenix/validate.ts";
import { type Node, nodeOf } from "./proxmox/node.ts";
import { parseSource } from "./source.ts";
import { estateOfVector, flowOfCase, nodeOfVector, Vector } from "./vectors.ts";
import type { Hardware } from "./world.ts";

/** The machines that vectors are decided on: with `estate` the Phoenix one, else the general one. */
export type Worlds = Readonly<Record<"phoenix" | "general", Hardware>>;

/** A vector as it is decided. */
export interface ReadVector {
  readonly vector: Vector;
  readonly file: string;
  readonly line: number;
  readonly world: keyof Worlds;
  /** From its .fw files. */
  readonly node: Node;
  /** From its Phoenix JSON, where it has that. */
  readonly estateNode?: Node;
  /** A flow for each of its cases. */
  readonly flows: readonly Flow[];
}

/** Real lines have 20,000 characters. */
const LONGEST_LINE = 4_000_000;

/** Reads a file of vectors, one JSON object a line. Throws `vector-invalid` and JSON's own, all of a file at once. */
export function readVectors(file: string, text: string, worlds: Worlds): ReadVector[] {
  const faults: Fault[] = [];
  const read = text.split("\n").flatMap((content, index) => {
    if (content.trim() === "") return [];
    const found = readLine(file, index + 1, content, worlds);
    if (!isRefused(found)) return [found];
    for (const fault of found) faults.push(fault);
    return [];
  });
  if (read.length === 0 && faults.length === 0)
    faults.push(fault(file, 1, "a configuration a line", "an empty file"));
  if (faults.length > 0) throw errorOf(faults);
  return read;
}

function readLine(
  file: string,
  line: number,
  content: string,
  worlds: Worlds,
): ReadVector | readonly Fault[] {
  if (content.length > LONGEST_LINE)
    return [fault(file, line, `a line of at most ${LONGEST_LINE} characters`, `one of ${content.length}`)];
  const parsed = Vector.safeParse(quietly((): unknown => JSON.parse(content)));
  if (!parsed.success) return faultsOf(file, line, content);
  const vector = parsed.data;
  const world = vector.estate ? "phoenix" : "general";
  const hardware = worlds[world];
  const faults = unknownGuests(file, line, vector, hardware);
  const flows = vector.cases.flatMap((each, index) => {
    try {
      return [flowOfCase(each, hardware)];
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      const [expected = "", actual = ""] = error.message.split(", found ");
      faults.push(fault(file, line, expected, actual, `/cases/${index}`));
      return [];
    }
  });
  if (faults.length > 0) return faults;
  const node = nodeOfVector(vector, hardware);
  const estate = estateOfVector(vector, hardware);
  return {
    vector,
    file,
    line,
    world,
    node,
    ...(estate ? { estateNode: nodeOf(estate, "all") } : {}),
    flows,
  };
}

/** Guests of the Phoenix JSON that the world does not have. */
function unknownGuests(file: string, line: number, { estate }: Vector, { nics }: Hardware): Fault[] {
  const known = nics.map(({ place }) => place);
  const unknown = Object.keys(estate?.guests ?? {}).filter((id) => !known.includes(id));
  return unknown.map((id) => fault(file, line, `one of ${known.join(", ")}`, id, `/estate/guests/${id}`));
}

/** Slower than JSON.parse, and knows where each value stands. */
function faultsOf(file: string, line: number, content: string): readonly Fault[] {
  const source = parseSource(file, content);
  const found = isSource(source) ? validate(source, Vector) : source;
  if (!isRefused(found)) return [fault(file, line, "a vector", "none")];
  return found.map(({ code, position, ...rest }) => ({
    ...rest,
    code: code === "json-type" ? "vector-invalid" : code,
    position: { ...position, line },
  }));
}

function isSource<T extends object>(source: T | readonly Fault[]): source is T {
  return !Array.isArray(source);
}

function fault(file: string, line: number, expected: string, actual: string, pointer = ""): Fault {
  return { code: "vector-invalid", position: { file, line, column: 1, pointer }, expected, actual };
}

function quietly<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
