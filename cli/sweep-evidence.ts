import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FlowKey } from "../probes/flow-key.ts";
import { encodePcap } from "../probes/pcap.ts";
import type { Recording } from "../probes/recorder.ts";

/** Makes the folder now, so that what is wrong with it is told before anything is sent. */
export function makeEvidenceFolder(folder: string): string {
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Writes a file for each device where frames of the flow were seen, `801-to-102-tcp-8000/host-fwpr801p0.pcap`; their paths. */
export function writeEvidence(
  folder: string,
  { from, to }: { readonly from: string; readonly to: string },
  key: FlowKey,
  recordings: readonly Recording[],
): string[] {
  const own = join(folder, `${from}-to-${to}-${key.replace("/", "-")}`);
  mkdirSync(own, { recursive: true });
  return recordings.map(({ at, frames }) => {
    const path = join(own, `${at.replaceAll(" ", "-")}.pcap`);
    writeFileSync(path, encodePcap(frames));
    return path;
  });
}
