import { spawnSync } from "node:child_process";
import type { Lab } from "../lab/lab.ts";
import { enter } from "../lab/process.ts";

/** How nmap is asked for all TCP ports, and how long it may take in seconds: beyond that a ratio is told by what it left. */
const WAYS = [
  { options: ["-sS", "-p-", "-T5", "--min-rate", "20000", "--max-retries", "1"], boundSeconds: 60 },
  { options: ["-sS", "-p-", "-T4"], boundSeconds: 150 },
];

/** nmap's times for all TCP ports of a destination, each beside `seconds`, which something else took for the same. */
export function* nmapTimes(lab: Lab, from: string, dest: string, seconds: number): Generator<string> {
  for (const { options, boundSeconds } of WAYS) {
    const nmap = ["nmap", "-n", "-Pn", "--stats-every", "10s", ...options, dest];
    const [file = "", ...words] = [
      ...enter(lab, from),
      "timeout",
      "-s",
      "INT",
      String(boundSeconds),
      ...nmap,
    ];
    const since = performance.now();
    const { status, stdout, stderr } = spawnSync(file, words, { encoding: "utf8" });
    const took = (performance.now() - since) / 1000;
    yield `nmap ${options.join(" ")}: ${said(took, seconds, status, stdout, stderr)}`;
  }
}

/* timeout(1) ends with 124 what it had to end. */
const ENDED = 124;

function said(took: number, seconds: number, status: number | null, stdout: string, stderr: string): string {
  const times = `${(took / seconds).toFixed(0)} x`;
  if (status === 0) return `${took.toFixed(1)} s, ${times} the engine's`;
  const done = [...stdout.matchAll(/About ([\d.]+)% done/g)].at(-1)?.[1] ?? "0";
  if (status === ENDED)
    return `ended after ${took.toFixed(0)} s with ${done} % done: more than ${times} the engine's`;
  return `failed: ${stderr.trim()}`;
}
