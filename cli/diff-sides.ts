import { statSync } from "node:fs";
import { posix } from "node:path";
import { FAULTS, HarnessError, HarnessErrors } from "../errors.ts";
import type { FileTree } from "../policy/file-tree.ts";
import { type FolderDeclaration, readDeclaration } from "../policy/read.ts";
import { usage } from "./arguments.ts";
import { folderTree } from "./folder-tree.ts";
import { git, isInRepository } from "./git.ts";
import { commitOf, mergeBaseOf, readRevision } from "./revision.ts";

/** One side of a difference, read. */
export interface Side {
  /** As it is shown: `main (1a2b3c4d5e6f):etc`, `my-estate`. */
  readonly title: string;
  readonly tree: FileTree;
  readonly declaration: FolderDeclaration;
  /** Where its files lie from the repository's root, of a named folder from the current one: `etc`; "" there, or elsewhere. */
  readonly below: string;
  /** The full id of a revision's commit. */
  readonly commit?: string;
}

/** Where a side is to be read. */
interface Place {
  readonly title: string;
  readonly tree: FileTree;
  readonly folder: string;
  /** With which the paths begin of all that lies in the repository. */
  readonly root: string;
  readonly commit?: string;
}

export const EXPECTED = "BASE HEAD, BASE..HEAD or BASE [-- PATH]";

/**
 * The two sides that the words before `--` name, and the path behind it: two folders, two revisions, `BASE..HEAD`,
 * `BASE...HEAD` (since they parted), or one revision against the working tree. In a repository a folder is a path that no
 * revision can be: `./etc`, `/srv/etc`.
 * @throws HarnessError (exit 2 or 3)
 */
export function readSides(
  words: readonly string[],
  path: string | undefined,
  nodeName?: string,
): readonly [Side, Side] {
  const [base, head] = placesOf(words, path);
  return [readSide("BASE", base, nodeName), readSide("HEAD", head, nodeName)];
}

function readSide(name: string, place: Place, nodeName: string | undefined): Side {
  const { title, tree, folder, root, commit } = place;
  const declaration = toldOf(`${name} ${title}`, () => readDeclaration(folder, nodeName, tree));
  const below = belowRoot(root, declaration.folder);
  return { title, tree, declaration, below, ...(commit !== undefined && { commit }) };
}

function belowRoot(root: string, folder: string): string {
  const rest = folder.startsWith(root) ? folder.slice(root.length) : "";
  const isWhole = root.endsWith(":") || root.endsWith("/") || rest.startsWith("/");
  return isWhole ? rest.replaceAll(/^\/|\/$/g, "") : "";
}

/** Faults of what is read, each with the side that it is of: both may have files of one name. */
export function toldOf<T>(side: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof HarnessErrors)
      throw new HarnessErrors(error.errors.map((each) => ofSide(side, each)));
    throw error instanceof HarnessError ? ofSide(side, error) : error;
  }
}

function ofSide(side: string, error: HarnessError): HarnessError {
  const { code, detail } = error;
  return new HarnessError(code, { ...detail, subject: `${side}: ${detail.subject}` }, { cause: error });
}

function placesOf(words: readonly string[], path: string | undefined): readonly [Place, Place] {
  const [first, second] = words;
  if (first === undefined) throw usage("diff", EXPECTED, "nothing");
  if (second !== undefined) return [placeOf(first, path), placeOf(second, path)];
  if (isPath(first)) throw usage("diff", EXPECTED, `the folder ${first} alone`);
  const [, from, dots, to] = /^(.*?)(\.{2,3})(.*)$/s.exec(first) ?? [];
  if (from === undefined || to === undefined) return [revisionPlace(first, path), workingPlace(path)];
  const [base, head] = [from || "HEAD", to || "HEAD"];
  return [revisionPlace(dots === "..." ? mergeBaseOf(base, head) : base, path), revisionPlace(head, path)];
}

/**
 * What a word means does not depend on which folders there are: a change may bring one of a branch's name. Where no repository
 * is, there is no revision that it could be.
 */
function placeOf(word: string, path: string | undefined): Place {
  if (isPath(word)) {
    if (path === undefined) return folderPlace(word);
    throw usage("diff", "revisions before -- and the folder behind it", `the folder ${word} before it`);
  }
  if (path !== undefined || !isFolder(word)) return revisionPlace(word, path);
  if (!toldAsFolder(word, isInRepository)) return folderPlace(word);
  if (commitOf(nameOf(word)) !== undefined) return revisionPlace(word, path);
  throw new HarnessError("revision-unknown", {
    subject: `phx diff ${word}`,
    expected: "a revision",
    actual: "a folder of that name alone",
    remedy: `Write ./${word} for the folder.`,
  });
}

/** A word that can be no revision: no name of one begins or ends so (git-check-ref-format(1)). */
function isPath(word: string): boolean {
  return /^(?:\.{1,2}(?:\/|$)|\/)/.test(word) || /^[^:@^]*\/$/.test(word);
}

/** Faults of git, where the word would be a folder without it. */
function toldAsFolder<T>(word: string, ask: () => T): T {
  try {
    return ask();
  } catch (error) {
    if (!(error instanceof HarnessError)) throw error;
    const { code, detail } = error;
    const own = detail.remedy ?? FAULTS[code].remedy;
    const remedy = `${own} For the folder of that name write ./${word}.`;
    throw new HarnessError(code, { ...detail, remedy }, { cause: error });
  }
}

function folderPlace(word: string): Place {
  return { title: word, tree: folderTree(word), folder: word, root: process.cwd() };
}

/** `REV`, with the path behind `--`, or `REV:PATH`, whose path begins at the repository's root. */
function revisionPlace(word: string, path: string | undefined): Place {
  const colon = word.indexOf(":");
  const own = colon > 0 ? word.slice(colon + 1) : undefined;
  const name = nameOf(word);
  const { commit, tree, root } = readRevision(name);
  const below = own === undefined ? fromRoot(path) : inRepository(own, own);
  const id = commit.slice(0, 12);
  const title = commit.startsWith(name) ? id : `${name} (${id})`;
  const shown = below === "" ? title : `${title}:${below}`;
  return { title: shown, tree, folder: `${root}${below}`, root, commit };
}

/** The revision of a word that may have a path too. */
function nameOf(word: string): string {
  const colon = word.indexOf(":");
  return colon > 0 ? word.slice(0, colon) : word;
}

/** The folder of the working tree that lies where the revision's does. */
function workingPlace(path: string | undefined): Place {
  const { status, stdout } = git(["rev-parse", "--show-toplevel"]);
  const top = stdout.toString("utf8").replace(/\n$/, "");
  if (status !== 0 || top === "") {
    const actual = "none: a bare repository";
    const remedy = "Name both sides: phx diff BASE..HEAD.";
    throw new HarnessError("revision-unknown", {
      subject: "phx diff",
      expected: "a working tree",
      actual,
      remedy,
    });
  }
  const below = fromRoot(path);
  const folder = below === "" ? top : posix.join(top, below);
  return {
    title: `the working tree${below === "" ? "" : `:${below}`}`,
    tree: folderTree(top),
    folder,
    root: top,
  };
}

/** A path as it is given, from the current folder, as one from the repository's root; "" is the root. */
function fromRoot(path: string | undefined): string {
  if (path === undefined) return "";
  const prefix = git(["rev-parse", "--show-prefix"]).stdout.toString("utf8").replace(/\n$/, "");
  return inRepository(posix.join(prefix, path), path);
}

function inRepository(joined: string, given: string): string {
  const path = posix.normalize(joined).replace(/\/$/, "");
  if (path === ".") return "";
  const isOutside = given.startsWith("/") || path === ".." || path.startsWith("../");
  if (isOutside) throw usage("diff", "a path inside the repository", given);
  return path;
}

function isFolder(word: string): boolean {
  try {
    return statSync(word).isDirectory();
  } catch {
    return false;
  }
}
