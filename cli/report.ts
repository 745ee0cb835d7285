import { findRun, readRun, writeHtml } from "../reports/write.ts";
import { parseArguments } from "./arguments.ts";

export const help = `Usage: phx report [RUN]

Renders report.html again from a run's run.json, byte for byte the same, and prints its path.
RUN is a run's id, a folder that holds a run.json, or nothing for the newest run.

Options:
  -h, --help   show this text

Runs are kept in reports/out of the project; PHX_OUT names another folder.

Example:
  phx report 2026-11-23T113000Z-verify-4f2a
`;

/** `phx report`: 0 when the page was written; what the run found was said by the run. */
export async function run(args: string[]): Promise<number> {
  const options = { help: { type: "boolean", short: "h" } } as const;
  const { values, positionals } = parseArguments("report", "[RUN]", { args, options }, 1);
  if (values.help === true) {
    process.stdout.write(help);
    return 0;
  }
  const folder = await findRun(positionals[0]);
  process.stdout.write(`${await writeHtml(folder, await readRun(folder))}\n`);
  return 0;
}
