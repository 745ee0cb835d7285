import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import type { FileTree } from "../policy/file-tree.ts";
import { readEstate } from "../policy/read.ts";
import type { Side } from "./diff-sides.ts";

/**
 * A side's declaration as a folder of the disk, with the very bytes that were read of it: the files that a reader asks for, and
 * nothing else of the revision. For root alone; it is gone when disposed of, and with this process.
 */
export function filesOf({ tree, declaration }: Side): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "phx-premerge-"));
  const remove = () => rmSync(path, { recursive: true, force: true });
  process.once("exit", remove);
  readEstate(declaration.folder, copying(tree, declaration.folder, path));
  return {
    path,
    [Symbol.dispose]: () => {
      process.off("exit", remove);
      remove();
    },
  };
}

/** The same tree; what is read of it below a folder is written below another. */
function copying(tree: FileTree, folder: string, target: string): FileTree {
  const placeOf = (path: string) => {
    const place = join(target, posix.relative(folder, path));
    mkdirSync(dirname(place), { recursive: true });
    return place;
  };
  return {
    ...tree,
    readRegularFile(path) {
      const bytes = tree.readRegularFile(path);
      writeFileSync(placeOf(path), bytes, { mode: 0o600 });
      return bytes;
    },
    linkTarget(path) {
      const link = tree.linkTarget(path);
      // Only where the reader takes it: one that leads out of its server's folder is refused by it, and never followed here.
      if (link !== undefined) symlinkSync(link, placeOf(path));
      return link;
    },
  };
}
