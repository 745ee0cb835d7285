import { lstatSync, readlinkSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { HarnessError } from "../errors.ts";
import type { FileTree } from "../policy/file-tree.ts";
import { DISK } from "../policy/read-file.ts";

/**
 * The disk below a folder, of which no link is followed, as in a revision: what somebody proposes may hold links to files that
 * are not theirs, and a file's text is told in messages. The folder itself may be a link: the caller has named it.
 */
export function folderTree(folder: string): FileTree {
  const root = DISK.resolve(folder);
  return {
    ...DISK,
    entriesOf(path) {
      const link = linkOnWay(root, path);
      if (link !== undefined) throw linkRefused(path, "a folder", link);
      return DISK.entriesOf(path);
    },
    readRegularFile(path) {
      const link = linkOnWay(root, path);
      if (link !== undefined) throw linkRefused(path, "a regular file", link);
      return DISK.readRegularFile(path);
    },
    whyNoFolder: (path) => linkOnWay(root, path) ?? DISK.whyNoFolder(path),
  };
}

/** The first link on the way from the root to a path at or below it, in words. */
function linkOnWay(root: string, path: string): string | undefined {
  let at = root;
  for (const part of relative(root, path).split(sep)) {
    if (part === "") continue;
    at = join(at, part);
    if (lstatSync(at, { throwIfNoEntry: false })?.isSymbolicLink() !== true) continue;
    return `${at === path ? "a symbolic link" : `the symbolic link ${relative(root, at)}`} to ${readlinkSync(at)}`;
  }
  return undefined;
}

function linkRefused(subject: string, expected: string, actual: string): HarnessError {
  const remedy = "Put what it names in its place: a difference follows no link.";
  return new HarnessError("estate-unreadable", { subject, expected, actual, remedy });
}
