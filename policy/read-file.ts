import { createHash } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  type Stats,
  statSync,
} from "node:fs";
import { resolve } from "node:path";
import { HarnessError } from "../errors.ts";
import type { FileTree } from "./file-tree.ts";

/** Real files have a few dozen KiB; this holds 100,000 rules. */
export const MOST_BYTES = 32 * 1024 * 1024;

/** The file system. Links to regular files are followed, those to folders only where one is named itself. */
export const DISK: FileTree = { resolve, entriesOf, linkTarget, readRegularFile, whyNoFolder };

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function whyNoFolder(path: string): string | undefined {
  try {
    if (!statSync(path).isDirectory()) return "a file";
    readdirSync(path);
    return undefined;
  } catch (error) {
    return describeCause(error);
  }
}

function readRegularFile(path: string): Buffer {
  try {
    return readOpened(path);
  } catch (error) {
    throw error instanceof HarnessError ? error : unreadable(path, error);
  }
}

/** Non-blocking, since a pipe of that name would hold the open for ever. */
function readOpened(path: string): Buffer {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(descriptor);
    const actual = stat.isFile() ? undefined : kindOf(stat);
    if (actual)
      throw new HarnessError("estate-unreadable", { subject: path, expected: "a regular file", actual });
    if (stat.size <= MOST_BYTES) return readFileSync(descriptor);
    throw tooLarge(path, stat.size);
  } finally {
    closeSync(descriptor);
  }
}

/** What is no regular file; a socket can't be opened. */
function kindOf(stat: Stats): string {
  if (stat.isDirectory()) return "a directory";
  if (stat.isFIFO()) return "a named pipe";
  return stat.isCharacterDevice() || stat.isBlockDevice() ? "a device" : "no regular file";
}

export function tooLarge(path: string, bytes: number): HarnessError {
  const [most, actual = ""] = [MOST_BYTES, bytes].map((size) => `${Math.round(size / 2 ** 20)} MiB`);
  const remedy = "Give a declaration's own files: they have a few dozen KiB.";
  return new HarnessError("estate-unreadable", {
    subject: path,
    expected: `at most ${most}`,
    actual,
    remedy,
  });
}

export function sha256Of(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** UTF-8 with or without a byte order mark, which stays; undefined where a byte is none. */
export function decodeStrictly(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The text before the first byte that is no UTF-8: a decoder that replaces puts U+FFFD there. */
export function validPrefix(bytes: Buffer): string {
  const text = bytes.toString("utf8");
  let offset = 0;
  let from = 0;
  for (let index = text.indexOf("\uFFFD"); index >= 0; index = text.indexOf("\uFFFD", from)) {
    offset += Buffer.byteLength(text.slice(from, index));
    if (bytes.subarray(offset, offset + 3).toString("latin1") !== "\u00ef\u00bf\u00bd")
      return text.slice(0, index);
    offset += 3;
    from = index + 1;
  }
  return text;
}

function unreadable(path: string, cause: unknown): HarnessError {
  const code = codeOf(cause) === "ENOENT" ? "estate-missing" : "estate-unreadable";
  const detail = { subject: path, expected: "a regular, readable file", actual: describeCause(cause) };
  return new HarnessError(code, detail, { cause });
}

const CAUSES: Record<string, string> = {
  ENOENT: "nothing",
  EACCES: "no permission to read it",
  ELOOP: "a loop of symbolic links",
  ENOTDIR: "a path through a file",
  ENXIO: "a socket or a device",
};

/** Why the system refused, in words. */
export function describeCause(error: unknown): string {
  const code = codeOf(error);
  return CAUSES[code] ?? code;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
