import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { HarnessError } from "../errors.ts";
import { makeFolder } from "./folder.ts";

/**
 * Does `work` while no other process holds the file's lock. flock(2) belongs to the open file, which `flock` shares
 * with this process: the lock stays when `flock` has ended and goes with this process, however that dies.
 */
export async function withLock<T>(
  file: string,
  say: (line: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  makeFolder(dirname(file));
  const descriptor = openSync(file, "w");
  try {
    if ((await flock(descriptor, "--nonblock")) !== 0) {
      say(`another phx holds ${file}: waiting for it`);
      await flock(descriptor);
    }
    return await work();
  } finally {
    closeSync(descriptor);
  }
}

async function flock(descriptor: number, ...flags: string[]): Promise<number> {
  const child = spawn("/usr/bin/flock", [...flags, "3"], {
    stdio: ["ignore", "ignore", "inherit", descriptor],
  });
  const [status] = (await once(child, "close")) as unknown[];
  if (status !== 0 && flags.length === 0) {
    throw new HarnessError("harness-bug", {
      subject: "flock",
      expected: "the lock",
      actual: `status ${String(status)}`,
    });
  }
  return Number(status ?? 1);
}
