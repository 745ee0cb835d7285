import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants, setPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const FUZZ = fileURLToPath(new URL("fuzz.ts", import.meta.url));
/** CI's share; a longer run by hand finds more. */
const SECONDS = Number(process.env["PHX_FUZZ_SECONDS"] ?? 60);
/** For starting, making a failing input small, and a machine with other work. */
const SPARE_MS = 60_000;

/** The tests beside it, some of which watch the clock, come first. */
const BEHIND = constants.priority.PRIORITY_BELOW_NORMAL;

interface Ended {
  readonly status: number | null;
  readonly output: string;
}

/** Runs the fuzzer, and ends it with its child where it does not end itself. */
async function fuzz(args: readonly string[], folder: string, seconds: number, priority = 0): Promise<Ended> {
  const env = { ...process.env, TMPDIR: folder };
  const child = spawn(process.execPath, [FUZZ, ...args], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  if (child.pid !== undefined) setPriority(child.pid, priority);
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  const end = setTimeout(() => child.pid && process.kill(-child.pid, "SIGKILL"), seconds * 1000 + SPARE_MS);
  const { promise, resolve } = Promise.withResolvers<number | null>();
  child.on("close", resolve);
  const status = await promise;
  clearTimeout(end);
  return { status, output };
}

function temporaryFolder(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), "phx-fuzz-test-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

test(`random and mutated files for ${SECONDS} s: every reader answers, at once, with positions and without secrets`, async (t) => {
  using folder = temporaryFolder();
  const { status, output } = await fuzz(["--seconds", `${SECONDS}`], folder.path, SECONDS, BEHIND);
  for (const line of output.trim().split("\n")) t.diagnostic(line);
  assert.equal(status, 0, output);
  for (const name of ["source", "load", "folder", "firewall", "node", "vectors"])
    assert.match(output, new RegExp(`^${name}: [\\d,]+ inputs \\([1-9]`, "m"), `${name} read something`);
  assert.deepEqual(readdirSync(folder.path), [], "nothing stays");
});

/** Readers that break each promise, on any text with an exclamation mark. */
const BROKEN = `
const place = (line) => ({ file: "a", line, column: 1, pointer: "" });
const WAYS = {
  crashes: () => JSON.parse("!"),
  unplaced: () => [{ code: "json-type", expected: "a", actual: "b" }],
  outside: (text) => ({ message: "m", remedy: "r", position: place(text.split("\\n").length + 1) }),
  leaks: (text) => ({ message: text, remedy: "r", position: place(1) }),
  slow: () => {
    const worked = () => process.threadCpuUsage().user + process.threadCpuUsage().system;
    for (const since = worked(); worked() - since < 1_100_000; );
    return [];
  },
  hangs: () => { for (;;); },
};
export function readersOf() {
  return Object.entries(WAYS).map(([name, break_]) => ({ name, subjects: [{
    file: "a", format: name === "leaks" ? "json" : "text", lineEnd: /\\n/,
    material: { samples: ['{"a": "so it is!"}'], dictionary: ["!"] },
    prepare: (bytes) => {
      const text = bytes.toString("latin1");
      return { texts: { a: text }, read: () => (text.includes("!") ? break_(text) : []) };
    },
  }] }));
}
`;

test("a reader that crashes, tells no place or one outside, tells a secret, is slow or hangs is caught, with its input", async () => {
  using folder = temporaryFolder();
  const broken = join(folder.path, "broken.mjs");
  writeFileSync(broken, BROKEN);
  const { status, output } = await fuzz(["--readers", broken, "--seed", "1"], folder.path, 60);
  assert.equal(status, 1, output);
  const found = Object.fromEntries(
    [...output.matchAll(/^(\w+): (a crash|no position|a position outside|a secret|longer|a hang)/gm)].map(
      ([, name, what]) => [name, what],
    ),
  );
  assert.deepEqual(
    found,
    {
      crashes: "a crash",
      unplaced: "no position",
      outside: "a position outside",
      leaks: "a secret",
      slow: "longer",
      hangs: "a hang",
    },
    output,
  );
  const paths = [...output.matchAll(/^ {2}\d+ bytes in (\S+);/gm)].map(([, path = ""]) => path);
  const inputs = Object.fromEntries(
    paths.map((path) => [path.split("/").at(-1), readFileSync(path, "latin1")]),
  );
  assert.deepEqual([inputs["crashes-a"], inputs["unplaced-a"]], ["!", "!"], "made as small as they can be");
  assert.match(inputs["hangs-a"] ?? "", /!/);
});

test("a wrong flag is told in one line, without a stack", () => {
  for (const args of [["--nonsense"], ["--count", "x"], ["--count", "-1"], ["--seed"]]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [FUZZ, ...args], { encoding: "utf8" });
    assert.deepEqual([status, stdout], [2, ""]);
    assert.match(stderr, /^fuzz: [^\n]*--(nonsense|count|seed)[^\n]*\. Run it with --help\.\n$/);
  }
});
