/**
 * What proofs over packet sets cost, in CPU seconds of all threads and peak memory, each row in a process of its own: `check`
 * with start-up, every control of large estates and the curve over their sizes, the same sizes from .fw files with groups and
 * sets, and what a user could write to make sets large. Ends with status 1 where a bound is broken.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { largeTexts } from "../fixtures/estates/large.ts";
import { bruteForce } from "./space-brute-force.ts";
import { type Cost, ROWS } from "./space-rows.ts";

const PHX = fileURLToPath(new URL("../phx", import.meta.url));
const BENCH = fileURLToPath(import.meta.url);
const MIB = 2 ** 20;

/** What a row may cost: CPU seconds of all its threads, which on one core is the time that it takes, and peak memory. */
interface Bound {
  readonly seconds: number;
  readonly mib: number;
}

const BOUNDS: Readonly<Record<string, Bound>> = {
  "prove 100": { seconds: 1, mib: 1024 },
  "prove 1000": { seconds: 1, mib: 1024 },
  "prove 10000": { seconds: 5, mib: 1024 },
  "prove-open 1000": { seconds: 10, mib: 1024 },
  "fw 100": { seconds: 2, mib: 1024 },
  "fw 1000": { seconds: 5, mib: 1024 },
  "fw 10000": { seconds: 15, mib: 1024 },
  "worst hosts": { seconds: 5, mib: 1024 },
  "worst ports": { seconds: 5, mib: 1024 },
  "worst groups": { seconds: 5, mib: 1024 },
  "worst crossing": { seconds: 30, mib: 2048 },
};

/** From one size to ten times as many guests: n log n, and half as much again for what varies from run to run. */
const LEEWAY = 1.5;

let broken = 0;

function tell(row: string, words: string, isKept: boolean): void {
  if (!isKept) broken++;
  console.log(`${isKept ? "ok    " : "BROKEN"} ${row}: ${words}`);
}

function run(row: string): Cost {
  const child = spawnSync(process.execPath, [BENCH, "--row", row], { encoding: "utf8", maxBuffer: MIB });
  if (child.status !== 0) throw new Error(`${row} ended with ${child.status}: ${child.stderr}`);
  return JSON.parse(child.stdout) as Cost;
}

function bounded(row: string, { seconds, mib }: Bound): Cost {
  const cost = run(row);
  const words = `${cost.seconds.toFixed(2)} of ${seconds} CPU s, ${cost.mib.toFixed(0)} of ${mib} MiB; ${cost.words}`;
  tell(row, words, cost.seconds <= seconds && cost.mib <= mib);
  return cost;
}

/** No faster than n log n: ten times the guests take at most so many times the seconds. */
function curve(name: string, costs: ReadonlyMap<number, Cost>): void {
  const points = [...costs];
  for (const [index, [guests, { seconds }]] of points.entries()) {
    const [fewer, before] = points[index - 1] ?? [];
    if (fewer === undefined || !before) continue;
    const most = (LEEWAY * (guests * Math.log(guests))) / (fewer * Math.log(fewer));
    const ratio = seconds / before.seconds;
    const words = `${ratio.toFixed(1)} times the seconds, of n log n with half as much again: ${most.toFixed(1)}`;
    tell(`${name} from ${fewer} to ${guests} guests`, words, ratio <= most);
  }
}

/** The shortest of some runs: others work on the machine too. */
function checkSeconds(folder: string, runs: number): number {
  const seconds = Array.from({ length: runs }, () => {
    const start = performance.now();
    const { status } = spawnSync(PHX, ["check", folder], { maxBuffer: 64 * MIB });
    if (status !== 0) throw new Error(`phx check ${folder} ended with ${status}`);
    return (performance.now() - start) / 1000;
  });
  return Math.min(...seconds);
}

/** From files: of 10,000 guests nothing asks that reading them be within the 5 s of the proofs, and of its own it takes 2 s. */
const CHECKED = [
  { guests: 1000, runs: 5, most: 1 },
  { guests: 10_000, runs: 2, most: 8 },
] as const;

function checks(): void {
  const reference = fileURLToPath(new URL("../fixtures/estates/reference", import.meta.url));
  const small = checkSeconds(reference, 5);
  tell("check of the reference estate", `${small.toFixed(2)} of 0.5 s, start-up included`, small <= 0.5);
  const folder = mkdtempSync(join(tmpdir(), "phx-bench-"));
  try {
    for (const { guests, runs, most } of CHECKED) {
      const { host, lxc, vm } = largeTexts(guests, 10);
      for (const { name, text } of [host, lxc, vm]) writeFileSync(join(folder, name), text);
      const large = checkSeconds(folder, runs);
      const size = guests.toLocaleString("en");
      tell(
        `check of ${size} guests with 10 rules each`,
        `${large.toFixed(2)} of ${most} s, start-up and reading included`,
        large <= most,
      );
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function measure(): void {
  checks();
  const costs = new Map(Object.entries(BOUNDS).map(([row, bound]) => [row, bounded(row, bound)]));
  for (const name of ["prove", "fw"]) {
    const own = [100, 1000, 10_000].flatMap((guests): [number, Cost][] => {
      const cost = costs.get(`${name} ${guests}`);
      return cost ? [[guests, cost]] : [];
    });
    curve(name, new Map(own));
  }
}

const HELP = `usage: node bench/space.ts [--row NAME | --estates N]

What proofs over packet sets cost, each row in a process of its own, against its bounds. Exit 0 where all hold, else 1.

  --row NAME   one row alone, as JSON: ${Object.keys(ROWS).join(", ")}
  --estates N  instead asks N random estates of each kind of files for every packet of a reduced header space, of the model and
               of the sets (ten minutes for 1000); exit 1 where they disagree
`;

const { values } = parseArgs({
  options: { estates: { type: "string" }, help: { type: "boolean" }, row: { type: "string" } },
});
if (values.help) process.stdout.write(HELP);
else if (values.row !== undefined) {
  const row = ROWS[values.row];
  if (!row) throw new TypeError(`no row ${values.row}: one of ${Object.keys(ROWS).join(", ")}`);
  console.log(JSON.stringify(row()));
} else if (values.estates === undefined) measure();
else broken = bruteForce(Number(values.estates));
if (broken > 0) process.exitCode = 1;
