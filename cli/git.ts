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

/**
 * A bare repository is one only where GIT_DIR says so: a change may bring a folder that looks like one, and whoever stands in it
 * would be answered by it. Of a name that a branch and a tag share git warns.
 */
const SETTINGS = ["safe.bareRepository=explicit", "core.warnAmbiguousRefs=true"].flatMap((each) => [
  "-c",
  each,
]);

/** More is no declaration's repository. */
const MOST_OUTPUT = 512 * 1024 * 1024;

/**
 * Asks git's plumbing, which runs no hook and touches neither index nor working tree.
 * @throws HarnessError (`git-missing`, `git-failed`, exit 3) where it can't be run, or does not end.
 */
export function git(args: readonly string[], input = ""): GitAnswer {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("GIT_") || KEPT.test(name));
  const { status, stdout, stderr, error } = spawnSync("git", ["--no-pager", ...SETTINGS, ...args], {
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

/**
 * Whether a repository is here at all.
 * @throws HarnessError (`git-missing`, `git-failed`, exit 3): there is one, and git won't read it.
 */
export function isInRepository(): boolean {
  const args = ["rev-parse", "--git-dir"];
  const { status, stderr } = git(args);
  if (status === 0) return true;
  if (/not a git repository \(or any/.test(stderr)) return false;
  throw gitFailed(args, stderr || `status ${status}`);
}

function gitFailed([verb = ""]: readonly string[], actual: string): HarnessError {
  const remedy = remedyOf(actual);
  const detail = { subject: `git ${verb}`, expected: "an answer", actual };
  return new HarnessError("git-failed", { ...detail, ...(remedy !== undefined && { remedy }) });
}

/** What the owner of the machine has to allow, or the caller to name (git-config(1): safe.directory, safe.bareRepository). */
function remedyOf(stderr: string): string | undefined {
  const owned = /dubious ownership in repository at '([^']+)'/.exec(stderr)?.[1];
  if (owned !== undefined)
    return `Trust it, 'git config --global --add safe.directory ${owned}', or run phx as its owner.`;
  if (stderr.includes("promisor remote"))
    return "This clone lacks the files' contents: fetch them first, 'git fetch --refetch --no-filter'.";
  return stderr.includes("cannot use bare repository")
    ? "Name a bare repository that you trust: GIT_DIR=. phx diff ..."
    : undefined;
}
