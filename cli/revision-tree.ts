import { posix } from "node:path";
import { HarnessError } from "../errors.ts";
import type { FileTree, TreeEntry } from "../policy/file-tree.ts";
import { MOST_BYTES, tooLarge } from "../policy/read-file.ts";

/** An object of a revision by its path, as `git ls-tree -r` tells it. */
export interface RevisionEntry {
  /** From the revision's root, `/` between its parts. */
  readonly path: string;
  readonly mode: string;
  readonly oid: string;
  readonly bytes: number;
}

const [LINK, SUBMODULE] = ["120000", "160000"];
const LFS = "version https://git-lfs.github.com/spec/";

/**
 * A revision as a tree of files, read from no disk. Its root is shown as `label:`, a path in it as `label:etc/x`. Links are
 * not followed: what they name may lie outside the revision.
 */
export function revisionTree(
  label: string,
  entries: readonly RevisionEntry[],
  contents: ReadonlyMap<string, Buffer>,
): FileTree {
  const root = `${label}:`;
  const files = new Map(entries.map((entry) => [entry.path, entry]));
  const folders = foldersOf(entries);
  const inside = (path: string) => posix.join("/", path.slice(root.length)).replace(/^\/|\/$/g, "");
  return {
    resolve: (path) => path,
    entriesOf(folder) {
      const known = folders.get(inside(folder));
      const odd = known ? undefined : oddOnWay(files, contents, inside(folder));
      // What is asked for is there and can't be looked into: as if it were not is no answer.
      if (odd !== undefined) throw refused("estate-unreadable", folder, odd, "a folder");
      return known ?? [];
    },
    linkTarget(path) {
      const entry = files.get(inside(path));
      return entry?.mode === LINK ? contents.get(entry.oid)?.toString("utf8") : undefined;
    },
    readRegularFile(path) {
      const entry = files.get(inside(path));
      if (!entry) throw refused("estate-missing", path, whyNoFile(files, folders, inside(path)));
      const odd = oddKind(entry, contents);
      if (odd !== undefined) throw refused("estate-unreadable", path, odd);
      if (entry.bytes > MOST_BYTES) throw tooLarge(path, entry.bytes);
      const bytes = contents.get(entry.oid);
      if (!bytes) throw refused("estate-unreadable", path, "a file that this clone has not fetched");
      if (bytes.subarray(0, LFS.length).toString("latin1") === LFS)
        throw refused(
          "estate-unreadable",
          path,
          "a pointer of Git LFS: the revision does not hold its content",
        );
      return bytes;
    },
    whyNoFolder(path) {
      if (folders.has(inside(path))) return undefined;
      const entry = files.get(inside(path));
      return entry ? (oddKind(entry, contents) ?? "a file") : whyNoFile(files, folders, inside(path));
    },
  };
}

function refused(
  code: "estate-missing" | "estate-unreadable",
  subject: string,
  actual: string,
  expected = "a regular file",
): HarnessError {
  const remedy = "Commit the file itself, or give a folder in place of the revision.";
  return new HarnessError(code, { subject, expected, actual, remedy });
}

function oddKind({ mode, oid }: RevisionEntry, contents: ReadonlyMap<string, Buffer>): string | undefined {
  if (mode === SUBMODULE) return "a submodule: its files are another repository's";
  return mode === LINK
    ? `a symbolic link to ${contents.get(oid)?.toString("utf8") ?? "elsewhere"}`
    : undefined;
}

function whyNoFile(
  files: ReadonlyMap<string, RevisionEntry>,
  folders: ReadonlyMap<string, unknown>,
  path: string,
): string {
  if (folders.has(path)) return "a folder";
  const entry = entryOnWay(files, path);
  const odd = entry && oddWay(entry);
  return odd ?? (entry ? "a path through a file" : "nothing: the revision has no such path");
}

/** A submodule or a link at a path, or on the way to it. */
function oddOnWay(
  files: ReadonlyMap<string, RevisionEntry>,
  contents: ReadonlyMap<string, Buffer>,
  path: string,
): string | undefined {
  const entry = entryOnWay(files, path);
  return entry && (entry.path === path ? oddKind(entry, contents) : oddWay(entry));
}

function oddWay({ mode, path }: RevisionEntry): string | undefined {
  if (mode === SUBMODULE) return `the submodule ${path} on the way`;
  return mode === LINK ? `the symbolic link ${path} on the way` : undefined;
}

/** What is no folder and stands where a path goes through. */
function entryOnWay(files: ReadonlyMap<string, RevisionEntry>, path: string): RevisionEntry | undefined {
  const parts = path.split("/");
  const ways = parts.map((_, index) => parts.slice(0, index + 1).join("/"));
  return ways.map((way) => files.get(way)).find((each) => each !== undefined);
}

/** Each folder's entries, the root's under "". */
function foldersOf(entries: readonly RevisionEntry[]): ReadonlyMap<string, readonly TreeEntry[]> {
  const folders = new Map<string, TreeEntry[]>([["", []]]);
  const folder = (path: string): TreeEntry[] => {
    const known = folders.get(path);
    if (known) return known;
    const made: TreeEntry[] = [];
    folders.set(path, made);
    const { parent, name } = split(path);
    folder(parent).push({ name, isDirectory: () => true });
    return made;
  };
  for (const { path } of entries) {
    const { parent, name } = split(path);
    folder(parent).push({ name, isDirectory: () => false });
  }
  return folders;
}

function split(path: string): { readonly parent: string; readonly name: string } {
  const slash = path.lastIndexOf("/");
  return { parent: slash < 0 ? "" : path.slice(0, slash), name: path.slice(slash + 1) };
}
