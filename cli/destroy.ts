import { destroyLab, findLab, type Lab, standingLabs } from "../lab/lab.ts";
import { parseArguments, usage } from "./arguments.ts";
import { requireRoot } from "./setup.ts";

export const help = `usage: phx destroy [NAME] [--all]

Ends a standing lab: its processes, namespaces, links and files are gone when it returns. Needs root. Where no lab stands
and none is named, it says so and exits 0; a name that no lab has is an error (exit 2).

  NAME      the lab (default: the only one that stands); one that a running phx works in ends only by its name

flags:
  --all     every lab that was left standing
  --help    this text

example:
  sudo ./phx destroy my-estate
`;

const EXPECTED = "NAME, --all or nothing";

export async function run(args: string[]): Promise<number> {
  const config = { args, options: { all: { type: "boolean" } } } as const;
  const { values, positionals } = parseArguments("destroy", EXPECTED, config, 1);
  if (values.all && positionals.length > 0)
    throw usage("destroy", EXPECTED, `both ${positionals[0]} and --all`);
  requireRoot();
  const labs = chosen(positionals[0], values.all ?? false);
  if (labs.length === 0) console.log(`no lab was left standing: nothing to destroy${inUse()}`);
  for (const lab of labs) {
    await destroyLab(lab);
    console.log(`destroyed lab ${lab.name}`);
  }
  return 0;
}

function chosen(name: string | undefined, all: boolean): Lab[] {
  const left = standingLabs().filter(({ handedOver }) => handedOver);
  return name === undefined && (all || left.length === 0) ? left : [findLab(name)];
}

function inUse(): string {
  const names = standingLabs().map(({ name }) => name);
  return names.length === 0 ? "" : ` (of a running phx: ${names.join(", ")})`;
}
