import { HarnessError } from "../errors.ts";
import { findLab } from "../lab/lab.ts";
import { readEstate } from "../policy/read.ts";
import { parseArguments } from "./arguments.ts";
import { runSpecs, selectControls } from "./playwright.ts";
import { setup } from "./setup.ts";

export const help = `usage: phx probe [LAB] [--controls LIST]

Judges a standing lab by the files that it was converged from, and converges nothing: what differs from them is found.
Controls that disturb are out of its scope: phx verify proves them, each in a lab of its own. Needs root.

  LAB              name of the lab (default: the only one that stands)

flags:
  --controls LIST  controls or families, comma separated: EDGE, RTE-002 (default: all)
  --help           this text

exit status: 0 conformant, 1 a control failed, 2 bad input, 3 harness or environment fault, 4 could not tell

example:
  sudo ./phx probe reference --controls FW
`;

export async function run(args: string[]): Promise<number> {
  const startedAt = new Date();
  const config = { args, options: { controls: { type: "string" } } } as const;
  const { values, positionals } = parseArguments("probe", "[LAB] [--controls LIST]", config, 1);
  const controls = values.controls === undefined ? undefined : selectControls(values.controls);
  const since = performance.now();
  await setup();
  const lab = findLab(positionals[0]);
  if (lab.estate === undefined) {
    const detail = {
      subject: `lab ${lab.name}`,
      expected: "the files it was converged from",
      actual: "none on record",
    };
    throw new HarnessError("lab-missing", detail);
  }
  return runSpecs({
    mode: "probe",
    command: ["./phx probe", ...args].join(" "),
    estate: readEstate(lab.estate).folder,
    lab: lab.name,
    ...(controls ? { controls } : {}),
    startedAt,
    timings: [{ step: "set up", durationMs: Math.round(performance.now() - since) }],
  });
}
