import { readFileSync } from "node:fs";
import { HarnessError } from "../errors.ts";

/** A sweep of every pair of the reference estate has 51 files open, and one more for each device where evidence is recorded. */
const FEWEST_FILES = 128;

/** Open files that this process may have, getrlimit(2): Node raises its soft limit to the hard one when it starts. */
const FILE_LIMIT = readFileLimit();

function readFileLimit(): number | undefined {
  try {
    const text = readFileSync("/proc/self/limits", "utf8");
    return Number(/^Max open files +(\d+)/m.exec(text)?.[1] ?? Infinity);
  } catch {
    return undefined; // none is left to read it with
  }
}

/** Throws `descriptor-limit` or `working-folder` where no verb could do its work, before it has begun. */
export function requireSurroundings(): void {
  if (FILE_LIMIT === undefined || FILE_LIMIT < FEWEST_FILES) throw tooFewFiles();
  try {
    process.cwd();
  } catch (cause) {
    const [expected, actual] = ["a folder that is there", "one that was deleted or can't be reached"];
    throw new HarnessError(
      "working-folder",
      { subject: "the working directory", expected, actual },
      { cause },
    );
  }
}

/** The fault behind EMFILE, open(2): `cause` met it. */
export function tooFewFiles(cause?: Error): HarnessError {
  const found = FILE_LIMIT === undefined ? "too few to read the limit" : `a limit of ${FILE_LIMIT}`;
  const detail = {
    subject: "the files that one process may have open",
    expected: `at least ${FEWEST_FILES}, and more for an estate of many guests`,
    actual: cause ? `${found} (${cause.message})` : found,
  };
  return new HarnessError("descriptor-limit", detail, { cause });
}
