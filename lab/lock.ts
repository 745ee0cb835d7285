import { closeSync, fstatSync, openSync, statSync } from "node:fs";
import { isUnlocked, tryLock } from "./libc.ts";

/** Whether somebody holds the flock(2) of that file; nobody does where there is none. */
export function isLocked(path: string): boolean {
  const descriptor = open(path, "r");
  if (descriptor === undefined) return false;
  try {
    return !isUnlocked(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * The file or folder, opened and locked; `undefined` where another holds it, or where it was removed while it was being
 * locked: a lock on what no longer has the name keeps nobody out.
 */
export function lockPath(path: string, flags: string): number | undefined {
  const descriptor = open(path, flags);
  if (descriptor === undefined) return undefined;
  const still =
    tryLock(descriptor) && statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(descriptor).ino;
  if (still) return descriptor;
  closeSync(descriptor);
  return undefined;
}

function open(path: string, flags: string): number | undefined {
  try {
    return openSync(path, flags);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
