import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";
import { run as runTests } from "node:test";
import { spec } from "node:test/reporters";
import { fileURLToPath } from "node:url";
import { findRun, readRun, runsRoot } from "../reports/write.ts";
import { parseArguments } from "./arguments.ts";
import { setup } from "./setup.ts";

export const help = `usage: phx test [--unit | --conformance]

Runs every test of phx itself: the unit tests, then the controls on the reference estate in a lab. Ends with a line
'N passed, N failed'; a test that is skipped is named, and counts as neither. Brings first what is missing, as
'phx setup'. Needs root.

flags:
  --unit         unit tests only
  --conformance  the controls only
  --help         this text

exit status: 0 all passed, 1 something failed, 3 harness or environment fault

example:
  sudo ./phx test
`;

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const FOLDERS = [
  "bench",
  "policy",
  "lab",
  "components",
  "converge",
  "probes",
  "audit",
  "reports",
  "cli",
  "fixtures",
];

interface Counts {
  readonly passed: number;
  readonly failed: number;
}

export async function run(args: string[]): Promise<number> {
  const options = { unit: { type: "boolean" }, conformance: { type: "boolean" } } as const;
  const { values } = parseArguments("test", "[--unit | --conformance]", { args, options }, 0);
  await setup();
  const none: Counts = { passed: 0, failed: 0 };
  const unit = values.conformance ? none : await unitTests();
  const conformance = values.unit ? none : await conformanceTests();
  const passed = unit.passed + conformance.passed;
  const failed = unit.failed + conformance.failed;
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

/** Each `*.test.ts` in a process of its own, two at a time. */
async function unitTests(): Promise<Counts> {
  const files = globSync([`{${FOLDERS.join(",")}}/**/*.test.ts`, "*.test.ts"], { cwd: ROOT }).sort();
  const counts = { passed: 0, failed: 0 };
  const skipped: string[] = [];
  const stream = runTests({ files: files.map((file) => join(ROOT, file)), concurrency: 2, cwd: ROOT });
  const single = ({ details }: { details: { type?: string | undefined } }) => details.type !== "suite";
  stream.on("test:fail", (event) => {
    if (single(event)) counts.failed++;
  });
  stream.on("test:pass", (event) => {
    if (!single(event)) return;
    const reason = event.skip ?? event.todo;
    if (reason === undefined || reason === false) counts.passed++;
    else skipped.push(`${event.name}: ${reason === true ? "no reason" : reason}`);
  });
  const printed = stream.compose(new spec()) as AsyncIterable<unknown>;
  for await (const chunk of printed) process.stdout.write(String(chunk));
  for (const each of skipped) console.log(`skipped: ${each}`);
  return counts;
}

/** The controls on the reference estate, by the same door as anybody's: `phx verify`. */
async function conformanceTests(): Promise<Counts> {
  const child = spawn(process.execPath, [join(ROOT, "cli", "main.ts"), "verify"], { stdio: "inherit" });
  const status = await new Promise<number>((resolve) => child.on("close", (code) => resolve(code ?? 3)));
  const { counts } = (await readRun(await findRun(undefined, runsRoot()))).verdict;
  const failed = counts.selected - counts.pass - counts.notapplicable;
  return { passed: counts.selected - failed, failed: status === 0 ? failed : Math.max(failed, 1) };
}
