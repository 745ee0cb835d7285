import { findRun, readRun, writeHtml } from "../reports/write.ts";
import { parseArguments } from "./arguments.ts";

export const help = `usage: phx report [RUN]

Renders report.html again from a run's run.json, byte for byte the same, and prints its path. What the run found was said by
the run. Runs are kept in reports/out of the project; PHX_OUT names another folder. Needs no root.

  RUN      id of a run, or a folder that holds a run.json (default: the newest run)

flags:
  --help   this text

exit status: 0 the page was written, 2 bad input, 3 harness or environment fault

example:
  phx report 2026-11-23T113000Z-verify-4f2a
`;

/** `phx report`: 0 when the page was written; what the run found was said by the run. */
export async function run(args: string[]): Promise<number> {
  const { positionals } = parseArguments("report", "[RUN]", { args, options: {} }, 1);
  const folder = await findRun(positionals[0]);
  process.stdout.write(`${await writeHtml(folder, await readRun(folder))}\n`);
  return 0;
}
