import { parseArgs } from "node:util";
import { HarnessError } from "../errors.ts";
import { findRun, readRun, writeHtml } from "../reports/write.ts";

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
  const { help: asked, reference } = parse(args);
  if (asked) process.stdout.write(help);
  else {
    const folder = await findRun(reference);
    process.stdout.write(`${await writeHtml(folder, await readRun(folder))}\n`);
  }
  return 0;
}

function parse(args: string[]): { help: boolean; reference: string | undefined } {
  const usage = (actual: string, cause?: unknown) =>
    new HarnessError("usage", { subject: "phx report", expected: "[RUN]", actual }, { cause });
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { help: { type: "boolean", short: "h" } },
    });
    if (positionals.length > 1) throw usage(positionals.join(" "));
    return { help: values.help ?? false, reference: positionals[0] };
  } catch (cause) {
    if (cause instanceof HarnessError) throw cause;
    throw usage(cause instanceof Error ? cause.message : String(cause), cause);
  }
}
