import { closeSync, openSync } from "node:fs";
import { HarnessError } from "../errors.ts";
import { type Lab, outside } from "./lab.ts";
import { setns } from "./libc.ts";

let home: number | undefined;

/**
 * Runs `make` with the calling thread in a network namespace of the lab, and returns to where it was. `make` must be
 * synchronous: what it leaves for later (net.connect, an asynchronous write) would happen in the root namespace.
 */
export function within<T>(lab: Lab, namespace: string, make: () => T): T {
  home ??= openSync("/proc/thread-self/ns/net", "r");
  // Opened anew each time (10 µs): the name may stand for another namespace by now, and a kept descriptor would keep a
  // dead lab's alive.
  const there = open(lab, namespace);
  try {
    setns(there);
    return make();
  } finally {
    returnHome(home);
    closeSync(there);
  }
}

/** A process that can't come back must not go on: its next packet would leave from the wrong place. */
function returnHome(fd: number): void {
  try {
    setns(fd);
  } catch (error) {
    process.stderr.write(`phx: cannot return to the root namespace: ${String(error)}\n`);
    process.exit(3);
  }
}

function open(lab: Lab, namespace: string): number {
  try {
    return openSync(outside(lab, `/run/netns/${namespace}`), "r");
  } catch (cause) {
    const detail = { subject: `lab ${lab.name}`, expected: `a namespace ${namespace}`, actual: "none" };
    throw new HarnessError("lab-gone", detail, { cause });
  }
}
