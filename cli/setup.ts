import { installPackages } from "../components/apt.ts";
import { locateComponents, RECIPES } from "../components/components.ts";
import { FETCHERS, missingPackages, type Package, PIP } from "../components/debian.ts";
import { type Component, install, locate, type Recipe, requirePlatform } from "../components/store.ts";
import { findPip } from "../components/wheel.ts";
import { HarnessError, HarnessErrors } from "../errors.ts";
import { parseArguments } from "./arguments.ts";
import { type Feature, loadModules, requireRawSockets, tryKernel } from "./kernel.ts";
import { Progress, seconds } from "./progress.ts";

export const help = `usage: phx setup

Brings what a lab needs and is not there yet: Debian's packages (their services are not started), Traefik and Step-CA
(checked by sha256, kept in \${XDG_CACHE_HOME:-~/.cache}/phx). Needs root. Every other verb does the same by itself.

flags:
  --help    this text

example:
  sudo ./phx setup
`;

export async function run(args: string[]): Promise<number> {
  const startedAt = performance.now();
  parseArguments("setup", "no argument", { args, options: {} }, 0);
  for (const { name, version, path, sha256, source } of await setup()) {
    console.log(`${name} ${version}\n  ${path}\n  sha256 ${sha256}\n  ${source}`);
  }
  console.log(`set up after ${seconds(performance.now() - startedAt)}`);
  return 0;
}

/**
 * Makes sure that all a lab needs is there, and returns the components with digests that were just read. Silent, and
 * done in 0.3 s, where nothing is missing. Throws `not-root` and whatever kept something from being installed.
 */
export async function setup(): Promise<Component[]> {
  requirePlatform();
  requireRoot();
  const [packages, located, features] = await Promise.all([
    missingPackages(),
    Promise.all(RECIPES.map(locate)),
    tryKernel(),
  ]);
  const recipes = RECIPES.filter((_, index) => located[index] === undefined);
  const complete = packages.length === 0 && recipes.length === 0;
  if (!complete) await bring(packages, recipes);
  await requireKernel(packages.length === 0 ? features : await tryKernel());
  return complete ? located.filter((component) => component !== undefined) : locateComponents();
}

/** The same for a lab without servers: no component is brought. */
export async function setupNetwork(): Promise<void> {
  requirePlatform();
  requireRoot();
  requireRawSockets();
  const packages = await missingPackages();
  if (packages.length > 0) await bring(packages, []);
  await requireKernel(await tryKernel());
}

/** Throws `not-root`, with what root is needed for. */
export function requireRoot(): void {
  const uid = process.getuid?.();
  if (uid === 0) return;
  throw new HarnessError("not-root", {
    subject: "the user",
    expected: "root, for network namespaces, firewall rules inside them, and packages",
    actual: `uid ${uid}`,
  });
}

/** Packages and components side by side; a component waits for the packages only where these fetch it. */
async function bring(absent: readonly Package[], recipes: readonly Recipe[]): Promise<void> {
  const packages = recipes.length > 0 && (await findPip()) === undefined ? [...absent, PIP] : absent;
  const progress = new Progress("setup", steps(packages, recipes));
  for (const { name, reason } of packages) progress.say(`Debian package ${name} is missing: ${reason}`);
  for (const { name, version, source } of recipes) progress.say(`${name} ${version} is missing: ${source}`);
  const installed =
    packages.length === 0
      ? Promise.resolve()
      : progress.step("Debian packages", (say) => installPackages(packages, say));
  const ready = packages.some(({ name }) => FETCHERS.includes(name)) ? installed : Promise.resolve();
  const made = recipes.map((recipe) =>
    ready.then(() => progress.step(stepOf(recipe), (say) => install(recipe, say))),
  );
  throwAll(await Promise.allSettled([installed, ...made]));
}

function steps(packages: readonly Package[], recipes: readonly Recipe[]): string[] {
  return [...(packages.length === 0 ? [] : ["Debian packages"]), ...recipes.map(stepOf)];
}

function stepOf({ name, version }: Recipe): string {
  return `${name} ${version}`;
}

/** Each step runs to its end before the first fault is told: all of them are told at once. */
function throwAll(settled: readonly PromiseSettledResult<unknown>[]): void {
  const reasons = new Set(
    settled.flatMap((result): unknown[] => (result.status === "rejected" ? [result.reason] : [])),
  );
  const faults = [...reasons].filter((reason) => reason instanceof HarnessError);
  for (const reason of reasons) if (!(reason instanceof HarnessError)) throw reason;
  if (faults.length > 1) throw new HarnessErrors(faults);
  if (faults[0] !== undefined) throw faults[0];
}

async function requireKernel(features: readonly Feature[]): Promise<void> {
  const missing = features.filter(({ state }) => state === "missing");
  if (missing.length === 0) return;
  const loaded = await loadModules(missing);
  if (loaded.length > 0) new Progress("setup", []).say(`loaded kernel modules: ${loaded.join(", ")}`);
  const still =
    loaded.length === 0 ? missing : (await tryKernel()).filter(({ state }) => state === "missing");
  if (still.length === 0) return;
  throw new HarnessError("kernel-lacks", {
    subject: "the kernel",
    expected: "all that a lab uses",
    actual: still.map(({ name, module, detail }) => `no ${name} (module ${module}): ${detail}`).join("; "),
  });
}
