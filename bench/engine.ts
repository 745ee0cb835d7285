import { writeSync } from "node:fs";
import { type Outcome, tryInput } from "./check.ts";
import { mutate, mutateJson, randomOf, withSecret, withSecretLine } from "./mutate.ts";
import type { Reader, Subject } from "./readers.ts";

const SLOW_MS = 1000;
const MINIMIZE_MS = 5_000;

export interface Job {
  readonly seed: number;
  readonly from: number;
  /** Of all readers together, as the seconds. */
  readonly count: number;
  readonly seconds: number;
  readonly names: readonly string[];
  readonly module: string;
  readonly scratch: string;
}

/** What the process that reads tells of itself before each reading, for the one that may have to end it. */
export const PROGRESS = { descriptor: 3, fields: 3 } as const;

/** The reader's and the input's number, and a count that grows with each reading. */
const progress = new Uint32Array(PROGRESS.fields);

export interface Input {
  readonly subject: Subject;
  readonly bytes: Buffer;
  readonly hasSecret: boolean;
}

export type Report =
  | {
      readonly kind: "tally";
      readonly reader: string;
      readonly inputs: number;
      readonly refused: number;
      readonly seconds: number;
      readonly slowestMs: number;
    }
  | {
      readonly kind: "failure";
      readonly reader: string;
      readonly index: number;
      readonly reason: string;
      readonly file: string;
      /** In base64. */
      readonly bytes: string;
    };

/** Input number `index` of a reader: the same for the same seed and corpora. */
export function inputOf(reader: Reader, seed: number, index: number): Input {
  const random = randomOf(seed, reader.name, index);
  const subject = random.pick(reader.subjects);
  const { material, format } = subject;
  const isTree = format !== "text" && random.int(2) === 0;
  const indent = format === "json" ? random.pick([0, 2]) : 0;
  const text = isTree
    ? mutateJson(random, random.pick(material.samples), material.dictionary, indent)
    : mutate(random, material);
  const hasSecret = random.int(4) === 0;
  const plant = format === "text" ? withSecretLine : withSecret;
  const bytes = Buffer.from(hasSecret ? plant(random, text) : text, "latin1");
  return { subject, bytes, hasSecret };
}

export async function readersFrom({ module, names, scratch }: Job): Promise<readonly Reader[]> {
  const { readersOf } = (await import(module)) as { readersOf: (scratch: string) => readonly Reader[] };
  return readersOf(scratch).filter(({ name }) => names.length === 0 || names.includes(name));
}

async function work(job: Job): Promise<void> {
  const readers = await readersFrom(job);
  const [count, seconds] = [Math.ceil(job.count / readers.length), job.seconds / readers.length];
  for (const [place, reader] of readers.entries()) fuzz({ ...job, count, seconds }, place, reader);
}

/** Ends at the reader's first failure: the next are mostly the same. */
function fuzz({ seed, from, count, seconds }: Job, place: number, reader: Reader): void {
  const since = performance.now();
  let [inputs, refused, slowestMs, passedMs] = [0, 0, 0, 0];
  let failure: string | undefined;
  for (let index = from; index < from + count && passedMs < seconds * 1000 && !failure; index++) {
    progress.set([place, index]);
    const input = inputOf(reader, seed, index);
    const { tookMs, ...outcome } = timed(input);
    failure = outcome.failure;
    inputs++;
    if (outcome.refused) refused++;
    slowestMs = Math.max(slowestMs, tookMs);
    passedMs = performance.now() - since;
    if (failure) fail(reader.name, index, failure, input);
  }
  report({ kind: "tally", reader: reader.name, inputs, refused, seconds: passedMs / 1000, slowestMs });
}

function fail(reader: string, index: number, reason: string, input: Input): void {
  const bytes = minimized(input, reason).toString("base64");
  report({ kind: "failure", reader, index, reason, file: input.subject.file, bytes });
}

/** Where the clock says too long, the processor's time of a second reading decides: other work may have halted it. */
function timed({ subject, bytes, hasSecret }: Input): Outcome & { tookMs: number } {
  progress[2] = (progress[2] ?? 0) + 1;
  writeSync(PROGRESS.descriptor, progress, 0, progress.byteLength, 0);
  const since = performance.now();
  const outcome = tryInput(subject, bytes, hasSecret);
  const tookMs = performance.now() - since;
  if (tookMs <= SLOW_MS || outcome.failure !== undefined) return { ...outcome, tookMs };
  const before = process.threadCpuUsage();
  tryInput(subject, bytes, hasSecret);
  const { user, system } = process.threadCpuUsage(before);
  const workedMs = (user + system) / 1000;
  return workedMs <= SLOW_MS ? { ...outcome, tookMs: workedMs } : { ...outcome, tookMs, failure: SLOW };
}

const SLOW = `longer than ${SLOW_MS} ms`;

/**
 * The input with halves, quarters, ... left out as long as the same kind of failure stays. A told secret stays whole:
 * without its key it is none.
 */
function minimized(input: Input, reason: string): Buffer {
  const until = performance.now() + MINIMIZE_MS;
  let { bytes } = input;
  if (input.hasSecret) return bytes;
  for (let size = bytes.length >> 1; size >= 1; size >>= 1)
    for (let at = 0; at < bytes.length && performance.now() < until; ) {
      const shorter = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + size)]);
      if (kindOf(timed({ ...input, bytes: shorter }).failure) === kindOf(reason)) bytes = shorter;
      else at += size;
    }
  return bytes;
}

function kindOf(failure: string | undefined): string | undefined {
  return failure
    ?.split(":", 2)
    .slice(0, failure.startsWith("a crash") ? 2 : 1)
    .join();
}

/** At once: a reader that hangs next would keep it back. */
function report(message: Report): void {
  writeSync(1, `${JSON.stringify(message)}\n`);
}

if (import.meta.main) await work(JSON.parse(process.argv[2] ?? "") as Job);
