import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { HarnessError } from "../errors.ts";
import { sha256Of } from "./digest.ts";
import { withLock } from "./lock.ts";

/** A program that ran, or can: which one it is, by its digest, and where it comes from. */
export interface Component {
  readonly name: string;
  readonly version: string;
  readonly path: string;
  readonly sha256: string;
  readonly source: string;
}

/** What stands beside an installed binary in `component.json`. */
export interface BuildRecord {
  readonly sha256: string;
  readonly source: string;
  /** The compiler's own word, e.g. `go1.26.8`, and the digest of what it was given; for what is built here. */
  readonly go?: string;
  readonly inputs?: string;
}

/** How a component is made, and by what digest it is known again. */
export interface Recipe {
  readonly name: "traefik" | "step-ca";
  readonly version: string;
  readonly source: string;
  /** The digest that the binary of this record must have; `undefined`: the record is of another recipe. */
  expected(record: BuildRecord): string | undefined;
  /** Leaves the binary at `folder/name`; what else it leaves in `folder/work` is thrown away. */
  build(folder: string, say: (line: string) => void): Promise<Omit<BuildRecord, "sha256">>;
}

/** `${XDG_CACHE_HOME:-~/.cache}/phx/components`: outside the clone, so that a second clone and CI find them. */
export function storeFolder(): string {
  return join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "phx", "components");
}

/**
 * The installed component, its digest just read from the file, or `undefined` where none is. Throws `component-digest`
 * where one is installed but is not what it should be.
 */
export async function locate(recipe: Recipe): Promise<Component | undefined> {
  for (const folder of folders(recipe)) {
    const record = readRecord(folder);
    const expected = recipe.expected(record);
    if (expected === undefined) continue;
    const path = join(folder, recipe.name);
    requireDigest(folder, expected, existsSync(path) ? await sha256Of(path) : `no file ${recipe.name}`);
    return { name: recipe.name, version: recipe.version, path, sha256: expected, source: record.source };
  }
  return undefined;
}

/**
 * Makes the component in a folder beside its place and renames it, so that what has the name is whole. What a killed
 * install left is deleted first; that nobody else works there is what the lock says.
 */
export async function install(recipe: Recipe, say: (line: string) => void): Promise<Component> {
  requirePlatform();
  try {
    return await withLock(join(storeFolder(), `.${recipe.name}.lock`), say, async () => {
      await sweep(recipe);
      return (await locate(recipe)) ?? (await make(recipe, say));
    });
  } catch (cause) {
    throw isFileSystemError(cause) ? unwritable(cause) : cause;
  }
}

/** Throws `platform-unsupported` where the pins are of no use. */
export function requirePlatform(): void {
  if (process.platform === "linux" && process.arch === "x64") return;
  throw new HarnessError("platform-unsupported", {
    subject: "this machine",
    expected: "linux x64, the only platform whose components are pinned",
    actual: `${process.platform} ${process.arch}`,
  });
}

function isFileSystemError(error: unknown): error is Error {
  return error instanceof Error && "syscall" in error;
}

function unwritable(cause: Error): HarnessError {
  const detail = { subject: storeFolder(), expected: "a folder to install into", actual: cause.message };
  return new HarnessError("disk-write", detail, { cause });
}

async function make(recipe: Recipe, say: (line: string) => void): Promise<Component> {
  const fresh = join(storeFolder(), `.${recipe.name}-${recipe.version}.new`);
  await mkdir(fresh);
  try {
    const built = await recipe.build(fresh, say);
    await rm(join(fresh, "work"), { recursive: true, force: true });
    const record = { ...built, sha256: await sha256Of(join(fresh, recipe.name)) };
    requireDigest(
      `${recipe.name} ${recipe.version}, just made`,
      recipe.expected(record) ?? "a digest",
      record.sha256,
    );
    await writeFile(join(fresh, "component.json"), `${JSON.stringify(record, null, 2)}\n`);
    const folder = join(storeFolder(), `${recipe.name}-${recipe.version}-${record.sha256.slice(0, 16)}`);
    await rm(folder, { recursive: true, force: true }); // of other inputs, or locate had taken it
    await rename(fresh, folder);
    const { sha256, source } = record;
    return { name: recipe.name, version: recipe.version, path: join(folder, recipe.name), sha256, source };
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/** Only under the component's lock: then a folder with the unfinished name has no living maker. */
async function sweep(recipe: Recipe): Promise<void> {
  for (const entry of entries().filter((name) => name.startsWith(`.${recipe.name}-`))) {
    await rm(join(storeFolder(), entry), { recursive: true, force: true });
  }
}

function folders(recipe: Recipe): string[] {
  const prefix = `${recipe.name}-${recipe.version}-`;
  return entries()
    .filter((name) => name.startsWith(prefix))
    .sort()
    .map((name) => join(storeFolder(), name));
}

function entries(): string[] {
  return existsSync(storeFolder()) ? readdirSync(storeFolder()) : [];
}

function readRecord(folder: string): BuildRecord {
  try {
    return JSON.parse(readFileSync(join(folder, "component.json"), "utf8")) as BuildRecord;
  } catch (cause) {
    throw new HarnessError(
      "component-digest",
      { subject: folder, expected: "the record component.json of a finished install", actual: String(cause) },
      { cause },
    );
  }
}

/** Throws `component-digest` unless both are the same. */
export function requireDigest(subject: string, expected: string, actual: string): void {
  if (actual === expected) return;
  throw new HarnessError("component-digest", { subject, expected: `sha256 ${expected}`, actual });
}
