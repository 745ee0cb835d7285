import { parseArgs, type ParseArgsConfig } from "node:util";
import { HarnessError } from "../errors.ts";
import { nearest } from "./nearest.ts";

type Parsed<T extends ParseArgsConfig> = ReturnType<typeof parseArgs<T & { allowPositionals: true }>>;

/** No path is longer, PATH_MAX of limits.h, and no other argument needs to be. */
const LONGEST = 4096;
const SHOWN = 200;

/**
 * A verb's arguments, as node:util's parseArgs reads them, at most `most` of them without a flag; none is empty. Throws
 * `usage` with what the verb takes.
 */
export function parseArguments<const T extends ParseArgsConfig>(
  verb: string,
  expected: string,
  config: T,
  most: number,
): Parsed<T> {
  const long = config.args?.find((each) => each.length > LONGEST);
  if (long !== undefined)
    throw usage(verb, `arguments of at most ${LONGEST} characters`, `one of ${long.length}: ${long}`);
  const parsed = parseOrThrow(verb, expected, config);
  const { values, positionals } = parsed as { values: Record<string, unknown>; positionals: string[] };
  if (positionals.length > most) throw usage(verb, expected, positionals.join(" "));
  if (positionals.includes("")) throw usage(verb, expected, "an empty argument");
  const [empty] = Object.entries(values).filter(([, value]) => value === "");
  if (empty) throw usage(verb, expected, `--${empty[0]} with an empty value`);
  return parsed;
}

function parseOrThrow<T extends ParseArgsConfig>(verb: string, expected: string, config: T): Parsed<T> {
  try {
    return parseArgs({ ...config, strict: true, allowPositionals: true }) as Parsed<T>;
  } catch (cause) {
    throw usage(verb, expected, wordsOf(cause, Object.keys(config.options ?? {})));
  }
}

/** In one line: what parseArgs itself says has up to three, and a quote that it never closes. */
function wordsOf(cause: unknown, known: readonly string[]): string {
  if (!(cause instanceof Error)) return String(cause);
  const flag = /^(?:Unknown option|Option) '(?:-\w, )?(-[^']*?)(?: <value>)?'/.exec(cause.message)?.[1];
  if (flag === undefined) return cause.message.replaceAll(/\s+/g, " ").replace(/\.$/, "");
  if ("code" in cause && cause.code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") {
    const near = nearest(flag.replace(/^-+/, ""), known);
    return `the unknown flag ${flag}${near === undefined ? "" : `, which may be --${near}`}`;
  }
  if (cause.message.includes("does not take")) return `${flag} with a value, and it takes none`;
  return `${flag} without a value (one that begins with a dash is written ${flag}=-...)`;
}

/** Arguments that a verb does not take. */
export function usage(verb: string, expected: string, actual: string): HarnessError {
  const remedy = `Run 'phx ${verb} --help'.`;
  const shortened = actual.length > SHOWN ? `${actual.slice(0, SHOWN)}...` : actual;
  return new HarnessError("usage", { subject: `phx ${verb}`, expected, actual: shortened, remedy });
}
