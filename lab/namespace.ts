import { closeSync, openSync } from "node:fs";
import { HarnessError } from "../errors.ts";
import { type Lab, outside } from "./lab.ts";
import { setns } from "./libc.ts";

const opened = new Map<string, number>();
let home: number | undefined;

/**
 * Runs `make` with the calling thread in a network namespace of the lab, and returns to where it was. `make` must be
 * synchronous: what it leaves for later (net.connect, an asynchronous write) would happen in the root namespace.
 */
export function within<T>(lab: Lab, namespace: string, make: () => T): T {
  home ??= openSync("/proc/thread-self/ns/net", "r");
  setns(descriptorOf(lab, namespace));
  try {
    return make();
  } finally {
    returnHome(home);
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

function descriptorOf(lab: Lab, namespace: string): number {
  const key = `${lab.initPid}/${namespace}`;
  const known = opened.get(key);
  if (known !== undefined) return known;
  try {
    const fd = openSync(outside(lab, `/run/netns/${namespace}`), "r");
    opened.set(key, fd);
    return fd;
  } catch (cause) {
    const detail = { subject: `lab ${lab.name}`, expected: `a namespace ${namespace}`, actual: "none" };
    throw new HarnessError("lab-gone", detail, { cause });
  }
}

/** Closes what `within` keeps open of a lab: an open descriptor would keep its namespaces alive. */
export function releaseNamespaces(lab: Lab): void {
  for (const [key, fd] of opened) {
    if (!key.startsWith(`${lab.initPid}/`)) continue;
    closeSync(fd);
    opened.delete(key);
  }
}
