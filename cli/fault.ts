import { HarnessError, HarnessErrors } from "../errors.ts";
import { shownMessage } from "../reports/text.ts";
import { tooFewFiles } from "./surroundings.ts";

/** What the file system refuses where a disk is full or not ours to write to. */
const UNWRITABLE = new Set(["ENOSPC", "EDQUOT", "EACCES", "EPERM", "EROFS"]);
/** Of an open file, whose path Node does not tell; a socket's write can't be met by them. */
const FULL = new Set(["ENOSPC", "EDQUOT"]);

/** What was thrown as lines for a person, whatever the input had in it, and the exit status that it means. */
export function describeError(thrown: unknown, debug: boolean): { lines: string[]; exit: number } {
  const error = faultOf(thrown);
  const stack = debug && thrown instanceof Error ? [thrown.stack ?? ""] : [];
  const all = error instanceof HarnessErrors ? error.errors : [error];
  const lines = [...new Set(all.map(({ message }) => message)), ...stack];
  return { lines: lines.map(shownMessage), exit: error.exit };
}

function faultOf(thrown: unknown): HarnessError | HarnessErrors {
  const starved = outOfFiles(thrown);
  if (starved) return tooFewFiles(starved);
  if (thrown instanceof HarnessError || thrown instanceof HarnessErrors) return thrown;
  if (isRefusedWrite(thrown)) {
    const detail = { subject: thrown.path ?? "a file", expected: "to be written", actual: thrown.message };
    return new HarnessError("disk-write", detail, { cause: thrown });
  }
  const actual = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  const remedy = "This is a defect of phx: report it with this line; PHX_DEBUG=1 prints the stack.";
  const detail = { subject: "a defect", expected: "no unforeseen error", actual, remedy };
  return new HarnessError("harness-bug", detail, { cause: thrown });
}

/** The error, or the one behind it, that says that no more files may be opened: what was made of it is misleading. */
function outOfFiles(thrown: unknown): Error | undefined {
  if (!(thrown instanceof Error)) return undefined;
  return "code" in thrown && thrown.code === "EMFILE" ? thrown : outOfFiles(thrown.cause);
}

/** Of the file system only: a program that may not be run has a system call `spawn ...`, a packet that may not be sent has no path. */
function isRefusedWrite(thrown: unknown): thrown is NodeJS.ErrnoException {
  if (!(thrown instanceof Error)) return false;
  const { code = "", path, syscall = "" } = thrown as NodeJS.ErrnoException;
  if (path === undefined) return FULL.has(code) && syscall !== "";
  return UNWRITABLE.has(code) && !syscall.startsWith("spawn");
}
