/** An entry of a folder; a link is none. */
export interface TreeEntry {
  readonly name: string;
  isDirectory(): boolean;
}

/** Where a declaration is read from: the disk (`DISK`), or a revision that is held in memory. Paths are joined with `/`. */
export interface FileTree {
  /** A path as the others take it, and as it is shown. */
  resolve(path: string): string;
  /** None where it is no folder, or can't be read: another may hold the files. */
  entriesOf(folder: string): readonly TreeEntry[];
  /** What a symbolic link names; undefined where there is none. */
  linkTarget(path: string): string | undefined;
  /**
   * A regular file's bytes.
   * @throws HarnessError (`estate-missing`, `estate-unreadable`) for anything else, and for more than `MOST_BYTES`.
   */
  readRegularFile(path: string): Buffer;
  /** Why a path is no folder, in words; undefined where it is one. */
  whyNoFolder(path: string): string | undefined;
}
