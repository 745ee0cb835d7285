import { apply, isUnfinished, type Programs, programsOf, readLive } from "../converge/apply.ts";
import { desired } from "../converge/desired.ts";
import { MARKS, plan } from "../converge/plan.ts";
import type { Plan, Step } from "../converge/resource.ts";
import { createLab, destroyLab, type Lab, recordEstate, standingLabs } from "../lab/lab.ts";
import { holdLab } from "../lab/record.ts";
import type { Estate } from "../policy/estate.ts";
import { readEstate } from "../policy/read.ts";
import { shown } from "../reports/text.ts";
import { tellAside } from "./aside.ts";
import { parseArguments } from "./arguments.ts";
import { labNameOf, REFERENCE_FOLDER, requireLabName } from "./labs.ts";
import { seconds } from "./progress.ts";
import { setup } from "./setup.ts";

export const help = `usage: phx converge [DIR] [--lab NAME]

Makes a lab that is what the files of DIR say, in network namespaces of its own, and leaves it up. Where the lab stands,
only what differs is done; twice in a row the second does nothing. Brings first what is missing, as 'phx setup'. Needs
root. Killed before its end, it leaves nothing.

  DIR           folder with the Phoenix files (default: the reference estate)

flags:
  --lab NAME    name of the lab (default: named as the folder)
  --help        this text

Each step is a line: + create, ~ replace, ^ reload (the server reads its files again and runs on), - remove.

exit status: 0 the lab is what the files say, 2 bad input, 3 harness or environment fault

example:
  sudo ./phx converge my-estate
`;

export async function run(args: string[]): Promise<number> {
  const startedAt = performance.now();
  const config = { args, options: { lab: { type: "string" } } } as const;
  const { values, positionals } = parseArguments("converge", "[DIR] [--lab NAME]", config, 1);
  const folder = positionals[0] ?? REFERENCE_FOLDER;
  const name = values.lab === undefined ? labNameOf(folder) : requireLabName("converge", values.lab);
  const estate = readEstate(folder);
  const programs = programsOf(await setup());
  using _held = await holdLab(name, tellAside);
  const steps = await converge(estate, name, programs);
  const done = steps.length === 0 ? "nothing to do: it is what the files say" : `${steps.length} steps`;
  console.log(`lab ${name}: ${done}, ${seconds(performance.now() - startedAt)}`);
  console.log(`next: ./phx probe ${name}, ./phx destroy ${name}`);
  return 0;
}

/** The lab of that name is what the estate says afterwards, and stands; returns what was done for it. */
async function converge(estate: Estate, name: string, programs: Programs): Promise<Plan> {
  const standing = await wholeLab(name);
  await using owned = standing ? undefined : await createLab(name);
  const lab = standing ?? owned?.lab;
  if (!lab) throw new TypeError("neither a standing lab nor a new one");
  const steps = plan(desired(estate), await readLive(lab));
  if (steps.length > 0) await apply(lab, steps, programs, tell);
  recordEstate(lab, estate.folder);
  owned?.handOver();
  return steps;
}

/** The standing lab of that name, unless a killed converge left it half-done: that one is ended, to be built anew. */
async function wholeLab(name: string): Promise<Lab | undefined> {
  const lab = standingLabs().find((each) => each.name === name);
  if (!lab || !isUnfinished(lab)) return lab;
  tellAside(`lab ${name} was left half-converged by a phx that failed or was killed: it is built anew`);
  await destroyLab(lab);
  return undefined;
}

function tell({ action, resource, why }: Step, durationMs: number): void {
  const reason = action === "create" ? "" : `  ${why}`;
  const line = `${MARKS[action]} ${resource.key.padEnd(44)} ${durationMs.toFixed(0).padStart(5)} ms${reason}`;
  console.log(shown(line, Number.POSITIVE_INFINITY));
}
