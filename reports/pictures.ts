import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { Run } from "../audit/run.ts";

/** Screenshots by the name of their file, in base64. */
export type Pictures = ReadonlyMap<string, string>;

/** Of one picture, and of all of a page: what is beyond stays a link to its file. A page of 960 x 540 has about 10 KB. */
const MOST_BYTES = 300 * 1024;
const MOST_BYTES_IN_ALL = 4 * 1024 * 1024;
/** What can't lead out of the run's folder. */
const NAME = /^[A-Za-z0-9_-][\w.-]*\.png$/;
/** PNG specification, section 5.2. */
const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** The pictures that a run's observations name and its folder holds, in their order, as far as they are small enough. */
export async function readPictures(folder: string, { observations }: Run): Promise<Pictures> {
  const attached = observations.flatMap((seen) => (seen.kind === "packets" ? [] : (seen.attachments ?? [])));
  const pictures = new Map<string, string>();
  let left = MOST_BYTES_IN_ALL;
  for (const name of new Set(attached.filter((each) => NAME.test(each)))) {
    const bytes = await readPicture(join(folder, name), Math.min(left, MOST_BYTES));
    if (!bytes) continue;
    left -= bytes.length;
    pictures.set(name, bytes.toString("base64"));
  }
  return pictures;
}

/** Undefined for what is absent, a link, no PNG, or larger than `most` bytes. */
async function readPicture(path: string, most: number): Promise<Buffer | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  await using file = await open(path, flags).catch(() => undefined);
  const entry = await file?.stat();
  if (!file || !entry?.isFile() || entry.size > most) return undefined;
  const bytes = Buffer.alloc(entry.size);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
  return bytesRead === bytes.length && bytes.subarray(0, SIGNATURE.length).equals(SIGNATURE)
    ? bytes
    : undefined;
}
