import { parseArgs, type ParseArgsConfig } from "node:util";
import { HarnessError } from "../errors.ts";

type Parsed<T extends ParseArgsConfig> = ReturnType<typeof parseArgs<T & { allowPositionals: true }>>;

/**
 * A verb's arguments, as node:util's parseArgs reads them, at most `most` of them without a flag. Throws `usage` with
 * what the verb takes.
 */
export function parseArguments<const T extends ParseArgsConfig>(
  verb: string,
  expected: string,
  config: T,
  most: number,
): Parsed<T> {
  const parsed = parseOrThrow(verb, expected, config);
  const { positionals } = parsed as { positionals: string[] };
  if (positionals.length > most) throw usage(verb, expected, positionals.join(" "));
  return parsed;
}

function parseOrThrow<T extends ParseArgsConfig>(verb: string, expected: string, config: T): Parsed<T> {
  try {
    return parseArgs({ ...config, strict: true, allowPositionals: true }) as Parsed<T>;
  } catch (cause) {
    throw usage(verb, expected, cause instanceof Error ? cause.message.replace(/\.$/, "") : String(cause));
  }
}

/** Arguments that a verb does not take. */
export function usage(verb: string, expected: string, actual: string): HarnessError {
  const remedy = `Run 'phx ${verb} --help'.`;
  return new HarnessError("usage", { subject: `phx ${verb}`, expected, actual, remedy });
}
