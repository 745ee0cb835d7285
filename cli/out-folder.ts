import { chmodSync, lstatSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { HarnessError } from "../errors.ts";

/** A file to be written; without `mode` as the umask has it. */
export interface OutFile {
  readonly name: string;
  readonly content: string | Uint8Array;
  readonly mode?: number;
}

/** Where to write, as the person said it. */
export interface OutFolder {
  /** What named it: `phx export pve: --out`. */
  readonly by: string;
  readonly folder: string;
  /** Whether --force was given; absent where the verb takes none. */
  readonly force?: boolean;
}

/**
 * Writes files into a folder that is new or empty: all of them, or, where one can't be written, none, and the folder is as
 * it was. A new folder appears whole. With `force` the folder may hold something, and files of these names are replaced.
 * @throws HarnessError `usage` (exit 2) for a folder that holds something, `disk-write` (exit 3) where it can't be written.
 */
export function writeFolder(asked: OutFolder, files: readonly OutFile[]): void {
  const { folder } = asked;
  const target = resolve(folder);
  const isNew = !isFolder(asked, target);
  const beside = isNew ? join(dirname(target), `.${basename(target)}-`) : join(target, ".phx-");
  let draft: string | undefined;
  const placed: string[] = [];
  const replaced: { readonly kept: string; readonly path: string }[] = [];
  try {
    draft = mkdtempSync(beside);
    for (const { name, content, mode } of files) {
      writeFileSync(join(draft, name), content, { flag: "wx", flush: true });
      if (mode !== undefined) chmodSync(join(draft, name), mode);
    }
    if (isNew) appear(draft, target);
    else
      for (const { name } of files) {
        const kept = setAside(draft, target, name);
        if (kept !== undefined) replaced.push({ kept, path: join(target, name) });
        placed.push(place(draft, target, name));
      }
  } catch (cause) {
    for (const path of placed) rmSync(path, { force: true });
    for (const { kept, path } of replaced) renameSync(kept, path);
    throw refused(folder, cause);
  } finally {
    if (draft !== undefined) rmSync(draft, { recursive: true, force: true });
  }
}

/** `mkdtemp` keeps others out; a folder that somebody asked for is as the umask has it. */
function appear(draft: string, target: string): void {
  chmodSync(draft, 0o777 & ~process.umask());
  renameSync(draft, target);
}

/** What stands there already; a folder of that name is in the way. */
function setAside(draft: string, target: string, name: string): string | undefined {
  const path = join(target, name);
  if (lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
  const kept = join(draft, `${name}.before`);
  renameSync(path, kept);
  return kept;
}

function place(draft: string, target: string, name: string): string {
  const path = join(target, name);
  renameSync(join(draft, name), path);
  return path;
}

/** False where there is nothing yet; one that holds something is refused unless it is forced. */
function isFolder(asked: OutFolder, target: string): boolean {
  let names: readonly string[];
  try {
    names = readdirSync(target);
  } catch (cause) {
    if (codeOf(cause) === "ELOOP") throw taken(asked, "a loop of symbolic links");
    if (codeOf(cause) === "ENOENT") return requireParent(asked, target);
    if (codeOf(cause) === "ENOTDIR") throw taken(asked, "a file there or on the way");
    throw refused(asked.folder, cause);
  }
  const [first, ...others] = names;
  if (first !== undefined && asked.force !== true)
    throw taken(asked, `one that holds ${[first, ...others.slice(0, 2)].join(", ")}`);
  return true;
}

/** A link that names nothing is in the way too. */
function requireParent(asked: OutFolder, target: string): false {
  if (lstatSync(target, { throwIfNoEntry: false })?.isSymbolicLink() === true)
    throw taken(asked, "a symbolic link to nothing");
  try {
    readdirSync(dirname(target));
  } catch (cause) {
    if (codeOf(cause) === "ENOENT" || codeOf(cause) === "ENOTDIR") throw noParent(asked);
  }
  return false;
}

function taken({ by, folder, force }: OutFolder, actual: string): HarnessError {
  const overwrites =
    force === undefined ? "nothing is overwritten" : "with --force files of the same names are replaced";
  return new HarnessError("usage", {
    subject: `${by} ${folder}`,
    expected: "a new or an empty folder",
    actual,
    remedy: `Give a new or an empty folder: ${overwrites}.`,
  });
}

function noParent({ by, folder }: OutFolder): HarnessError {
  const parent = dirname(folder);
  return new HarnessError("usage", {
    subject: `${by} ${folder}`,
    expected: "a folder to make it in",
    actual: `no ${parent}`,
    remedy: `Make that first: mkdir -p ${parent}`,
  });
}

function refused(folder: string, cause: unknown): HarnessError {
  if (!(cause instanceof Error) || codeOf(cause) === "") throw cause;
  const detail = { subject: folder, expected: "to be written", actual: cause.message };
  return new HarnessError("disk-write", detail, { cause });
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
