import { setImmediate } from "node:timers/promises";
import { decideOn } from "../policy/decide.ts";
import { type ReadVector, VectorFile, withNodes, type Worlds } from "../policy/vector-file.ts";
import { agrees } from "../policy/vectors.ts";
import { Progress } from "./progress.ts";
import { sample } from "./sample.ts";
import { tellAside } from "./aside.ts";
import { sweep } from "./sweep-labs.ts";
import { countFound, emptyCount, type FileCount, totalOf } from "./vector-count.ts";
import { linesOf } from "./vector-lines.ts";
import { Live, type Seen } from "./vector-live.ts";
import type { Judged, Told, VectorReport } from "./vector-text.ts";

/** Which configurations of all files are decided. */
export interface Choice {
  readonly count: number;
  readonly seed: number;
}

export interface Asked {
  readonly worlds: Worlds;
  /** Without it all. */
  readonly choice: Choice | undefined;
  readonly isLive: boolean;
  readonly report: VectorReport;
}

/**
 * Decides the cases of files, and tells the report of each that does not agree. The files are read twice: all are checked
 * before the first packet is decided, and what is decided is forgotten, so that memory does not grow with the files.
 */
export async function decideVectors(files: readonly string[], asked: Asked): Promise<Told> {
  const pace = new Pace();
  const since = performance.now();
  const counts: FileCount[] = [];
  await pace.step("check", async () => {
    for (const file of files) counts.push(await checkFile(file, asked.worlds, pace));
  });
  const timings = { readMs: performance.now() - since, modelMs: 0 };
  const { configurationsFound } = totalOf(counts);
  const chosen = asked.choice && chosenOf(configurationsFound, asked.choice);
  if (asked.isLive) await sweep(tellAside);
  await using live = asked.isLive ? new Live(`vectors-${process.pid}`, asked.worlds) : undefined;
  await pace.step("decide", async () => {
    let index = 0;
    const total = chosen?.size ?? configurationsFound;
    const isChosen = () => chosen?.has(index++) ?? true;
    const job: Job = { ...asked, isChosen, total, live, timings, pace };
    for (const count of counts) await decideFile(count, job);
  });
  const seed = asked.choice ? { seed: asked.choice.seed } : {};
  return { ...seed, files: counts, timings: { ...timings, ...live?.timings } };
}

async function checkFile(file: string, worlds: Worlds, pace: Pace): Promise<FileCount> {
  const count = emptyCount(file);
  const lines = new VectorFile(file, worlds);
  for (const [line, text] of linesOf(file)) {
    const found = lines.check(line, text);
    if (found) countFound(count, line, found.flows.length);
    await pace.between(() => `${count.configurationsFound} of ${file}`);
  }
  lines.end();
  return count;
}

/** Of the configurations of all files, in their order. */
function chosenOf(total: number, { count, seed }: Choice): ReadonlySet<number> {
  const all = Array.from({ length: total }, (_, index) => index);
  return new Set(sample(all, count, seed));
}

interface Job extends Asked {
  /** Asked once for each configuration. */
  readonly isChosen: () => boolean;
  readonly total: number;
  readonly live: Live | undefined;
  readonly timings: { modelMs: number };
  readonly pace: Pace;
}

async function decideFile(count: FileCount, job: Job): Promise<void> {
  const { worlds, isChosen, total, live, timings, report, pace } = job;
  const lines = new VectorFile(count.file, worlds);
  for (const [line, text] of linesOf(count.file)) {
    if (text.trim() === "" || !isChosen()) continue;
    const since = performance.now();
    const checked = lines.check(line, text);
    // It was checked before: somebody writes to the file.
    if (!checked) return lines.end();
    const vector = withNodes(checked, worlds);
    const byModel = judgeByModel(vector);
    timings.modelMs += performance.now() - since;
    const judged = live ? await judgeLive(byModel, vector, live) : byModel;
    pace.clear();
    for (const each of judged) tell(each, count, report);
    count.configurationsDecided++;
    await pace.between(() => `${count.configurationsDecided} of ${count.file}, ${total} in all`);
  }
}

function tell(judged: Judged, count: FileCount, report: VectorReport): void {
  count.casesDecided++;
  count[judged.agreement]++;
  if (judged.agreement !== "agreed") report.tell(judged);
}

/** A line with `estate` has two decisions, and agrees only if both do. */
function judgeByModel({ vector, file, line, node, estateNode, flows }: ReadVector): Judged[] {
  return flows.flatMap((flow, index) => {
    const each = vector.cases[index];
    if (!each) return [];
    const nodes = [node, ...(estateNode ? [estateNode] : [])];
    const decisions = nodes.map((declared) => decideOn(declared, flow));
    const agreement = decisions.every((decision) => agrees(decision, each)) ? "agreed" : "disagreed";
    return [{ file, line, id: vector.id, index, each, flow, decisions, agreement }];
  });
}

async function judgeLive(
  judged: readonly Judged[],
  vector: ReadVector,
  live: Live,
): Promise<readonly Judged[]> {
  const isExpected = (seen: Seen, index: number) => {
    const each = vector.vector.cases[index];
    return seen.verdict !== "unknown" && each !== undefined && agrees(seen, each);
  };
  const seen = await live.decide(vector, isExpected);
  return judged.map((each) => {
    const kernel = seen.flatMap((outcomes) => outcomes[each.index] ?? []);
    return { ...each, kernel, agreement: agreementOf(each, kernel) };
  });
}

/** Not told is never agreed; but what disagrees already, does. */
function agreementOf({ each, agreement }: Judged, kernel: readonly Seen[]): Judged["agreement"] {
  const told = kernel.filter((seen) => seen.verdict !== "unknown");
  if (agreement === "disagreed" || !told.every((seen) => agrees(seen, each))) return "disagreed";
  return told.length > 0 && told.length === kernel.length ? "agreed" : "unknown";
}

const AT_ONCE_MS = 50;

/** Lets signals and the terminal have their turn during long work; what it has come to is told on a terminal alone. */
class Pace {
  readonly #progress = process.stderr.isTTY ? new Progress("vectors", ["check", "decide"]) : undefined;
  #name = "";
  #since = performance.now();

  async step(name: string, work: () => Promise<void>): Promise<void> {
    this.#name = name;
    await (this.#progress?.step(name, work) ?? work());
  }

  async between(at: () => string): Promise<void> {
    if (performance.now() - this.#since < AT_ONCE_MS) return;
    this.#progress?.at(this.#name, at());
    await setImmediate();
    this.#since = performance.now();
  }

  /** Before something else is written to the terminal. */
  clear(): void {
    this.#progress?.clear();
  }
}
