import { readFileSync, statSync } from "node:fs";
import { HarnessError } from "../errors.ts";
import { describeCause } from "../policy/read-file.ts";

/** 15,000 cases are 3 MB. */
const LARGEST_BYTES = 256 * 1024 * 1024;
const LF = 0x0a;

/**
 * The lines of a file, numbered from 1, one at a time: the bytes stay outside the heap, and a text is garbage as soon as the
 * next one is asked for. Throws `estate-unreadable`.
 */
export function* linesOf(file: string): Generator<readonly [line: number, text: string]> {
  const bytes = bytesOf(file);
  let line = 1;
  for (let from = 0; from <= bytes.length; line++) {
    const found = bytes.indexOf(LF, from);
    const to = found < 0 ? bytes.length : found;
    yield [line, bytes.toString("utf8", from, to)];
    from = to + 1;
  }
}

function bytesOf(file: string): Buffer {
  let actual: string;
  try {
    const found = statSync(file);
    if (found.isFile() && found.size <= LARGEST_BYTES) return readFileSync(file);
    const kind = found.isDirectory() ? "a directory" : "no regular file";
    actual = found.isFile() ? `${found.size} bytes` : kind;
  } catch (error) {
    actual = describeCause(error);
  }
  throw new HarnessError("estate-unreadable", {
    subject: file,
    expected: "a regular, readable file of at most 256 MiB",
    actual,
    remedy: "Give a file of vectors: 'phx vectors --help' tells its form.",
  });
}
