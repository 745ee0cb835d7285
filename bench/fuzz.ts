/** Random bytes and mutated files through every reader, against the pace of a million inputs in ten minutes. */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { createInterface } from "node:readline";
import { inputOf, type Job, PROGRESS, readersFrom, type Report } from "./engine.ts";
import { HAS_SHARED } from "./readers.ts";

const ANCHOR_PER_SECOND = 1_000_000 / 600;
/** A reader that does not come back is ended; not at one second, since a busy machine halts threads too. */
const HANG_MS = 10_000;
const MOST_HEAP_MIB = 1024;

const HELP = `usage: node bench/fuzz.ts [--count N] [--seconds S] [--seed N] [--reader NAME]... [--from N] [--readers FILE]

  --count N       inputs, each reader an equal part (default 1,000,000)
  --seconds S     ends after so long, each reader an equal part
  --seed N        repeats the run of that seed, as long as the corpora are the same (default: from the clock)
  --reader NAME   this reader alone; may be repeated
  --from N        begins with input N: with --count 1 that input alone
  --readers FILE  a module with other readers, its export readersOf

exit status: 0 no failure, 1 a failure: its input is in the file that is named, 2 a flag that is not listed here
`;

const COUNTS = ["count", "seconds", "seed", "from"] as const;

type Failure = Omit<Extract<Report, { kind: "failure" }>, "kind">;
type Tally = Omit<Extract<Report, { kind: "tally" }>, "kind">;

/** Undefined where a flag is wrong, which is told. */
function flags() {
  const options = {
    count: { type: "string", default: "1000000" },
    seconds: { type: "string", default: "1000000000" },
    seed: { type: "string", default: String(Date.now() % 1_000_000_000) },
    from: { type: "string", default: "0" },
    reader: { type: "string", multiple: true },
    readers: { type: "string", default: fileURLToPath(new URL("readers.ts", import.meta.url)) },
    help: { type: "boolean" },
  } as const;
  try {
    const { values } = parseArgs({ options });
    const wrong = COUNTS.find((name) => !/^\d+$/.test(values[name]));
    if (wrong === undefined) return values;
    console.error(`fuzz: --${wrong} ${values[wrong]}: expected a whole number. Run it with --help.`);
  } catch (error) {
    const [first = ""] = (error instanceof Error ? error.message : String(error)).split(/\.?\n|\. /);
    console.error(`fuzz: ${first}. Run it with --help.`);
  }
  return undefined;
}

async function main(): Promise<number> {
  const values = flags();
  if (!values) return 2;
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const folder = mkdtempSync(join(tmpdir(), "phx-fuzz-"));
  const scratch = join(folder, "scratch");
  mkdirSync(scratch);
  const job: Job = {
    seed: Number(values.seed),
    from: Number(values.from),
    count: Number(values.count),
    seconds: Number(values.seconds),
    names: values.reader ?? [],
    module: pathToFileURL(resolve(values.readers)).href,
    scratch,
  };
  console.log(`seed ${job.seed}, ${HAS_SHARED ? "with" : "without"} the texts of ../shared`);
  try {
    const { tallies, failures } = await run(job);
    for (const failure of failures) write(failure, folder, job);
    if (tallies.length > 0) print(tallies, job.seed);
    if (failures.length === 0) rmSync(folder, { recursive: true });
    return failures.length === 0 && tallies.length > 0 ? 0 : 1;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The readers work in a process of their own, so that one which hangs or takes all memory can be ended and named. */
async function run(job: Job): Promise<{ tallies: Tally[]; failures: Failure[] }> {
  const tallies: Tally[] = [];
  const failures: Failure[] = [];
  const progress = openSync(join(job.scratch, "progress"), "w+");
  const engine = fileURLToPath(new URL("engine.ts", import.meta.url));
  const args = [`--max-old-space-size=${MOST_HEAP_MIB}`, engine, JSON.stringify(job)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe", progress] });
  const { stdout, stderr } = child;
  if (!stdout || !stderr) throw new TypeError("a child without its pipes");
  createInterface(stdout).on("line", (line) => {
    const report = JSON.parse(line) as Report;
    if (report.kind === "failure") failures.push(report);
    else {
      tallies.push(report);
      printTally(report);
    }
  });
  let said = "";
  stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const { promise: ended, resolve: end } = Promise.withResolvers<string | undefined>();
  child.on("close", (code, signal) =>
    end(code === 0 ? undefined : `the readers' process ended with ${signal ?? code}: ${causeIn(said)}`),
  );
  const watch = setInterval(
    hangWatch(progress, (reason) => {
      end(reason);
      child.kill("SIGKILL");
    }),
    250,
  );
  const reason = await ended;
  clearInterval(watch);
  if (reason !== undefined) failures.push(await atWork(job, progress, reason));
  closeSync(progress);
  return { tallies, failures };
}

/** What a dying process says first is why. */
function causeIn(said: string): string {
  return said.split("\n").find((line) => /error/i.test(line)) ?? said.slice(0, 500);
}

function readProgress(descriptor: number): Uint32Array {
  const fields = new Uint32Array(PROGRESS.fields);
  readSync(descriptor, fields, 0, fields.byteLength, 0);
  return fields;
}

/** Tells once that one reading lasts too long. */
function hangWatch(descriptor: number, tell: (reason: string) => void): () => void {
  let seen = { count: -1, since: performance.now() };
  return () => {
    const count = readProgress(descriptor)[2] ?? 0;
    if (count !== seen.count) seen = { count, since: performance.now() };
    else if (performance.now() - seen.since > HANG_MS) tell(`a hang: no end after ${HANG_MS} ms`);
  };
}

/** The input that the ended process was reading, made again. */
async function atWork(job: Job, descriptor: number, reason: string): Promise<Failure> {
  const [place = 0, index = 0] = readProgress(descriptor);
  const reader = (await readersFrom(job))[place];
  if (!reader) throw new TypeError(`no reader ${place}`);
  const { subject, bytes } = inputOf(reader, job.seed, index);
  return { reader: reader.name, index, reason, file: subject.file, bytes: bytes.toString("base64") };
}

function write({ reader, index, reason, file, bytes }: Failure, folder: string, { seed }: Job): void {
  const path = join(folder, `${reader}-${file}`);
  const content = Buffer.from(bytes, "base64");
  writeFileSync(path, content);
  console.log(`${reader}: ${reason}`);
  console.log(
    `  ${content.length} bytes in ${path}; --reader ${reader} --seed ${seed} --from ${index} --count 1`,
  );
}

function inEnglish(value: number): string {
  return Math.round(value).toLocaleString("en");
}

function printTally({ reader, inputs, refused, seconds, slowestMs }: Tally): void {
  const counts = `${inEnglish(inputs - refused)} read, ${inEnglish(refused)} refused`;
  const pace = `${inEnglish(inputs / seconds)}/s, slowest ${Math.round(slowestMs)} ms`;
  console.log(`${reader}: ${inEnglish(inputs)} inputs (${counts}), ${pace}`);
}

function print(tallies: readonly Tally[], seed: number): void {
  const [inputs, seconds] = [
    tallies.reduce((sum, tally) => sum + tally.inputs, 0),
    tallies.reduce((sum, tally) => sum + tally.seconds, 0),
  ];
  const ratio = (inputs / seconds / ANCHOR_PER_SECOND).toFixed(2);
  console.log(
    `fuzz: ${inEnglish(inputs / seconds)} inputs/s over ${tallies.length} readers, seed ${seed}, ${ratio} x ${inEnglish(ANCHOR_PER_SECOND)}/s`,
  );
}

process.exitCode = await main();
