import { readEstate } from "../policy/read.ts";
import { controlOf, CONTROLS } from "../audit/controls.ts";
import { parseArguments, usage } from "./arguments.ts";
import { REFERENCE_FOLDER } from "./labs.ts";
import { runSpecs, selectControls } from "./playwright.ts";
import { setup } from "./setup.ts";

export const help = `usage: phx verify [DIR] [--controls LIST] [--undisturbed] [--components] [--exhaustive] [--keep]

Proves that the network which the files of DIR describe is what they say and what the controls ask for: builds it in a
fresh lab with the real servers, probes it end to end, writes the report, and destroys the lab. Brings first what is
missing, as 'phx setup'. Needs root.

  DIR              folder with the Phoenix files (default: the reference estate)

flags:
  --controls LIST  controls or families, comma separated: EDGE, RTE-002 (default: all)
  --undisturbed    leave out the controls that restart servers or wait for a renewal, each in a lab of its own beside
                   the first: seconds instead of a minute and more
  --components     hold Step-CA, Traefik and BIND themselves to their standards too, row by row, in labs of their own: half
                   a minute; a row that is not as expected, or no longer, is a finding
  --exhaustive     ask every TCP and UDP port, ICMP type and IP protocol of each ordered pair, and every port under each
                   forged source (default: every port of each destination from the internet; elsewhere of each class
                   that the files tell apart both ends and one within)
  --keep           leave the lab standing
  --help           this text

exit status: 0 conformant, 1 a control failed or a component drifts, 2 bad input, 3 harness or environment fault, 4 could not tell

example:
  sudo ./phx verify my-estate --controls EDGE,RTE-002
`;

export async function run(args: string[]): Promise<number> {
  const startedAt = new Date();
  const options = {
    controls: { type: "string" },
    exhaustive: { type: "boolean" },
    undisturbed: { type: "boolean" },
    components: { type: "boolean" },
    keep: { type: "boolean" },
  } as const;
  const synopsis = "[DIR] [--controls LIST] [--undisturbed] [--components] [--exhaustive] [--keep]";
  const { values, positionals } = parseArguments("verify", synopsis, { args, options }, 1);
  const undisturbed = values.undisturbed === true;
  const controls = scopeOf("verify", values.controls, undisturbed);
  const { folder } = readEstate(positionals[0] ?? REFERENCE_FOLDER);
  const since = performance.now();
  await setup();
  return runSpecs({
    mode: "verify",
    command: ["./phx verify", ...args].join(" "),
    estate: folder,
    keep: values.keep === true,
    exhaustive: values.exhaustive === true,
    undisturbed,
    components: values.components === true,
    ...(controls ? { controls } : {}),
    startedAt,
    timings: [{ step: "set up", durationMs: Math.round(performance.now() - since) }],
  });
}

/** Ids in scope; undefined: all. Throws `control-unknown`, and `usage` where nothing is left. */
export function scopeOf(verb: string, list: string | undefined, undisturbed: boolean): string[] | undefined {
  if (list === undefined && !undisturbed) return undefined;
  const wanted = list === undefined ? CONTROLS.map(({ id }) => id) : selectControls(list);
  const left = undisturbed ? wanted.filter((id) => !controlOf(id).disturbs) : wanted;
  if (left.length > 0) return left;
  const expected = "a control that needs no lab of its own beside --undisturbed";
  throw usage(verb, expected, `--controls ${list}`);
}
