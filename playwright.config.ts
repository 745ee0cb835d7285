import "./fixtures/node-version.ts";
import { join } from "node:path";
import { defineConfig } from "@playwright/test";
import { readRequest } from "./fixtures/request.ts";

const { folder, exhaustive = false, components = false } = readRequest();
const MINUTE_MS = 60_000;
const DISTURBS = /@disturbs(\s|$)/;
const WAITS = /@waits(\s|$)/;

/**
 * One run: set-up converges, one worker probes (packets share counters), the reporter writes run.json. Beside it a second
 * worker proves what disturbs, each control in a lab of its own, first what waits for long.
 */
export default defineConfig({
  testDir: "spec",
  testIgnore: components ? [] : ["components.spec.ts"],
  outputDir: join(folder, "playwright"),
  globalSetup: "./fixtures/global-setup.ts",
  reporter: [["./reports/reporter.ts"]],
  workers: 2,
  projects: [
    { name: "waiting", grep: WAITS, workers: 1, fullyParallel: true },
    { name: "undisturbed", grepInvert: DISTURBS, workers: 1 },
    { name: "disturbing", grep: DISTURBS, grepInvert: WAITS, fullyParallel: true },
  ],
  retries: 0,
  forbidOnly: true,
  timeout: (exhaustive ? 60 : 2) * MINUTE_MS,
  globalTimeout: (exhaustive ? 180 : 30) * MINUTE_MS,
});
