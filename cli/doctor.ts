import { cpus, release } from "node:os";
import { RECIPES } from "../components/components.ts";
import { installedVersions, PACKAGES } from "../components/debian.ts";
import { findGo } from "../components/go.ts";
import { GO, STEP_CA } from "../components/pin.ts";
import { locate, type Recipe } from "../components/store.ts";
import { findPip } from "../components/wheel.ts";
import { parseArguments } from "./arguments.ts";
import { tryKernel } from "./kernel.ts";

export const help = `usage: phx doctor [--json]

Says what is there, what is missing and what the kernel lacks, and where each pinned program comes from. Changes
nothing, sends nothing. Exit 0: all that a lab needs is there; 3: something is missing.

flags:
  --json    the same as JSON
  --help    this text

example:
  sudo ./phx doctor
`;

/** One thing looked at. Only a `missing` one makes the exit status 3; `note` is worth knowing, `unknown` not looked at. */
export interface Check {
  readonly group: "machine" | "packages" | "components" | "makers" | "kernel";
  readonly name: string;
  readonly state: "present" | "missing" | "unknown" | "note";
  readonly detail: string;
}

export async function run(args: string[]): Promise<number> {
  const options = { json: { type: "boolean" } } as const;
  const { values } = parseArguments("doctor", "--json or nothing", { args, options }, 0);
  const checks = await examine();
  console.log(values.json ? JSON.stringify({ checks }, null, 2) : render(checks));
  return checks.some(({ state }) => state === "missing") ? 3 : 0;
}

/** Everything that is looked at, in the order in which it is told. */
export async function examine(): Promise<Check[]> {
  const [found, ...parts] = await Promise.all([
    packages(),
    Promise.all(RECIPES.map(component)),
    makers(),
    kernel(),
  ]);
  return [machine(), found, ...parts].flat();
}

/** Exported for its test. */
export function render(checks: readonly Check[]): string {
  const lines: string[] = [];
  for (const [index, { group, name, state, detail }] of checks.entries()) {
    if (group !== checks[index - 1]?.group) lines.push(group);
    lines.push(`  ${state.padEnd(7)}  ${name}${detail === "" ? "" : `: ${detail}`}`);
  }
  const missing = checks.filter(({ state }) => state === "missing").map(({ name }) => name);
  const unknown = checks.filter(({ state }) => state === "unknown").length;
  if (unknown > 0) lines.push(`${unknown} could not be looked at`);
  lines.push(
    missing.length === 0
      ? "nothing is missing"
      : `missing: ${missing.join(", ")}; 'phx setup' brings what can be brought`,
  );
  return lines.join("\n");
}

function machine(): Check[] {
  const linux = process.platform === "linux" && process.arch === "x64";
  const root = process.getuid?.() === 0;
  return [
    check(
      "machine",
      "linux x64",
      linux,
      `${process.platform} ${process.arch}, ${release()}, ${cpus().length} cores`,
    ),
    check(
      "machine",
      "root",
      root,
      root ? "" : "network namespaces, firewall rules in them and packages need it",
    ),
    check("machine", "Node >= 24", true, `${process.version} at ${process.execPath}`),
  ];
}

async function packages(): Promise<Check[]> {
  const versions = await installedVersions().catch(() => new Map<string, string>());
  return PACKAGES.map(({ name, reason }) => {
    const version = versions.get(name);
    return check(
      "packages",
      name,
      version !== undefined,
      version === undefined ? reason : `${version}, ${reason}`,
    );
  });
}

async function component(recipe: Recipe): Promise<Check> {
  const name = `${recipe.name} ${recipe.version}`;
  try {
    const found = await locate(recipe);
    if (found === undefined) return check("components", name, false, `would be: ${recipe.source}`);
    return check(
      "components",
      name,
      true,
      `${found.source}; sha256 ${found.sha256}, just checked; ${found.path}`,
    );
  } catch (error) {
    return check("components", name, false, error instanceof Error ? error.message : String(error));
  }
}

/** What makes a missing component. Each has a stand-in that set-up brings, so none is ever `missing`. */
async function makers(): Promise<Check[]> {
  const [go, pip] = await Promise.all([findGo(STEP_CA.minimumGo), findPip()]);
  const pinned = `none; 'phx setup' would use: ${GO.source}`;
  const packaged = "none; 'phx setup' would install python3-pip if a component is missing";
  return [
    maker(`Go >= ${STEP_CA.minimumGo.join(".")}`, go && `${go.version} at ${go.path}`, pinned),
    maker("pip", pip && `${pip} -m pip`, packaged),
  ];
}

function maker(name: string, found: string | undefined, standIn: string): Check {
  return { group: "makers", name, state: found === undefined ? "note" : "present", detail: found ?? standIn };
}

async function kernel(): Promise<Check[]> {
  const features = await tryKernel();
  return features.map(({ name, module, state, detail }) => ({
    group: "kernel",
    name,
    state,
    detail: state === "present" ? "" : `module ${module}: ${detail}`,
  }));
}

function check(group: Check["group"], name: string, present: boolean, detail: string): Check {
  return { group, name, state: present ? "present" : "missing", detail };
}
