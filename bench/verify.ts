import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Run } from "../audit/run.ts";

/* How long `phx verify` takes on the reference estate after set-up: the controls that disturb nothing, with their converge
   (12 s at most on 2 cores, of which those that send no packet 5 s), and all of them (90 s: Traefik looks for renewals once a
   minute); and how that compares with starting Node once on the same machine. Arguments: how many runs without what
   disturbs (default 5; of five one is followed by a whole one); `--exhaustive` to ask every flow of every pair, which takes
   minutes. Prints minimum, median and maximum. */

const PHX = fileURLToPath(new URL("../phx", import.meta.url));
const runs = Number(process.argv.slice(2).find((word) => /^\d+$/.test(word)) ?? 5);
const flags = process.argv.includes("--exhaustive") ? ["--exhaustive"] : [];
const out = mkdtempSync(join(tmpdir(), "phx-bench-"));

function timed(program: string, args: string[]): number {
  const since = performance.now();
  const { status, stderr } = spawnSync(program, args, {
    env: { ...process.env, PHX_OUT: out },
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: exit ${status}\n${stderr}`);
  return performance.now() - since;
}

function print(name: string, values: readonly number[], anchor: number): void {
  const sorted = values.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const figures = [sorted[0], median, sorted.at(-1)].map((each) => ((each ?? 0) / 1000).toFixed(2));
  console.log(`${name.padEnd(28)} ${figures.join(" / ")} s   ${(median / anchor).toFixed(0)} x the anchor`);
}

function runsIn(folder: string): Run[] {
  return readdirSync(folder).map(
    (name) => JSON.parse(readFileSync(join(folder, name, "run.json"), "utf8")) as Run,
  );
}

/** Of all controls whose evidence is of servers alone. */
function serviceMs({ findings, observations }: Run): number {
  const packets = new Set(observations.flatMap(({ kind, id }) => (kind === "packets" ? [id] : [])));
  const isService = ({ checks }: Run["findings"][number]) =>
    !checks.some(({ evidence }) => evidence.some((id) => packets.has(id)));
  return findings.filter(isService).reduce((sum, { durationMs = 0 }) => sum + durationMs, 0);
}

try {
  timed(PHX, ["setup"]);
  const anchors = Array.from({ length: runs }, () => timed(process.execPath, ["-e", ""]));
  const anchor = anchors.toSorted((a, b) => a - b)[Math.floor(runs / 2)] ?? 1;
  const undisturbed = Array.from({ length: runs }, () => timed(PHX, ["verify", "--undisturbed", ...flags]));
  const written = runsIn(out);
  const whole = Array.from({ length: Math.ceil(runs / 5) }, () => timed(PHX, ["verify", ...flags]));
  const of = (step: string) =>
    written.flatMap(({ timings }) => timings.find((each) => each.step === step)?.durationMs ?? []);
  console.log(
    `minimum / median / maximum of ${runs} runs; the anchor is one start of Node, ${anchor.toFixed(0)} ms`,
  );
  const [flows] = written.flatMap((run) => run.flows ?? []);
  if (flows)
    console.log(`${flows.asked.toLocaleString("en")} of ${flows.of.toLocaleString("en")} flows a run`);
  print("phx verify --undisturbed", undisturbed, anchor);
  print("its converge", of("converge"), anchor);
  print("its controls of servers", written.map(serviceMs), anchor);
  print("its set-up", of("set up"), anchor);
  print(`phx verify (${whole.length} of them)`, whole, anchor);
} finally {
  rmSync(out, { recursive: true, force: true });
}
