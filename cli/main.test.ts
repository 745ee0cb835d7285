/** What every verb shares: help, version, errors and their exit statuses. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { FAULTS, HarnessError, HarnessErrors } from "../errors.ts";
import { phx } from "../fixtures/phx.ts";
import { describeError } from "./fault.ts";
import { nearest } from "./nearest.ts";

const HELP = (await phx(["--help"])).stdout;
const VERBS = [...HELP.matchAll(/^ {2}([a-z]+) {2,}\S.* {2,}(?:sudo )?phx \1/gm)].map(
  ([, verb = ""]) => verb,
);

test("help lists each verb with an example and each exit status", () => {
  const isVerb = (name: string) => HELP.includes(`  ${name} `);
  assert.ok(["setup", "doctor", "plan", "converge", "destroy", "explain", "report"].every(isVerb), HELP);
  for (const status of [0, 1, 2, 3, 4]) assert.match(HELP, new RegExp(`^  ${status}  \\S`, "m"));
  const files = readdirSync(import.meta.dirname);
  for (const verb of VERBS) assert.ok(files.includes(`${verb}.ts`), verb);
});

test("each verb has help of its own, all of one form, wherever the flag stands", async () => {
  assert.ok(VERBS.length >= 7, HELP);
  for (const verb of VERBS) {
    const { status, stdout, stderr } = await phx([verb, "x", "y", "z", "--help"]);
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(
      stdout,
      new RegExp(
        `^usage: phx ${verb}\\b[^]*\nflags:\n(?: [^]*\n)? {2}--help +this text\n[^]*\nexamples?:\n +(sudo )?(\\./)?phx ${verb}`,
      ),
    );
  }
});

test("the version names the components with the digests that are pinned", async () => {
  const { status, stdout } = await phx(["--version"]);
  assert.equal(status, 0);
  assert.match(stdout, /^phoenix-conformance \d+\.\d+\.\d+\n/);
  assert.match(stdout, /^traefik 3\.7\.15, sha256 34bfdfa88e32$/m);
  assert.match(stdout, /^step-ca 0\.30\.2, sha256 .*263185921d42 built with go1\.26\.8/m);
});

test("an unknown verb: exit 2, the known ones and the nearest", async () => {
  const { status, stdout, stderr } = await phx(["destry"]);
  assert.deepEqual([status, stdout], [2, ""]);
  assert.match(stderr, /^phx: "destry": .*doctor.* Did you mean 'phx destroy'\? .*\[usage\]\n$/);
  assert.equal((await phx(["constructor"])).status, 2);
  assert.equal(nearest("pl", VERBS), "plan");
  assert.equal(nearest("quux", VERBS), undefined);
});

test("an unknown flag and a needless argument: exit 2 and what the verb takes", async () => {
  for (const args of [
    ["plan", "--jsno"],
    ["plan", "a", "b"],
    ["destroy", "a", "--all"],
    ["converge", "--lab", "../x"],
  ]) {
    const { status, stderr } = await phx(args);
    assert.equal(status, 2, stderr);
    assert.match(stderr, /^phx: phx [a-z]+: expected .* \[usage\]\n$/);
  }
});

test("what is wrong with an argument is told in one line, short, with every quote closed", async () => {
  const long = "A".repeat(100_000);
  const cases: [string[], RegExp][] = [
    [
      ["explain", "--port", "-1"],
      /found --port without a value \(one that begins with a dash is written --port=-\.\.\.\)\. Run 'phx explain --help'/,
    ],
    [["vectors", "x", "--sample", "-1"], /found --sample without a value/],
    [["vectors", "x", "--sample"], /found --sample without a value/],
    [["check", "--json=3"], /found --json with a value, and it takes none\. Run/],
    [["check", "--jsno"], /found the unknown flag --jsno, which may be --json\. Run/],
    [["setup", "--quux"], /found the unknown flag --quux\. Run 'phx setup --help'/],
    [["doctor", "--quux"], /found the unknown flag --quux\. Run 'phx doctor --help'/],
    [["report", "--quux"], /found the unknown flag --quux\. Run 'phx report --help'/],
    [["check", long], /expected arguments of at most 4096 characters, found one of 100000: A{100,200}\.\.\./],
    [["check", `--${long}`], /found one of 100002: /],
    [[long], /^phx: "A{80}\.\.\.": expected one of verify/],
    ...["check", "explain", "plan", "converge", "probe", "destroy", "verify", "vectors", "report"].map(
      (verb): [string[], RegExp] => [[verb, ""], /found an empty argument\. Run 'phx/],
    ),
    [["export", "pve", ""], /found an empty argument/],
    [["import", "pve", "x", "--estate", "y", "--out", ""], /found --out with an empty value/],
  ];
  const ended = await Promise.all(cases.map(([args]) => phx(args)));
  for (const [index, { status, stderr }] of ended.entries()) {
    assert.equal(status, 2, stderr.slice(0, 500));
    assert.match(stderr, cases[index]?.[1] ?? /^$/);
    assert.ok(stderr.length < 600 && stderr.trimEnd().split("\n").length === 1, stderr.slice(0, 900));
    assert.equal(stderr.replaceAll(/[^'"]/g, "").length % 2, 0, stderr);
  }
});

test("several faults are told in a line each, the same one once, and bad input goes before a harness fault", () => {
  const detail = { subject: "x", expected: "y", actual: "z" };
  const codes = ["not-root", "usage", "usage"] as const;
  const faults = new HarnessErrors(codes.map((code) => new HarnessError(code, detail)));
  const { lines, exit } = describeError(faults, false);
  assert.deepEqual([lines.length, exit], [2, 2]);
});

test("a disk that is full or not ours is a disk-write fault with the path; other errors are phx's own", () => {
  const full = Object.assign(new Error("no space"), { code: "ENOSPC", syscall: "write", path: "/x/y" });
  assert.match(describeError(full, false).lines[0] ?? "", /^\/x\/y: .*no space.*\[disk-write\]$/);
  const open = Object.assign(new Error("no space"), { code: "ENOSPC", syscall: "write" });
  assert.match(describeError(open, false).lines[0] ?? "", /^a file: .*no space.*\[disk-write\]$/);
  const spawned = Object.assign(new Error("no"), { code: "EACCES", syscall: "spawn ip", path: "ip" });
  assert.match(describeError(spawned, false).lines[0] ?? "", /\[harness-bug\]$/);
  const bug = describeError(new TypeError("oops"), false);
  assert.deepEqual([bug.exit, bug.lines.length], [FAULTS["harness-bug"].exit, 1]);
  assert.match(bug.lines[0] ?? "", /TypeError: oops.*PHX_DEBUG=1/);
  assert.match(describeError(new TypeError("oops"), true).lines[1] ?? "", /main\.test\.ts/);
});

test("no file can be opened any more: descriptor-limit with the limit, whatever was made of it", () => {
  const cause = Object.assign(new Error("spawn ip EMFILE"), { code: "EMFILE", syscall: "spawn ip" });
  const detail = { subject: "lab x", expected: "a namespace host", actual: "none" };
  for (const thrown of [cause, new HarnessError("lab-gone", detail, { cause })]) {
    const { lines, exit } = describeError(thrown, false);
    assert.deepEqual([lines.length, exit], [1, 3]);
    const words =
      /expected at least 128, .* found a limit of \d+ \(spawn ip EMFILE\)\. .*ulimit -n.* \[descriptor-limit\]$/;
    assert.match(lines[0] ?? "", words);
  }
});

function shell(script: string) {
  const cwd = `${import.meta.dirname}/..`;
  const { status, stdout } = spawnSync("bash", ["-o", "pipefail", "-c", script, process.execPath], { cwd });
  return { status, stdout: stdout.toString() };
}

test("a reader that goes away is no crash; a full disk under stdout is told", () => {
  assert.deepEqual(
    shell('{ "$0" cli/main.ts plan --json --full 2>&1 >&3 | cat >&4; } 3> >(exec true) 4>&1'),
    { status: 0, stdout: "" },
  );
  const full = shell('"$0" cli/main.ts plan 2>&1 >/dev/full');
  assert.equal(full.status, 3);
  assert.match(full.stdout, /^phx: stdout: expected to be written, found .*ENOSPC.*\[disk-write\]\n$/);
});

test("a verb that wrote nothing keeps its own exit status, whatever stdout is", () => {
  const { status, stdout } = shell('"$0" cli/main.ts destroy phx-no-such-lab 2>&1 >/dev/full');
  assert.equal(status, FAULTS["lab-missing"].exit);
  assert.match(stdout, /^phx: lab phx-no-such-lab: .*\[lab-missing\]\n$/);
});

test("with a limit of too few open files nothing is begun, and one line says how many are needed", () => {
  for (const limit of [24, 64, 127]) {
    const { status, stdout } = shell(`ulimit -n ${limit}; "$0" cli/main.ts sweep --ports 1 2>&1`);
    assert.equal(status, 3);
    assert.match(
      stdout,
      new RegExp(`^phx: .* at least 128, .* found a limit of ${limit}\\. .*\\[descriptor-limit\\]\n$`),
    );
  }
  assert.equal(shell('ulimit -n 128; "$0" cli/main.ts plan').status, 0);
});

test("a working directory that was deleted is told as such; help needs none", () => {
  const gone = 'main=$PWD/cli/main.ts; gone=$(mktemp -d); cd "$gone"; rmdir "$gone"; "$0" "$main"';
  for (const args of ["plan", "sweep --from lan --to 801", "converge x"]) {
    const { status, stdout } = shell(`${gone} ${args} 2>&1`);
    assert.equal(status, 3, stdout);
    assert.match(stdout, /^phx: the working directory: .* deleted .*cd.* \[working-folder\]\n$/);
  }
  assert.equal(shell(`${gone} sweep --help`).status, 0);
});

test("without root, one prefix before the reason", (context) => {
  if (process.getuid?.() !== 0) return context.skip("already without root");
  const { status, stdout } = shell('setpriv --reuid 65534 --clear-groups "$0" cli/main.ts setup 2>&1');
  assert.equal(status, 3);
  assert.match(stdout, /^phx: the user: expected root, .*\[not-root\]\n$/);
});

test("the programs of /usr/sbin are found where PATH lacks it, as after a plain su", (context) => {
  if (process.getuid?.() !== 0) return context.skip("doctor tries them as root only");
  for (const path of ["PATH=/usr/bin:/bin", "PATH=", "--unset=PATH"]) {
    const { stdout } = shell(`env ${path} "$0" cli/main.ts doctor --json`);
    const { checks } = JSON.parse(stdout) as { checks: { name: string; state: string; detail: string }[] };
    assert.deepEqual(
      checks.filter(({ detail }) => detail.includes("not found")),
      [],
    );
    assert.ok(
      checks.some(({ name, state }) => name === "ip_set hash:net" && state === "present"),
      path,
    );
  }
});
