import "./fixtures/node-version.ts";
import { join } from "node:path";
import { defineConfig } from "@playwright/test";
import { readRequest } from "./fixtures/request.ts";

const { folder, exhaustive = false } = readRequest();
const MINUTE_MS = 60_000;

/** One run: set-up converges, one worker probes (packets share counters), the reporter writes run.json. */
export default defineConfig({
  testDir: "spec",
  outputDir: join(folder, "playwright"),
  globalSetup: "./fixtures/global-setup.ts",
  reporter: [["./reports/reporter.ts"]],
  workers: 1,
  retries: 0,
  forbidOnly: true,
  timeout: (exhaustive ? 60 : 2) * MINUTE_MS,
  globalTimeout: (exhaustive ? 180 : 30) * MINUTE_MS,
});
