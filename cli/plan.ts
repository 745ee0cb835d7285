import { createHash } from "node:crypto";
import { isUnfinished, readLive } from "../converge/apply.ts";
import { desired } from "../converge/desired.ts";
import { printMapping } from "../converge/operator/mapping.ts";
import { mappingOf } from "../converge/operator/operated.ts";
import { plan, printPlan } from "../converge/plan.ts";
import type { Plan, Resource, Step } from "../converge/resource.ts";
import { standingLabs } from "../lab/lab.ts";
import type { Estate } from "../policy/estate.ts";
import { readEstate } from "../policy/read.ts";
import { asciiJson } from "../reports/ascii-json.ts";
import { shownLines } from "../reports/text.ts";
import { parseArguments } from "./arguments.ts";
import { labNameOf, REFERENCE_FOLDER, requireLabName } from "./labs.ts";
import { requireRoot } from "./setup.ts";

export const help = `usage: phx plan [DIR] [--lab NAME] [--json [--full]]

Prints the steps from what the standing lab holds to what the files of DIR say; where no lab of that name stands, all that
converge would make. Changes nothing. Needs root only where a lab stands. Exit 0 whether or not there is something to do.

  DIR           folder with the Phoenix files (default: the reference estate)

flags:
  --lab NAME    the lab to compare with (default: named as the folder)
  --json        the steps as JSON, contents of files and rules as their size and sha256
  --full        with --json: contents in full
  --help        this text

Each step is a line: + create, ~ replace, ^ reload (the server reads its files again and runs on), - remove.

example:
  phx plan my-estate --json
`;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArguments(
    "plan",
    "[DIR] [--lab NAME] [--json [--full]]",
    CONFIG(args),
    1,
  );
  const folder = positionals[0] ?? REFERENCE_FOLDER;
  const name = values.lab === undefined ? labNameOf(folder) : requireLabName("plan", values.lab);
  const estate = readEstate(folder);
  const { standing, steps } = await planFor(estate, name);
  if (values.json) {
    const printed = values.full ? steps : steps.map(abbreviate);
    console.log(
      asciiJson({ lab: name, standing, estate: estate.folder, steps: printed, mapping: mappingOf(estate) }),
    );
  } else {
    const title = `lab ${name} ${standing ? "stands" : "does not stand: all is to be made"}`;
    process.stdout.write(
      shownLines(`${title}\n${printPlan(steps)}${mapped(estate)}`, Number.POSITIVE_INFINITY),
    );
  }
  return 0;
}

/** What of the operator's own files is another thing in the lab. */
function mapped(estate: Estate): string {
  const table = printMapping(mappingOf(estate));
  return table && `\nthe operator's own files, and what is another thing in the lab:\n${table}`;
}

const CONFIG = (args: string[]) =>
  ({
    args,
    options: { lab: { type: "string" }, json: { type: "boolean" }, full: { type: "boolean" } },
  }) as const;

/** A lab that a killed converge left half-done counts as none: converge builds it anew. */
async function planFor(estate: Estate, name: string): Promise<{ standing: boolean; steps: Plan }> {
  const lab = standingLabs().find((each) => each.name === name);
  if (lab) requireRoot();
  const standing = lab !== undefined && !isUnfinished(lab);
  return { standing, steps: plan(desired(estate), standing ? await readLive(lab) : new Map()) };
}

interface Abbreviated {
  readonly bytes: number;
  readonly sha256: string;
}

/** A step whose long texts (a file's content, rules) are told by size and digest. */
function abbreviate({ action, resource, why }: Step): unknown {
  return { action, resource: { ...resource, ...longTexts(resource) }, why };
}

function longTexts(resource: Resource): Record<string, Abbreviated> {
  switch (resource.kind) {
    case "file":
      return { content: digest(resource.content) };
    case "firewall": {
      const { ipset, iptables, ip6tables } = resource;
      return { ipset: digest(ipset), iptables: digest(iptables), ip6tables: digest(ip6tables) };
    }
    case "namespace":
    case "links":
    case "copy":
    case "keys":
    case "edge-certificate":
    case "certificate":
    case "acme-store":
    case "service":
      return {};
  }
}

function digest(text: string): Abbreviated {
  return { bytes: Buffer.byteLength(text), sha256: createHash("sha256").update(text).digest("hex") };
}
