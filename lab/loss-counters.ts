import { readFileSync } from "node:fs";
import type { Lab } from "./lab.ts";
import { within } from "./namespace.ts";

/** Where a kernel may lose packets without any rule's doing, by name: `eth0 of host`, `conntrack drop of host`. */
export type Losses = ReadonlyMap<string, number>;

/**
 * All loss counters of these namespaces: each interface's errors and drops, conntrack's refusals. What a machine counts
 * for all namespaces at once (address resolution, the processors' backlogs) is no proof of a loss here; see `machineLosses`.
 */
export function readLosses(lab: Lab, namespaces: readonly string[]): Losses {
  const losses = new Map<string, number>();
  for (const namespace of namespaces) {
    const [devices, tracked] = within(lab, namespace, () => [
      readFileSync("/proc/thread-self/net/dev", "utf8"),
      readOptional("/proc/thread-self/net/stat/nf_conntrack"),
    ]);
    for (const [device, lost] of deviceLosses(devices)) losses.set(`${device} of ${namespace}`, lost);
    const columns = columnSums(tracked);
    for (const name of ["drop", "early_drop", "insert_failed"])
      losses.set(`conntrack ${name} of ${namespace}`, columns.get(name) ?? 0);
  }
  return losses;
}

/** The same of the whole machine: where a sum does not hold, one of these may say why. Reads, and changes nothing. */
export function machineLosses(): Losses {
  const neighbours = columnSums(readOptional("/proc/net/stat/arp_cache"));
  const backlogs = readOptional("/proc/net/softnet_stat").trim().split("\n");
  const DROPPED = 1;
  return new Map([
    ["packets whose neighbour was not found (whole machine)", neighbours.get("unresolved_discards") ?? 0],
    ["refusals of a full neighbour table (whole machine)", neighbours.get("table_fulls") ?? 0],
    ["packets of full backlogs (whole machine)", sum(backlogs.map((row) => hex(row.split(/\s+/)[DROPPED])))],
  ]);
}

/** What was lost between two readings: `3 eth0 of host`. A counter that is new or was set back says nothing. */
export function lossesBetween(before: Losses, after: Losses): string[] {
  return [...after].flatMap(([name, count]) => {
    const gain = count - (before.get(name) ?? count);
    return gain > 0 ? [`${gain} ${name}`] : [];
  });
}

/** Addresses that a namespace has asked for and not found, proc(5) net/arp: their packets wait, and are then lost. */
export function unresolved(lab: Lab, namespace: string): string[] {
  const rows = within(lab, namespace, () => readFileSync("/proc/thread-self/net/arp", "utf8")).split("\n");
  return rows
    .slice(1)
    .map((row) => row.trim().split(/\s+/))
    .filter(([, , flags]) => flags === "0x0")
    .map(([address = ""]) => address);
}

/* Two lines of titles, then `name: bytes packets errs drop fifo ...` received, and the same sent. */
function deviceLosses(text: string): [device: string, lost: number][] {
  const LOST = [2, 3, 4, 10, 11, 12];
  return text
    .trim()
    .split("\n")
    .slice(2)
    .map((line) => {
      const [name = "", numbers = ""] = line.split(":");
      const columns = numbers.trim().split(/\s+/).map(Number);
      return [name.trim(), sum(LOST.map((column) => columns[column] ?? 0))];
    });
}

/* A line of names, then a line of hexadecimal numbers for each processor. */
function columnSums(text: string): Map<string, number> {
  const [names = [], ...rows] = text
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/));
  return new Map(names.map((name, column) => [name, sum(rows.map((row) => hex(row[column])))]));
}

function hex(digits = "0"): number {
  return Number.parseInt(digits, 16);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

/** A kernel without that part has no such file, and counts nothing there. */
function readOptional(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
