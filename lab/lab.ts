import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { HarnessError } from "../errors.ts";
import {
  claimLife,
  forget,
  isAlive,
  type LabRecord,
  readRecord,
  recordedNames,
  sweepRecord,
  writeRecord,
} from "./record.ts";
import { awaitReady, BOUND } from "./waits.ts";

/** The run's folder as processes of the lab see it: a tmpfs of the lab's own. */
export const LAB_ROOT = "/run/phx";

const INIT_SCRIPT = join(import.meta.dirname, "init.sh");

/** A standing lab: one PID and one mount namespace, and the network namespaces under its /run/netns. */
export type Lab = LabRecord;

/** A lab that this process has started: unless handed over it ends when disposed of, and with this process. */
export interface OwnedLab extends AsyncDisposable {
  readonly lab: Lab;
  /** Lets the lab live on without this process. */
  handOver(): void;
}

/** A path of the lab (`/run/phx/...`) as this process reaches it. */
export function outside(lab: Lab, path: string): string {
  return `/proc/${lab.initPid}/root${path}`;
}

/**
 * Starts a lab. It ends when this process does, unless `handOver` was called. Throws `lab-start` (also where a lab of that
 * name lives: it is left alone), `not-root`, `capability-missing`, `disk-write`.
 */
export async function createLab(name: string): Promise<OwnedLab> {
  requireRoot();
  requireCapabilities();
  const lock = await claimLife(name);
  const child = spawn("unshare", UNSHARE, {
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "pipe", lock],
  });
  closeSync(lock);
  try {
    await untilReady(child);
    const lab = { name, initPid: initOf(child) };
    writeRecord(lab);
    release(child);
    return own(lab, child);
  } catch (error) {
    child.kill("SIGKILL");
    forget(name);
    throw error;
  }
}

function requireRoot(): void {
  const uid = process.getuid?.();
  if (uid === 0) return;
  throw new HarnessError("not-root", { subject: "a lab", expected: "root", actual: `user ${uid}` });
}

/** capabilities(7), by the bit of each. */
const CAPABILITIES = { CAP_NET_ADMIN: 12, CAP_NET_RAW: 13, CAP_SYS_ADMIN: 21 };

/** Root in a container may lack what makes root. */
function requireCapabilities(): void {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  const bits = BigInt(`0x${effective ?? "0"}`);
  const missing = Object.entries(CAPABILITIES).filter(([, bit]) => ((bits >> BigInt(bit)) & 1n) === 0n);
  if (missing.length === 0) return;
  const names = (of: readonly [string, number][]) => of.map(([name]) => name).join(", ");
  throw new HarnessError("capability-missing", {
    subject: "a lab",
    expected: `the capabilities ${names(Object.entries(CAPABILITIES))}`,
    actual: `a process without ${names(missing)}`,
  });
}

const NEW = "--pid --fork --kill-child --mount --propagation private --mount-proc --net";
const UNSHARE = NEW.split(" ").concat("sh", INIT_SCRIPT);

/** Labs of this process that are not handed over, with their `unshare`. */
const owned = new Map<Lab, ChildProcess>();

/* Synchronous, as all that is done at this event: the kernel ends what `unshare` started. */
process.on("exit", () => {
  for (const [lab, child] of owned) {
    child.kill("SIGKILL");
    if (isRecorded(lab)) forget(lab.name);
  }
});

function own(lab: Lab, child: ChildProcess): OwnedLab {
  owned.set(lab, child);
  const pipe = child.stdio[3] as Writable;
  // A lab that is gone already can't be handed over: whoever looks for it finds that out.
  pipe.on("error", () => {});
  return {
    lab,
    handOver: () => {
      if (!owned.delete(lab)) return;
      if (isRecorded(lab)) writeRecord({ ...lab, ...readRecord(lab.name), handedOver: true });
      pipe.write("K");
    },
    [Symbol.asyncDispose]: async () => {
      if (owned.has(lab)) await destroyLab(lab);
    },
  };
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

/** Throws `lab-start` where init is gone again: number 0 would be this process's own group to whoever signals it. */
function initOf(child: ChildProcess): number {
  const path = `/proc/${child.pid}/task/${child.pid}/children`;
  const children = existsSync(path) ? readFileSync(path, "utf8").trim() : "";
  const pid = Number(children.split(" ")[0]);
  if (pid > 0) return pid;
  throw new HarnessError("lab-start", {
    subject: "unshare",
    expected: "a lab's init",
    actual: "one that ended",
  });
}

/** Labs that stand, by name. */
export function standingLabs(): Lab[] {
  return recordedNames()
    .filter(isAlive)
    .flatMap((name) => readRecord(name) ?? []);
}

/** Removes the records of labs whose init is gone; returns their names. */
export function sweepLabs(): string[] {
  return recordedNames().filter(sweepRecord);
}

/** Records the folder that the lab was converged from, so that `phx probe` knows its files. */
export function recordEstate(lab: Lab, folder: string): void {
  writeRecord({ ...lab, ...readRecord(lab.name), estate: folder });
}

/** The lab of that name, or the only one that no phx works in still. Throws `lab-missing`, `lab-ambiguous`. */
export function findLab(name?: string): Lab {
  const labs = standingLabs();
  const [only, other] = labs.filter((lab) => (name === undefined ? lab.handedOver : lab.name === name));
  if (only && !other) return only;
  const actual =
    labs.map((lab) => (lab.handedOver ? lab.name : `${lab.name} (of a running phx)`)).join(", ") || "none";
  if (only) throw new HarnessError("lab-ambiguous", { subject: "lab", expected: "one standing lab", actual });
  const subject = name === undefined ? "lab" : `lab ${name}`;
  throw new HarnessError("lab-missing", { subject, expected: "a standing lab", actual });
}

/** Ends a lab by SIGKILL of its init, which ends all of it, and waits for its lock. */
export async function destroyLab(lab: Lab): Promise<void> {
  owned.delete(lab);
  if (!isRecorded(lab)) return;
  if (isAlive(lab.name)) kill(lab.initPid);
  await awaitReady(`lab ${lab.name}`, "an end", () => !isAlive(lab.name) || undefined, BOUND.labEndMs);
  forget(lab.name);
}

/** Init may have ended by itself since its lock was looked at. */
function kill(initPid: number): void {
  try {
    process.kill(initPid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** The record may be of another lab by now, of the same name. */
function isRecorded({ name, initPid }: Lab): boolean {
  return readRecord(name)?.initPid === initPid;
}
