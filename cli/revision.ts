import { posix } from "node:path";
import { HarnessError } from "../errors.ts";
import { CONFORMANCE_FILE } from "../policy/approval.ts";
import { FILE_NAMES } from "../policy/files.ts";
import type { FileTree } from "../policy/file-tree.ts";
import { MOST_BYTES } from "../policy/read-file.ts";
import { git, gitOutput, isInRepository } from "./git.ts";
import { type RevisionEntry, revisionTree } from "./revision-tree.ts";

/** A revision, read whole without a checkout. */
export interface Revision {
  /** As it was asked for. */
  readonly name: string;
  /** The commit's full id. */
  readonly commit: string;
  readonly tree: FileTree;
  /** Its root, a folder of `tree`. */
  readonly root: string;
}

/**
 * The commit that a revision names (gitrevisions(7)); undefined where there is none, or no repository.
 * @throws HarnessError `revision-unknown` (exit 2) for a name of two: a tag comes with whatever is fetched, and would be taken
 * for the branch.
 */
export function commitOf(revision: string): string | undefined {
  // A word that begins so is a flag to git, and none that has control characters is a name.
  if (revision.startsWith("-") || revision === "" || /\p{Cc}/u.test(revision)) return undefined;
  const { status, stdout, stderr } = git([
    "rev-parse",
    "--verify",
    "--end-of-options",
    `${revision}^{commit}`,
  ]);
  if (/refname .* is ambiguous/.test(stderr))
    throw new HarnessError("revision-unknown", {
      subject: `revision ${revision}`,
      expected: "one commit",
      actual: "more than one of that name",
      remedy: "Name it in full: heads/NAME for the branch, tags/NAME for the tag.",
    });
  const commit = stdout.toString("latin1").trim();
  return status === 0 && /^[0-9a-f]{40,64}$/.test(commit) ? commit : undefined;
}

/** The commit at which the second branched off the first, as `git diff A...B` has it. */
export function mergeBaseOf(base: string, head: string): string {
  const { status, stdout } = git(["merge-base", commitOrThrow(base), commitOrThrow(head)]);
  if (status === 0) return stdout.toString("latin1").trim();
  throw unknown(`${base}...${head}`, "a commit that both come from", "none");
}

/**
 * What a revision holds, as far as it can be a declaration's.
 * @throws HarnessError `revision-unknown` (exit 2), `git-missing`, `git-failed` (exit 3)
 */
export function readRevision(name: string): Revision {
  const commit = commitOrThrow(name);
  const label = labelOf(name, commit);
  const listed = gitOutput(["ls-tree", "-r", "-z", "--long", "--full-tree", commit]).toString("utf8");
  const entries = listed.split("\0").filter(Boolean).map(entryOf);
  refuseOdd(label, entries);
  return { name, commit, tree: revisionTree(label, entries, contentsOf(entries)), root: `${label}:` };
}

function commitOrThrow(revision: string): string {
  const commit = commitOf(revision);
  if (commit !== undefined) return commit;
  const actual = isInRepository() ? "none of that name" : "no repository here";
  throw unknown(`revision ${revision}`, "a commit", actual);
}

function unknown(subject: string, expected: string, actual: string): HarnessError {
  return new HarnessError("revision-unknown", { subject, expected, actual });
}

/** A name that is a path's part too stays: `main`, `v1.2`, `HEAD~3`. */
function labelOf(name: string, commit: string): string {
  return posix.join(`${name}:`, "x") === `${name}:/x` && !/[\s:]/.test(name) ? name : commit.slice(0, 12);
}

function entryOf(line: string): RevisionEntry {
  const tab = line.indexOf("\t");
  const [mode = "", , oid = "", bytes = ""] = line.slice(0, tab).split(/ +/);
  return { mode, oid, bytes: Number.isNaN(Number(bytes)) ? 0 : Number(bytes), path: line.slice(tab + 1) };
}

/** Trees that git itself would not check out. */
function refuseOdd(label: string, entries: readonly RevisionEntry[]): void {
  const seen = new Set<string>();
  for (const { path } of entries) {
    const isOdd = path.split("/").some((part) => part === "" || part === "." || part === "..");
    if (isOdd || seen.has(path)) {
      const actual = `${path}${isOdd ? "" : " twice"}`;
      const remedy = "Look at it with 'git fsck'.";
      throw new HarnessError("estate-unreadable", {
        subject: label,
        expected: "paths of files",
        actual,
        remedy,
      });
    }
    seen.add(path);
  }
}

const PROXMOX = /^(?:(?:cluster|host|[1-9]\d{2,8})\.fw|[1-9]\d{2,8}\.conf)$/;
const NAMES = new Set<string>([
  ...Object.values(FILE_NAMES),
  CONFORMANCE_FILE,
  "interfaces",
  "corosync.conf",
]);
/** The servers' own files that a checkout may carry beside its estate; keys and certificates are none that is read. */
const OPERATORS = /(?:^|\/)(?:(?:nginx|traefik|step[-_]ca)\/.*(?<!\.(?:crt|pem|key|cer|p12))|ca\.json)$/;
/** Together as much as some estates may have. */
const MOST_CONTENTS = 8 * MOST_BYTES;

/** Whether a reader may ask for the file's content: no other is taken from the repository. */
function isRead({ path, mode, bytes }: RevisionEntry): boolean {
  const name = posix.basename(path);
  if (mode === "120000") return bytes <= 4096;
  const isOurs = NAMES.has(name) || PROXMOX.test(name) || OPERATORS.test(path);
  return mode.startsWith("100") && bytes <= MOST_BYTES && isOurs;
}

/** By their ids, all in one question. */
function contentsOf(entries: readonly RevisionEntry[]): ReadonlyMap<string, Buffer> {
  const wanted = new Map(entries.filter(isRead).map(({ oid, bytes }) => [oid, bytes]));
  const total = [...wanted.values()].reduce((sum, bytes) => sum + bytes, 0);
  if (total > MOST_CONTENTS) {
    const actual = `${Math.round(total / 2 ** 20)} MiB of them`;
    const expected = `files of at most ${MOST_CONTENTS / 2 ** 20} MiB`;
    throw new HarnessError("estate-unreadable", { subject: "the revision", expected, actual });
  }
  if (wanted.size === 0) return new Map();
  return parseBatch(gitOutput(["cat-file", "--batch"], `${[...wanted.keys()].join("\n")}\n`));
}

/** `<oid> blob <bytes>\n<content>\n` each; what is not there is `<oid> missing`. */
function parseBatch(output: Buffer): ReadonlyMap<string, Buffer> {
  const contents = new Map<string, Buffer>();
  for (let at = 0; at < output.length; ) {
    const end = output.indexOf("\n", at);
    const [oid = "", kind, size] = output.subarray(at, end).toString("latin1").split(" ");
    at = end + 1;
    if (kind !== "blob") continue;
    contents.set(oid, output.subarray(at, at + Number(size)));
    at += Number(size) + 1;
  }
  return contents;
}
