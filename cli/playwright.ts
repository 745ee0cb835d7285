import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CATALOGUE } from "../audit/catalogue.ts";
import { CONTROLS } from "../audit/controls.ts";
import { EXIT, HarnessError } from "../errors.ts";
import type { Run } from "../audit/run.ts";
import { renderSummary, wantsColour } from "../reports/summary.ts";
import { claimRun, newRunId, readRun, releaseRun, runsRoot } from "../reports/write.ts";
import { nearest } from "./nearest.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** What a verb asks of the one engine behind it. */
export interface Order {
  readonly mode: "verify" | "probe";
  /** As the person gave it. */
  readonly command: string;
  readonly estate: string;
  /** Where the run's files go; absent: a folder of its own where runs are kept. */
  readonly out?: string;
  readonly lab?: string;
  readonly keep?: boolean;
  /** Every flow of each ordered pair. */
  readonly exhaustive?: boolean;
  /** Without the controls that need a lab of their own. */
  readonly undisturbed?: boolean;
  /** With the component lists. */
  readonly components?: boolean;
  /** Ids of the controls in scope; absent: all. */
  readonly controls?: readonly string[];
  readonly startedAt: Date;
  readonly timings: readonly { readonly step: string; readonly durationMs: number }[];
}

/** How a run ended; `written` is absent where it came to no `run.json`. */
export interface EndedRun {
  readonly exit: number;
  readonly written?: { readonly run: Run; readonly folder: string };
}

/** Runs the specs in a child; the exit status is the one that run.json holds. */
export async function runSpecs(order: Order): Promise<number> {
  return (await runToEnd(order)).exit;
}

/** The same, with the run that was written. */
export async function runToEnd(order: Order): Promise<EndedRun> {
  const id = newRunId(order.startedAt, order.mode);
  const folder = order.out ?? join(runsRoot(), id);
  await claimRun(folder);
  try {
    const { status, signal } = await ended(startPlaywright(order, id, folder));
    if (existsSync(join(folder, "run.json"))) {
      const run = await readRun(folder);
      return { exit: print(run, join(folder, "report.html")), written: { run, folder } };
    }
    if (signal !== undefined) return { exit: interrupted(signal) };
    process.stderr.write(`phx: run ${id} wrote no run.json (${status}); its reason stands above\n`);
    return { exit: EXIT.harnessFault };
  } finally {
    await rm(temporary(folder), { recursive: true, force: true });
    await releaseRun(folder);
  }
}

function print(run: Run, report: string): number {
  process.stdout.write(renderSummary(run, { report, colour: wantsColour(process.stdout) }));
  return run.verdict.exit;
}

function startPlaywright(order: Order, id: string, folder: string): ChildProcess {
  const { controls = inScope(order.mode), startedAt, out: _out, ...kept } = order;
  const request = { ...kept, id, folder, startedAt: startedAt.toISOString() };
  const config = join(ROOT, "playwright.config.ts");
  const cli = join(ROOT, "node_modules", "@playwright", "test", "cli.js");
  const tags = [...controls, ...(order.components ? ["components"] : [])];
  const grep = order.controls || order.mode === "probe" ? ["--grep", `@(${tags.join("|")})$`] : [];
  mkdirSync(temporary(folder));
  // A group of its own: what the terminal signals reaches it once, from here.
  return spawn(process.execPath, [cli, "test", "--config", config, ...grep], {
    cwd: ROOT,
    detached: true,
    env: {
      ...process.env,
      PHX_REQUEST: JSON.stringify(request),
      PHX_WATCHED: "1",
      PWTEST_CACHE_DIR: join(ROOT, ".toolchain", "playwright"),
      TMPDIR: temporary(folder),
      FORCE_COLOR: "0",
    },
    // What Playwright itself says is no part of the output.
    stdio: ["pipe", 2, 2],
  });
}

/** Where Playwright and its browser keep what goes with the run. */
function temporary(folder: string): string {
  return join(folder, "tmp");
}

function inScope(mode: Order["mode"]): string[] {
  return CONTROLS.filter(({ disturbs }) => mode === "verify" || disturbs !== true).map(({ id }) => id);
}

interface Ended {
  readonly status: string;
  /** The signal that this process got meanwhile. */
  readonly signal?: (typeof SIGNALS)[number];
}

/* Playwright ends in order on SIGINT alone; a second signal ends it at once, and the lab with it. */
function ended(child: ChildProcess): Promise<Ended> {
  let got: Ended["signal"];
  const forward = (signal: NodeJS.Signals) => {
    child.kill(got === undefined ? "SIGINT" : "SIGKILL");
    got = SIGNALS.find((each) => each === signal);
  };
  for (const signal of SIGNALS) process.removeAllListeners(signal).on(signal, forward);
  return new Promise((resolve) => {
    child.on("close", (code, signal) => {
      for (const each of SIGNALS) process.off(each, forward);
      resolve({ status: signal ?? `exit ${code}`, ...(got ? { signal: got } : {}) });
    });
  });
}

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/** As a shell has it: 128 and the signal's number. */
function interrupted(signal: (typeof SIGNALS)[number]): number {
  process.stderr.write(`phx: ended by ${signal} before anything was probed: no run is written\n`);
  return { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }[signal];
}

/** `EDGE,rte-002` -> the ids of the controls that this version probes. Throws `control-unknown`. */
export function selectControls(list: string): string[] {
  const wanted = list.split(",").map((word) => word.trim().toUpperCase());
  return [...new Set(wanted.flatMap(idsOf))];
}

function idsOf(word: string): string[] {
  const probed = CONTROLS.map(({ id }) => id).filter((id) => id === word || id.startsWith(`${word}-`));
  if (probed.length > 0 && word !== "") return probed;
  const known = CATALOGUE.some(({ id }) => id === word || id.startsWith(`${word}-`));
  const names = [...new Set(CONTROLS.flatMap(({ id }) => [id, id.split("-")[0] ?? ""]))];
  const near = nearest(word, names);
  throw new HarnessError("control-unknown", {
    subject: `--controls ${word}`,
    expected: `a control or a family that this version probes (${names.filter((name) => !name.includes("-")).join(", ")})`,
    actual: known && word !== "" ? `${word}, which has no probe yet` : word || "nothing",
    ...(near && !known ? { remedy: `Did you mean ${near}?` } : {}),
  });
}
