import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ZodError } from "zod";
import { Run } from "../audit/run.ts";
import { HarnessError } from "../errors.ts";
import { renderHtml } from "./html/page.ts";
import { readPictures } from "./pictures.ts";

const RUN_FILE = "run.json";
const HTML_FILE = "report.html";

const RUN_ID = /^\d{4}-\d\d-\d\dT\d{6}Z-[a-z]+-[\w-]+$/;
const HALF_WRITTEN = /^\.(?:run\.json|report\.html)\.(\d+)\.tmp$/;

/** Where runs are kept: PHX_OUT, else `reports/out` of the project. */
export function runsRoot(environment: NodeJS.ProcessEnv = process.env): string {
  return environment["PHX_OUT"] || fileURLToPath(new URL("./out", import.meta.url));
}

/** A run's name, which is also its folder's: `2026-11-23T113000Z-verify-4f2a`. */
export function newRunId(
  startedAt: Date,
  mode: Run["mode"],
  suffix = randomBytes(2).toString("hex"),
): string {
  return `${startedAt.toISOString().slice(0, 19).replaceAll(":", "")}Z-${mode}-${suffix}`;
}

/** The bytes of run.json: keys sorted by code unit, two spaces, LF, one at the end. Equal values, equal bytes. */
export function canonicalJson(value: unknown): string {
  return `${JSON.stringify(sorted(value), null, 2)}\n`;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}

/**
 * Writes run.json and report.html into the run's folder, which it makes. Both are complete on the disk before either
 * gets its name, run.json first: a folder without run.json is no run.
 * @throws HarnessError disk-write; harness-bug where the value is no Run
 */
export async function writeRun(folder: string, run: Run): Promise<{ runFile: string; htmlFile: string }> {
  const checked = Run.safeParse(run);
  if (!checked.success) throw invalid("harness-bug", "the run to be written", checked.error);
  await writeFiles(folder, [
    [RUN_FILE, canonicalJson(checked.data)],
    [HTML_FILE, renderHtml(checked.data, await readPictures(folder, checked.data))],
  ]);
  return { runFile: join(folder, RUN_FILE), htmlFile: join(folder, HTML_FILE) };
}

/** Writes report.html again from a run that was read; the same folder gives the same bytes. @throws HarnessError disk-write */
export async function writeHtml(folder: string, run: Run): Promise<string> {
  await writeFiles(folder, [[HTML_FILE, renderHtml(run, await readPictures(folder, run))]]);
  return join(folder, HTML_FILE);
}

async function writeFiles(folder: string, files: readonly (readonly [string, string])[]): Promise<void> {
  const temporary = (name: string) => join(folder, `.${name}.${process.pid}.tmp`);
  try {
    await makeFolder(folder);
    for (const [name, text] of files) await writeDurably(temporary(name), text);
    for (const [name] of files) await rename(temporary(name), join(folder, name));
  } catch (cause) {
    await Promise.allSettled(files.map(([name]) => rm(temporary(name), { force: true })));
    const actual = `${codeOf(cause)}: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new HarnessError(
      "disk-write",
      { subject: folder, expected: "room for the run's files", actual },
      { cause },
    );
  }
}

/* One mkdir a segment: Node's recursive one never ends where an existing parent answers ENOENT (below /proc). */
async function makeFolder(folder: string): Promise<void> {
  if (await stat(folder).catch(() => undefined)) return;
  if (dirname(folder) !== folder) await makeFolder(dirname(folder));
  await mkdir(folder).catch((error: unknown) => {
    if (codeOf(error) !== "EEXIST") throw error;
  });
}

async function writeDurably(file: string, text: string): Promise<void> {
  await using handle = await open(file, "w");
  await handle.writeFile(text);
  await handle.sync();
}

/** The run that a folder holds. @throws HarnessError run-missing, run-invalid (which value is wrong, and how) */
export async function readRun(folder: string): Promise<Run> {
  const file = join(folder, RUN_FILE);
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    const actual = codeOf(cause) === "ENOENT" ? "none" : codeOf(cause);
    throw new HarnessError(
      "run-missing",
      { subject: folder, expected: `a readable ${RUN_FILE}`, actual },
      { cause },
    );
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const actual = cause instanceof Error ? cause.message : String(cause);
    throw new HarnessError("run-invalid", { subject: file, expected: "JSON", actual }, { cause });
  }
  const parsed = Run.safeParse(value);
  if (!parsed.success) throw invalid("run-invalid", file, parsed.error);
  return parsed.data;
}

function invalid(code: "run-invalid" | "harness-bug", subject: string, error: ZodError): HarnessError {
  const [first, ...others] = error.issues;
  const where = first?.path.map((key) => `/${String(key)}`).join("") || "/";
  const more = others.length > 0 ? ` (and ${others.length} more)` : "";
  return new HarnessError(code, {
    subject: `${subject}: ${where}`,
    expected: "a run as audit/run.ts has it",
    actual: `${first?.message ?? "something else"}${more}`,
  });
}

/**
 * The folder of a run: a run's id, a folder, or nothing for the newest one.
 * @throws HarnessError run-missing
 */
export async function findRun(reference: string | undefined, root = runsRoot()): Promise<string> {
  if (reference === undefined) return newestRun(root);
  const candidates = RUN_ID.test(reference) ? [join(root, reference), reference] : [reference];
  for (const folder of candidates) if (await writtenAt(folder)) return folder;
  const expected = `the id of a run in ${root}, or a folder with a ${RUN_FILE}`;
  throw new HarnessError("run-missing", { subject: reference, expected, actual: "neither" });
}

/** By the time in its id, then by when run.json was written. */
async function newestRun(root: string): Promise<string> {
  const names = (await entriesOf(root)).filter((name) => RUN_ID.test(name));
  const runs = await Promise.all(
    names.map(async (name) => ({ name, at: await writtenAt(join(root, name)) })),
  );
  const key = (name: string) => name.slice(0, "2026-11-23T113000Z".length);
  const [newest] = runs
    .filter((run) => run.at > 0)
    .sort((a, b) => (key(a.name) === key(b.name) ? b.at - a.at : key(a.name) < key(b.name) ? 1 : -1));
  if (newest) return join(root, newest.name);
  const remedy = "Run 'phx verify' first.";
  throw new HarnessError("run-missing", {
    subject: root,
    expected: "a finished run",
    actual: "none",
    remedy,
  });
}

/** When the folder's run.json was written, in milliseconds; 0 where there is none. */
async function writtenAt(folder: string): Promise<number> {
  return stat(join(folder, RUN_FILE)).then(
    (entry) => entry.mtimeMs,
    () => 0,
  );
}

/** Removes what killed commands left half-written, and names it. A file of a process that still lives stays. */
export async function sweepHalfWritten(root = runsRoot()): Promise<string[]> {
  const swept: string[] = [];
  for (const run of await entriesOf(root)) {
    const names = await entriesOf(join(root, run));
    if (isAbandoned(names)) {
      await rm(join(root, run), { recursive: true, force: true });
      swept.push(join(root, run));
      continue;
    }
    for (const name of names) {
      const pid = HALF_WRITTEN.exec(name)?.[1];
      if (!pid || isAlive(Number(pid))) continue;
      await rm(join(root, run, name), { force: true });
      swept.push(join(root, run, name));
    }
  }
  return swept;
}

/** A folder that a run has claimed (`running.PID`) and whose process ended before it wrote `run.json`. */
function isAbandoned(names: readonly string[]): boolean {
  const claims = names.flatMap((name) => CLAIM.exec(name)?.[1] ?? []);
  return !names.includes(RUN_FILE) && claims.length > 0 && !claims.some((pid) => isAlive(Number(pid)));
}

/** No process has this PID: a folder without any claim counts as claimed by nobody. */
const NOBODY = 0;
const CLAIM = /^running\.(\d+)$/;

/** Makes a run's folder and claims it for this process. @throws HarnessError disk-write */
export async function claimRun(folder: string): Promise<void> {
  try {
    await makeFolder(folder);
    await writeFile(join(folder, `running.${process.pid}`), "");
  } catch (cause) {
    const actual = `${codeOf(cause)}: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new HarnessError(
      "disk-write",
      { subject: folder, expected: "a folder for the run", actual },
      { cause },
    );
  }
}

/** Gives up this process's claim on a run's folder, which now holds what it is to hold. Without a run it goes. */
export async function releaseRun(folder: string): Promise<void> {
  await rm(join(folder, `running.${process.pid}`), { force: true });
  const names = await entriesOf(folder);
  if (isAbandoned([...names, `running.${NOBODY}`])) await rm(folder, { recursive: true, force: true });
}

/** In order; none where the folder is missing or no folder. */
async function entriesOf(folder: string): Promise<string[]> {
  const names: string[] = await readdir(folder).catch(() => []);
  return names.sort();
}

/* A zombie, which nobody has waited for yet, writes no more: proc_pid_stat(5), the field after the name. */
function isAlive(pid: number): boolean {
  try {
    return !/\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "error";
}
