import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { HarnessError, HarnessErrors } from "../errors.ts";
import type { Estate } from "./estate.ts";
import { FILE_NAMES } from "./files.ts";
import { type FileText, loadEstate } from "./load.ts";
import { describePosition, linesOf, positionAt } from "./position.ts";

/** Real files have a few dozen KiB; this holds 100,000 rules. */
const MOST_BYTES = 32 * 1024 * 1024;
/** A checkout's root is 4 folders above its files. */
const DEEPEST = 8;
const MOST_FOLDERS = 20_000;

/**
 * The estate that a folder declares: the folder with the files itself, a checkout's root, or any folder between.
 * @throws HarnessError or HarnessErrors (exit 2) that tell all faults of all files at once.
 */
export function readEstate(folder: string): Estate {
  const found = findConfigFolder(resolve(folder));
  const errors: HarnessError[] = [];
  const read = (name: string) => readText(found, name, errors);
  const [host, lxc, vm] = [read(FILE_NAMES.host), read(FILE_NAMES.lxc), read(FILE_NAMES.vm)];
  const stacks = entriesOf(found).some((entry) => entry.name === FILE_NAMES.stacks)
    ? read(FILE_NAMES.stacks)
    : undefined;
  if (errors.length > 1) throw new HarnessErrors(errors);
  if (errors[0]) throw errors[0];
  if (!host || !lxc || !vm) throw new TypeError("a file was neither read nor refused");
  return loadEstate(found, { host, lxc, vm, ...(stacks && { stacks }) });
}

/** The one folder at or below the given one that holds the host's file. A folder that holds it ends the search there. */
function findConfigFolder(folder: string): string {
  const candidates = candidatesBelow(folder);
  const [only, second] = candidates;
  if (only !== undefined && second === undefined) return only;
  if (second !== undefined) {
    const actual = `${candidates.length}: ${candidates.join(", ")}`;
    throw new HarnessError("estate-ambiguous", {
      subject: folder,
      expected: "one configuration below it",
      actual,
    });
  }
  const expected = `${FILE_NAMES.host}, ${FILE_NAMES.lxc} and ${FILE_NAMES.vm} in it or below it`;
  throw new HarnessError("estate-missing", { subject: folder, expected, actual: describeFolder(folder) });
}

/** Breadth first, so that the nearest come first; links to folders are not followed, so loops end. */
function candidatesBelow(root: string): string[] {
  const found: string[] = [];
  const queue = [{ folder: root, depth: 0 }];
  for (let next = 0; next < Math.min(queue.length, MOST_FOLDERS); next++) {
    const { folder, depth } = queue[next] ?? { folder: root, depth: DEEPEST };
    const entries = entriesOf(folder);
    if (entries.some((entry) => entry.name === FILE_NAMES.host)) found.push(folder);
    else if (depth < DEEPEST) {
      for (const entry of entries) {
        const skipped = entry.name === "node_modules" || entry.name === ".git";
        if (entry.isDirectory() && !skipped)
          queue.push({ folder: join(folder, entry.name), depth: depth + 1 });
      }
    }
  }
  return found.sort();
}

/** An unreadable folder has no entries: another may hold the files. */
function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function describeFolder(folder: string): string {
  try {
    if (!statSync(folder).isDirectory()) return "a file";
    const names = readdirSync(folder);
    const ours = Object.values(FILE_NAMES).filter((name) => names.includes(name));
    if (ours.length > 0) return `only ${ours.join(", ")}`;
    return names.length === 0 ? "an empty folder" : "none of them";
  } catch (error) {
    return describeCause(error);
  }
}

/** The file's text, or undefined with an error added. */
function readText(folder: string, name: string, errors: HarnessError[]): FileText | undefined {
  const path = join(folder, name);
  try {
    const bytes = readRegularFile(path);
    const text = decode(name, bytes);
    return { name, bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex"), text };
  } catch (error) {
    errors.push(error instanceof HarnessError ? error : unreadable(path, error));
    return undefined;
  }
}

/** Non-blocking, since a pipe of that name would hold the open for ever. */
function readRegularFile(path: string): Buffer {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(descriptor);
    const actual = stat.isDirectory() ? "a directory" : stat.isFile() ? undefined : "no regular file";
    if (actual)
      throw new HarnessError("estate-unreadable", { subject: path, expected: "a regular file", actual });
    if (stat.size <= MOST_BYTES) return readFileSync(descriptor);
    const [most, size] = [MOST_BYTES, stat.size].map((bytes) => `${Math.round(bytes / 2 ** 20)} MiB`);
    const remedy = "Give a Phoenix file: they have a few dozen KiB.";
    const detail = { subject: path, expected: `at most ${most}`, actual: `${size}`, remedy };
    throw new HarnessError("estate-unreadable", detail);
  } finally {
    closeSync(descriptor);
  }
}

/** UTF-8 with or without a byte order mark; the first byte that is none is named by its place. */
function decode(name: string, bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    const before = validPrefix(bytes);
    const position = positionAt(linesOf(name, before), before.length, []);
    throw new HarnessError("json-syntax", {
      subject: describePosition(position),
      expected: "text in UTF-8",
      actual: `the byte 0x${(bytes[Buffer.byteLength(before)] ?? 0).toString(16).padStart(2, "0")}`,
      remedy: "Save the file as UTF-8.",
    });
  }
}

/** The text before the first byte that is no UTF-8: a decoder that replaces puts U+FFFD there. */
function validPrefix(bytes: Buffer): string {
  const text = bytes.toString("utf8");
  for (let index = text.indexOf("\uFFFD"); index >= 0; index = text.indexOf("\uFFFD", index + 1)) {
    const before = text.slice(0, index);
    if (bytes.subarray(Buffer.byteLength(before)).indexOf("\uFFFD") !== 0) return before;
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

function describeCause(error: unknown): string {
  const code = codeOf(error);
  return CAUSES[code] ?? code;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
