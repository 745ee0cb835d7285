import { EXIT } from "../errors.ts";
import { type Coverage, coverageOf } from "../policy/coverage/coverage.ts";
import type { RuleShare } from "../policy/coverage/rule-share.ts";
import { readDeclaration } from "../policy/read.ts";
import { formatIp } from "../policy/space/address-text.ts";
import { asciiJson } from "../reports/ascii-json.ts";
import { parseArguments, usage } from "./arguments.ts";
import { countsOf, coverageText } from "./coverage-text.ts";
import { REFERENCE_FOLDER } from "./labs.ts";

export const help = `usage: phx coverage [DIR] [--json] [--max N] [--node NAME]

Says of each declared rule of the host and the guests, a group's at every place that uses it, which first packets of flows it
decides, and which of those it alone decides: without it they would fare otherwise, and how. A rule that alone decides none is
dead or redundant, with the reason: docs/coverage.md. Sends nothing, needs no lab and no root.

Exit 1 where a rule is at fault: one in force that decides nothing, an ACCEPT that is redundant, or one whose packets another
hop stops for everyone. Rules that are switched off, a DROP or REJECT that is redundant, and rules for packets that nobody
sends but by forging are notes, which never fail. Exit 4 where there is no fault, but some rules could not be worked out.

  DIR          folder with the Phoenix files, or with Proxmox's .fw files (default: the reference estate)

flags:
  --json       the same as JSON, each difference with a packet that shows it
  --max N      lines of one set at most, from 1 to 10000 (default: 8)
  --node NAME  which node of a cluster's /etc/pve
  --help       this text

example:
  phx coverage my-estate
`;

const EXPECTED = "[DIR] [--json] [--max N] [--node NAME]";
const TEXT = { type: "string" } as const;
const OPTIONS = { json: { type: "boolean" }, max: TEXT, node: TEXT } as const;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArguments("coverage", EXPECTED, { args, options: OPTIONS }, 1);
  const max = maxOf(values.max);
  const declaration = readDeclaration(positionals[0] ?? REFERENCE_FOLDER, values.node);
  if (values.node !== undefined && declaration.kind === "phoenix")
    throw usage("coverage", "--node only with Proxmox's files", "Phoenix files");
  const coverage = coverageOf(declaration.node, {
    ...(max === undefined ? {} : { max }),
    ...(declaration.kind === "phoenix" ? { estate: declaration.estate } : {}),
  });
  process.stdout.write(values.json ? `${asciiJson(jsonOf(coverage))}\n` : coverageText(coverage));
  return exitOf(coverage);
}

function maxOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const max = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (max < 1 || max > 10_000) throw usage("coverage", "--max to be a number from 1 to 10000", text);
  return max;
}

function exitOf(coverage: Coverage): number {
  const { findings, unchecked } = countsOf(coverage);
  if (findings > 0) return EXIT.findings;
  return unchecked > 0 ? EXIT.inconclusive : EXIT.conformant;
}

function jsonOf(coverage: Coverage) {
  return { counts: countsOf(coverage), ...coverage, rules: coverage.rules.map(shareJson) };
}

/** Addresses as text: those of IPv6 are no JSON numbers. */
function shareJson({ without, ...share }: RuleShare) {
  return {
    ...share,
    without: without.map(({ witness, ...each }) => {
      const { family, source, dest } = witness;
      const ends = { source: formatIp(source, family), dest: formatIp(dest, family) };
      return { ...each, witness: { ...witness, ...ends } };
    }),
  };
}
