import { accessSync, constants, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { makeFolder } from "../components/folder.ts";
import { HarnessError } from "../errors.ts";
import type { FlowKey } from "../probes/flow-key.ts";
import { encodePcap } from "../probes/pcap.ts";
import type { Recording } from "../probes/recorder.ts";

/** mkdir(2), path_resolution(7): something else stands there or on the way, or the name can be no folder's. */
const TAKEN = new Set(["EEXIST", "ENOTDIR", "ELOOP", "ENAMETOOLONG"]);

/**
 * Makes the folder now, so that what is wrong with it is told before anything is sent. Throws `usage` where something else
 * has the name or is on the way, `disk-write` where nothing can be written.
 */
export function makeEvidenceFolder(folder: string): string {
  try {
    makeFolder(folder);
  } catch (error) {
    if (!(error instanceof HarnessError) || !TAKEN.has(codeOf(error.cause))) throw error;
    const actual = `another thing at ${error.detail.subject}, or a name that none can have (${codeOf(error.cause)})`;
    const [expected, remedy] = ["a folder, or a name for a new one", "Give a folder."];
    throw new HarnessError(
      "usage",
      { subject: `phx sweep: --evidence ${folder}`, expected, actual, remedy },
      { cause: error },
    );
  }
  // A read-only file system refuses root too.
  accessSync(folder, constants.W_OK | constants.X_OK);
  return folder;
}

/**
 * Writes a file for each device where frames of the flow were seen, `801-to-102-tcp-8000/host-fwpr801p0.pcap`; their paths.
 * A file is there whole or not at all. Throws `disk-write`.
 */
export function writeEvidence(
  folder: string,
  { from, to }: { readonly from: string; readonly to: string },
  key: FlowKey,
  recordings: readonly Recording[],
): string[] {
  const own = makeEvidenceFolder(join(folder, `${from}-to-${to}-${key.replace("/", "-")}`));
  return recordings.map(({ at, frames }) => {
    const path = join(own, `${at.replaceAll(" ", "-")}.pcap`);
    writeWhole(path, encodePcap(frames));
    return path;
  });
}

function writeWhole(path: string, bytes: Uint8Array): void {
  const draft = join(dirname(path), `.${process.pid}.tmp`);
  try {
    writeFileSync(draft, bytes, { flush: true });
    renameSync(draft, path);
  } catch (cause) {
    rmSync(draft, { force: true });
    const actual = cause instanceof Error ? cause.message : String(cause);
    throw new HarnessError("disk-write", { subject: path, expected: "to be written", actual }, { cause });
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
