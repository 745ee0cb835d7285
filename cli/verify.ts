import { readEstate } from "../policy/read.ts";
import { parseArguments } from "./arguments.ts";
import { REFERENCE_FOLDER } from "./labs.ts";
import { runSpecs, selectControls } from "./playwright.ts";
import { setup } from "./setup.ts";

export const help = `usage: phx verify [DIR] [--controls LIST] [--exhaustive] [--keep]

Proves that the network which the files of DIR describe is what they say and what the controls ask for: builds it in a
fresh lab with the real servers, probes it end to end, writes the report, and destroys the lab. Brings first what is
missing, as 'phx setup'. Needs root.

  DIR              folder with the Phoenix files (default: the reference estate)

flags:
  --controls LIST  controls or families, comma separated: EDGE, RTE-002 (default: all)
  --exhaustive     ask every TCP and UDP port, ICMP type and IP protocol of each ordered pair, and every port under each
                   forged source (default: every port of each destination from the internet; elsewhere of each class
                   that the files tell apart both ends and one within)
  --keep           leave the lab standing
  --help           this text

exit status: 0 conformant, 1 a control failed, 2 bad input, 3 harness or environment fault, 4 could not tell

example:
  sudo ./phx verify my-estate --controls EDGE,RTE-002
`;

export async function run(args: string[]): Promise<number> {
  const startedAt = new Date();
  const options = {
    controls: { type: "string" },
    exhaustive: { type: "boolean" },
    keep: { type: "boolean" },
  } as const;
  const synopsis = "[DIR] [--controls LIST] [--exhaustive] [--keep]";
  const { values, positionals } = parseArguments("verify", synopsis, { args, options }, 1);
  const controls = values.controls === undefined ? undefined : selectControls(values.controls);
  const { folder } = readEstate(positionals[0] ?? REFERENCE_FOLDER);
  const since = performance.now();
  await setup();
  return runSpecs({
    mode: "verify",
    command: ["./phx verify", ...args].join(" "),
    estate: folder,
    keep: values.keep === true,
    exhaustive: values.exhaustive === true,
    ...(controls ? { controls } : {}),
    startedAt,
    timings: [{ step: "set up", durationMs: Math.round(performance.now() - since) }],
  });
}
