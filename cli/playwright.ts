import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CATALOGUE } from "../audit/catalogue.ts";
import { CONTROLS } from "../audit/controls.ts";
import { HarnessError } from "../errors.ts";
import { newRunId, readRun, runsRoot } from "../reports/write.ts";
import { nearest } from "./nearest.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** What a verb asks of the one engine behind it. */
export interface Order {
  readonly mode: "verify" | "probe";
  /** As the person gave it. */
  readonly command: string;
  readonly estate: string;
  readonly lab?: string;
  readonly keep?: boolean;
  /** Ids of the controls in scope; absent: all. */
  readonly controls?: readonly string[];
  readonly startedAt: Date;
  readonly timings: readonly { readonly step: string; readonly durationMs: number }[];
}

/** Runs the specs in a child; the exit status is the one that run.json holds. */
export async function runSpecs(order: Order): Promise<number> {
  const id = newRunId(order.startedAt, order.mode);
  const folder = join(runsRoot(), id);
  const { controls, startedAt, ...kept } = order;
  const request = { ...kept, id, folder, startedAt: startedAt.toISOString() };
  const grep = controls ? ["--grep", `@(${controls.join("|")})$`] : [];
  const config = join(ROOT, "playwright.config.ts");
  const cli = join(ROOT, "node_modules", "@playwright", "test", "cli.js");
  const child = spawn(process.execPath, [cli, "test", "--config", config, ...grep], {
    cwd: ROOT,
    env: {
      ...process.env,
      PHX_REQUEST: JSON.stringify(request),
      PHX_WATCHED: "1",
      PWTEST_CACHE_DIR: join(ROOT, ".toolchain", "playwright"),
      FORCE_COLOR: "0",
    },
    stdio: ["pipe", "inherit", "inherit"],
  });
  const status = await ended(child);
  if (existsSync(join(folder, "run.json"))) return (await readRun(folder)).verdict.exit;
  throw new HarnessError("lab-start", {
    subject: `run ${id}`,
    expected: "a run.json",
    actual: `none: the run ended with ${status} before it began`,
    remedy: "Its reason stands above.",
  });
}

/* Playwright ends in order on SIGINT alone; a second signal ends it at once, and the lab with it. */
function ended(child: ChildProcess): Promise<string> {
  let signals = 0;
  const forward = () => void child.kill(signals++ === 0 ? "SIGINT" : "SIGKILL");
  for (const signal of SIGNALS) process.removeAllListeners(signal).on(signal, forward);
  return new Promise((resolve) => {
    child.on("close", (code, signal) => {
      for (const each of SIGNALS) process.off(each, forward);
      resolve(signal ?? `exit ${code}`);
    });
  });
}

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

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
