import { type ChildProcess, spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { HarnessError } from "../errors.ts";
import { isUnlocked } from "./libc.ts";
import { awaitReady, BOUND } from "./waits.ts";

/** Records of the labs that stand, one folder each; on tmpfs, so that they end with the machine as labs do. */
export const LABS_FOLDER = "/run/phx/labs";
/** The run's folder as processes of the lab see it: a tmpfs of the lab's own. */
export const LAB_ROOT = "/run/phx";

const INIT_SCRIPT = join(import.meta.dirname, "init.sh");

/** A standing lab: one PID and one mount namespace, and the network namespaces under its /run/netns. */
export interface Lab {
  readonly name: string;
  /** PID of the lab's init as the root PID namespace sees it. */
  readonly initPid: number;
}

/** A lab that this process has started and not handed over: it ends with this process. */
export interface OwnedLab {
  readonly lab: Lab;
  /** Lets the lab live on without this process. */
  handOver(): void;
}

/** A path of the lab (`/run/phx/...`) as this process reaches it. */
export function outside(lab: Lab, path: string): string {
  return `/proc/${lab.initPid}/root${path}`;
}

/** Starts a lab. It ends when this process does, unless `handOver` was called. Throws `lab-start`. */
export async function createLab(name: string): Promise<OwnedLab> {
  const folder = join(LABS_FOLDER, name);
  mkdirSync(folder, { recursive: true });
  const lock = openSync(join(folder, "lock"), "w");
  const child = spawn(
    "unshare",
    [
      "--pid",
      "--fork",
      "--kill-child",
      "--mount",
      "--propagation",
      "private",
      "--mount-proc",
      "--net",
      "sh",
      INIT_SCRIPT,
    ],
    { detached: true, stdio: ["ignore", "pipe", "pipe", "pipe", lock] },
  );
  closeSync(lock);
  try {
    await untilReady(child);
    const lab = { name, initPid: initOf(child) };
    writeFileSync(join(folder, "lab.json"), `${JSON.stringify(lab)}\n`);
    const pipe = child.stdio[3] as Writable;
    release(child);
    return { lab, handOver: () => void pipe.write("K") };
  } catch (error) {
    child.kill("SIGKILL");
    forget(name);
    throw error;
  }
}

async function untilReady(child: ChildProcess): Promise<void> {
  let said = "";
  let failed = "";
  child.on("error", (error) => (failed = error.message));
  child.on("exit", (code) => (failed ||= `unshare ended with ${code}`));
  child.stdout?.on("data", (chunk: Buffer) => (said += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const ready = () => (said.startsWith("ready\n") ? true : failed ? false : undefined);
  if (await awaitReady("the lab's init", "ready", ready, BOUND.labStartMs, () => said || failed || "silence"))
    return;
  throw new HarnessError("lab-start", {
    subject: "unshare",
    expected: "a lab's init",
    actual: said.trim() || failed,
  });
}

/** The lab must not keep this process alive, and its end is no error of ours. */
function release(child: ChildProcess): void {
  child.unref();
  for (const stream of child.stdio) (stream as unknown as { unref?: () => void } | null)?.unref?.();
}

function initOf(child: ChildProcess): number {
  const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim();
  return Number(children.split(" ")[0]);
}

/** Whether its init still lives, read from the lock that init holds. */
export function isAlive(name: string): boolean {
  const path = join(LABS_FOLDER, name, "lock");
  if (!existsSync(path)) return false;
  const fd = openSync(path, "r");
  try {
    return !isUnlocked(fd);
  } finally {
    closeSync(fd);
  }
}

/** Labs that stand, by name. */
export function standingLabs(): Lab[] {
  return recorded().filter(isAlive).flatMap(readRecord);
}

/** Removes the records of labs whose init is gone; returns their names. */
export function sweepLabs(): string[] {
  const dead = recorded().filter((name) => !isAlive(name) && existsSync(join(LABS_FOLDER, name, "lab.json")));
  for (const name of dead) forget(name);
  return dead;
}

/** The lab of that name, or the only one. Throws `lab-missing`, `lab-ambiguous`. */
export function findLab(name?: string): Lab {
  const labs = standingLabs();
  const found = name === undefined ? labs : labs.filter((lab) => lab.name === name);
  const [only] = found;
  if (only && found.length === 1) return only;
  const names = labs.map((lab) => lab.name).join(", ") || "none";
  throw only
    ? new HarnessError("lab-ambiguous", { subject: "lab", expected: "one standing lab", actual: names })
    : new HarnessError("lab-missing", {
        subject: `lab ${name ?? ""}`.trim(),
        expected: "a standing lab",
        actual: names,
      });
}

/** Ends a lab by SIGKILL of its init, which ends all of it, and waits for its lock. */
export async function destroyLab(lab: Lab): Promise<void> {
  if (isAlive(lab.name)) process.kill(lab.initPid, "SIGKILL");
  await awaitReady(`lab ${lab.name}`, "an end", () => !isAlive(lab.name) || undefined, BOUND.labEndMs);
  forget(lab.name);
}

function recorded(): string[] {
  return existsSync(LABS_FOLDER) ? readdirSync(LABS_FOLDER).sort() : [];
}

function readRecord(name: string): Lab[] {
  try {
    return [JSON.parse(readFileSync(join(LABS_FOLDER, name, "lab.json"), "utf8")) as Lab];
  } catch {
    return [];
  }
}

function forget(name: string): void {
  rmSync(join(LABS_FOLDER, name), { recursive: true, force: true });
  for (const folder of [LABS_FOLDER, "/run/phx"]) {
    try {
      rmdirSync(folder);
    } catch {
      return;
    }
  }
}
