import { mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { HarnessError } from "../errors.ts";

/**
 * Makes a folder and those above it, where they are not there. One mkdir(2) a segment: Node's own recursive mkdirSync
 * never ends where the file system says ENOENT below a folder that is there, as /proc does. Throws `disk-write`.
 */
export function makeFolder(path: string): void {
  const absolute = resolve(path);
  if (isFolder(absolute)) return;
  if (dirname(absolute) !== absolute) makeFolder(dirname(absolute));
  try {
    mkdirSync(absolute);
  } catch (cause) {
    if (isFolder(absolute)) return; // another process was faster
    const actual = cause instanceof Error ? cause.message : String(cause);
    throw new HarnessError("disk-write", { subject: absolute, expected: "a folder", actual }, { cause });
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
