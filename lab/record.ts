import {
  closeSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { HarnessError } from "../errors.ts";
import { isLocked, lockPath } from "./lock.ts";
import { BOUND, readBack } from "./waits.ts";

/** Records of the labs that stand, one folder each: PHX_LABS, else on tmpfs, so that they end with the machine too. */
function labsFolder(): string {
  return process.env["PHX_LABS"] || "/run/phx/labs";
}

/** What a lab's record says of it. */
export interface LabRecord {
  readonly name: string;
  /** PID of the lab's init as the root PID namespace sees it. */
  readonly initPid: number;
  /** Absolute folder of the files that it was converged from; absent before the first converge ended. */
  readonly estate?: string;
  /** No phx works in it any more: it was left standing on purpose. */
  readonly handedOver?: boolean;
}

/** The folder of a lab's record: its lock is held by whoever changes the lab. */
export function folderOf(name: string): string {
  return join(labsFolder(), name);
}

/** Held by the lab's init (and, until init runs, by its phx) for as long as the lab lives. */
function lifeLock(name: string): string {
  return join(folderOf(name), "lock");
}

/** Whether its init still lives, read from the lock that init holds. */
export function isAlive(name: string): boolean {
  return isLocked(lifeLock(name));
}

/** The lock of a new lab's life, as a descriptor to be handed to its init. Throws `lab-start` where the lab lives. */
export async function claimLife(name: string): Promise<number> {
  const descriptor = await readBack(() => lockInFolder(name, lifeLock(name), "a"), BOUND.lockMs);
  if (descriptor !== undefined) return descriptor;
  const remedy = `Run 'phx destroy ${name}' first, or choose another name.`;
  const detail = {
    subject: `lab ${name}`,
    expected: "no lab of that name",
    actual: "one that lives",
    remedy,
  };
  throw new HarnessError("lab-start", detail);
}

/**
 * Keeps every other phx from changing the lab of that name, until it is disposed of or this process ends, however it
 * ends. Waits for another holder, and says so. Throws `lab-busy`.
 */
export async function holdLab(name: string, say: (line: string) => void): Promise<Disposable> {
  const folder = folderOf(name);
  const look = () => lockInFolder(name, folder, "r");
  let descriptor = look();
  if (descriptor === undefined) say(`another phx works on lab ${name}: waiting for it`);
  descriptor ??= await readBack(look, BOUND.labBusyMs);
  if (descriptor === undefined) {
    const expected = `to be free within ${BOUND.labBusyMs / 1000} s`;
    throw new HarnessError("lab-busy", {
      subject: `lab ${name}`,
      expected,
      actual: "another phx working on it",
    });
  }
  const held = descriptor;
  return { [Symbol.dispose]: () => closeSync(held) };
}

/* Not recursively: node then says ENOENT where the file system is read-only. */
function makeFolder(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

/** Another process may sweep the folder between its making and its locking: then this is one more look. */
function lockInFolder(name: string, path: string, flags: string): number | undefined {
  try {
    for (const folder of [dirname(labsFolder()), labsFolder(), folderOf(name)]) makeFolder(folder);
    return lockPath(path, flags);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw unwritable(name, error as Error);
  }
}

/** Throws `disk-write`. */
export function writeRecord(record: LabRecord): void {
  const path = join(folderOf(record.name), "lab.json");
  try {
    writeFileSync(`${path}.new`, `${JSON.stringify(record)}\n`);
    renameSync(`${path}.new`, path);
  } catch (error) {
    throw unwritable(record.name, error as Error);
  }
}

function unwritable(name: string, cause: Error): HarnessError {
  const detail = { subject: folderOf(name), expected: "room for a lab's record", actual: cause.message };
  return new HarnessError("disk-write", detail, { cause });
}

export function readRecord(name: string): LabRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(join(folderOf(name), "lab.json"), "utf8")) as LabRecord;
    return record.initPid > 0 ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Names of all that is recorded, living or not. */
export function recordedNames(): string[] {
  return existsSync(labsFolder()) ? readdirSync(labsFolder()).sort() : [];
}

/** Removes the record of a lab that neither lives nor is being made; whether it did. */
export function sweepRecord(name: string): boolean {
  const folder = lockPath(folderOf(name), "r");
  if (folder === undefined) return false;
  try {
    const life = lockPath(lifeLock(name), "a");
    if (life === undefined) return false;
    forget(name);
    closeSync(life);
    return true;
  } finally {
    closeSync(folder);
  }
}

export function forget(name: string): void {
  rmSync(folderOf(name), { recursive: true, force: true });
  for (const folder of [labsFolder(), dirname(labsFolder())]) {
    try {
      rmdirSync(folder);
    } catch {
      return;
    }
  }
}
