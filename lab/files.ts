import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { type Lab, outside } from "./lab.ts";

/* Files of the lab, by the paths that its own processes know. */

/** Writes a file with exactly this mode, and the folders above it. */
export function writeLabFile(lab: Lab, path: string, content: string, mode = 0o644): void {
  const place = outside(lab, path);
  makeFolders(lab, path);
  writeFileSync(place, content, { mode });
  chmodSync(place, mode);
}

/** The same in one moment, for what a server watches: nobody reads the half of it. It is written beside the folder, of which each change is looked at. */
export function replaceLabFile(lab: Lab, path: string, content: string): void {
  const staged = `${dirname(path)}.new`;
  makeFolders(lab, path);
  writeLabFile(lab, staged, content);
  renameSync(outside(lab, staged), outside(lab, path));
}

/* One mkdir a segment: Node's recursive one never ends below the /proc of a lab that is gone. */
function makeFolders(lab: Lab, path: string): void {
  const segments = dirname(path).split("/").slice(1);
  for (const [index] of segments.entries()) {
    const folder = outside(lab, `/${segments.slice(0, index + 1).join("/")}`);
    if (!existsSync(folder)) mkdirSync(folder);
  }
}

/** A file's text; undefined where there is none. */
export function readLabFile(lab: Lab, path: string): string | undefined {
  const place = outside(lab, path);
  return existsSync(place) ? readFileSync(place, "utf8") : undefined;
}

/** Copies a file of this machine into the lab, its mode with it. */
export function copyIntoLab(lab: Lab, from: string, to: string): void {
  const place = outside(lab, to);
  makeFolders(lab, to);
  copyFileSync(from, place);
}

export function removeLabFile(lab: Lab, path: string): void {
  rmSync(outside(lab, path), { force: true });
}

export function labFileExists(lab: Lab, path: string): boolean {
  return existsSync(outside(lab, path));
}

/** The first of these paths that is not there, in words. */
export function missingLabFile(lab: Lab, paths: readonly string[]): string | undefined {
  const missing = paths.find((path) => !labFileExists(lab, path));
  return missing && `${missing} is gone`;
}

const TAIL_LINES = 3;

/** A log's last lines, for a message. */
export function lastLines(lab: Lab, path: string): string {
  return readLabFile(lab, path)?.trim().split("\n").slice(-TAIL_LINES).join(" | ") || "nothing";
}
