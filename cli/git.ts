import { spawnSync } from "node:child_process";
import { HarnessError } from "../errors.ts";
import { BOUND } from "../lab/waits.ts";

/** What git answered: its exit status, and what it wrote. */
interface GitAnswer {
  readonly status: number;
  readonly stdout: Buffer;
  /** As one line. */
  readonly stderr: string;
}

/** Of git's variables those that say where a repository is and what its owner allows: none that runs or writes. */
const KEPT =
  /^GIT_(?:DIR|COMMON_DIR|WORK_TREE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|CEILING_DIRECTORIES|DISCOVERY_ACROSS_FILESYSTEM|CONFIG_(?:GLOBAL|SYSTEM|NOSYSTEM|COUNT|KEY_\d+|VALUE_\d+|PARAMETERS))$/;

/**
 * Nothing is written (no lock, no trace), nothing asked of a terminal, nothing fetched, and objects are what they are called
 * by: a replacement (git-replace(1)) is not looked up.
 */
const OURS = {
  LC_ALL: "C",
  GIT_OPTIONAL_LOCKS: "0",
  GIT_TERMINAL_PROMPT: "0",
  GIT_NO_LAZY_FETCH: "1",
  GIT_ALLOW_PROTOCOL: "",
  GIT_NO_REPLACE_OBJECTS: "1",
  GIT_TRACE2: "0",
  GIT_TRACE2_EVENT: "0",
  GIT_TRACE2_PERF: "0",
};

/** More is no declaration's repository. */
const MOST_OUTPUT = 512 * 1024 * 1024;

/**
 * Asks git's plumbing, which runs no hook and touches neither index nor working tree.
 * @throws HarnessError (`git-missing`, `git-failed`, exit 3) where it can't be run, or does not end.
 */
export function git(args: readonly string[], input = ""): GitAnswer {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("GIT_") || KEPT.test(name));
  const { status, stdout, stderr, error } = spawnSync("git", ["--no-pager", ...args], {
    env: { ...Object.fromEntries(kept), ...OURS },
    input,
    maxBuffer: MOST_OUTPUT,
    timeout: BOUND.commandMs,
  });
  if (error && "code" in error && error.code === "ENOENT")
    throw new HarnessError("git-missing", { subject: "git", expected: "on PATH", actual: "no such program" });
  if (error || status === null) throw gitFailed(args, error?.message ?? "ended by a signal");
  return {
    status,
    stdout,
    stderr: stderr
      .toString("utf8")
      .trim()
      .split(/\s*\n\s*/)
      .join(" / "),
  };
}

/** The answer of a question that git can't refuse but for a fault. */
export function gitOutput(args: readonly string[], input = ""): Buffer {
  const { status, stdout, stderr } = git(args, input);
  if (status === 0) return stdout;
  throw gitFailed(args, stderr || `status ${status}`);
}

function gitFailed([verb = ""]: readonly string[], actual: string): HarnessError {
  return new HarnessError("git-failed", { subject: `git ${verb}`, expected: "an answer", actual });
}
