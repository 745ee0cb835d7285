import "./fixtures/node-version.ts";
import { join } from "node:path";
import { defineConfig } from "@playwright/test";
import { readRequest } from "./fixtures/request.ts";

/** One run: set-up converges, one worker probes (packets share counters), the reporter writes run.json. */
export default defineConfig({
  testDir: "spec",
  outputDir: join(readRequest().folder, "playwright"),
  globalSetup: "./fixtures/global-setup.ts",
  reporter: [["./reports/reporter.ts"]],
  workers: 1,
  retries: 0,
  forbidOnly: true,
  timeout: 120_000,
  globalTimeout: 1_800_000,
});
