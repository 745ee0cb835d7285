import type { Check, Finding } from "../audit/finding.ts";
import type { Run } from "../audit/run.ts";
import { countFlows } from "../probes/flow-key.ts";
import { rowLine, rowsAstray, rowsInShort } from "./component-rows.ts";
import { RESULTS, VERDICTS } from "./html/words.ts";
import { type Cause, causesOf, isCause } from "./causes.ts";
import { attention, headline, type Judged, notable, place, templatesIn, why } from "./results.ts";
import { clipped, counted, duration, grouped, shown } from "./text.ts";

export interface SummaryOptions {
  /** Path of report.html, as a person would type it. */
  readonly report: string;
  /** With ANSI colours; `wantsColour` knows. */
  readonly colour: boolean;
}

/** Colour goes to a terminal that did not ask for none (https://no-color.org, TERM=dumb). */
export function wantsColour(
  stream: { isTTY?: boolean },
  environment: NodeJS.ProcessEnv = process.env,
): boolean {
  return stream.isTTY === true && !environment["NO_COLOR"] && environment["TERM"] !== "dumb";
}

const SHOWN_REASONS = 3;
/** Of a text on a terminal, in UTF-16 units: the report has it whole. */
const LONGEST_REASON = 200;
const LONGEST_CAUSE = 400;
const PAINT = { pass: 32, part: 36, fail: 31, unsure: 33, idle: 2, bold: 1, dim: 2 } as const;

/** What a run says on a terminal: the verdict, each control that is not green and why, where the time went. */
export function renderSummary(run: Run, { report, colour }: SummaryOptions): string {
  const paint = (tone: keyof typeof PAINT, text: string) =>
    colour ? `\u001b[${PAINT[tone]}m${text}\u001b[0m` : text;
  const { glyph, tone } = VERDICTS[run.verdict.word];
  const causes = causesOf(run);
  const troubles = attention(run).flatMap((entry) => {
    const mark = RESULTS[entry.result];
    const head = `${paint(mark.tone, `${mark.glyph} ${entry.control.id} ${mark.word}`)}  ${shown(entry.control.title)}`;
    return causes.length > 0 ? [head, ...sign(entry)] : [head, ...reasons(entry), ""];
  });
  const wrong =
    causes.length > 0
      ? [paint("bold", "probable causes, in the files themselves:"), ...causeLines(causes)]
      : [];
  const seen =
    causes.length > 0
      ? [paint("bold", "what the probes saw, in full in the report:"), ...troubles]
      : troubles.slice(0, -1);
  const faults = run.faults.map((fault) => `${paint("fail", "! fault")}  ${shown(fault)}`);
  const isolation = run.isolation.equal
    ? []
    : [`${paint("fail", "! isolation")}  ${run.isolation.differences.map((text) => shown(text)).join("; ")}`];
  const notes = run.findings.flatMap((finding) =>
    (finding.notes ?? []).map((note) => `${paint("dim", `note ${shown(finding.control)}`)}  ${shown(note)}`),
  );
  const proved = templates(run).map((text) => `${paint("dim", "template")}  ${shown(text)}`);
  const astray = rowsAstray(run).map(
    (row) => `${paint("fail", `! ${row.result} ${row.id}`)}  ${rowLine(row)}`,
  );
  const tail = [
    ...rowsInShort(run).map((text) => `${paint("dim", "components")}  ${text}`),
    ...idleRules(run).map((text) => `${paint("dim", "rules")}   ${text}`),
    ...flowsAsked(run).map((text) => `${paint("dim", "flows")}   ${text}`),
    `${paint("dim", "time")}    ${times(run)}`,
    `${paint("dim", "report")}  ${shown(report)}`,
  ];
  const verdict = paint(tone, `${glyph} ${shown(run.verdict.line)}`);
  const blocks = [[verdict], wrong, seen, astray, [...faults, ...isolation], [...notes, ...proved], tail];
  return `${blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

/** What is wrong by itself in the files; a line for each place, then why. */
function causeLines(causes: readonly Cause[]): string[] {
  return causes.flatMap(({ declared, text, controls, more }) => [
    `  ${shown(place(declared))}  ${controls.map((id) => shown(id)).join(", ")}`,
    `    ${clipped(text, LONGEST_CAUSE)}${more > 0 ? ` (and ${counted(more, "more check")})` : ""}`,
  ]);
}

/** In one line: beside a cause only a sign of what followed. */
function sign(entry: Judged): string[] {
  const checks = entry.finding ? notable(entry.finding) : [];
  const [first, ...others] = checks.filter((check) => !isCause(check));
  if (first) return [`    ${clipped(reasonOf(first), LONGEST_REASON)}${more(others.length)}`];
  return checks.length > 0
    ? ["    nothing but what stands above"]
    : [`    ${clipped(why(entry), LONGEST_REASON)}`];
}

/** Its own sentence where no check has it, then the first reasons, each told once for all checks that have it. */
function reasons(entry: Judged): string[] {
  const said = headline(entry);
  const checks = entry.finding ? notable(entry.finding) : [];
  const groups = [...Map.groupBy(checks, reasonOf).values()];
  const listed = groups.slice(0, SHOWN_REASONS).flatMap((group) => groupLines(group, said));
  const left = groups.slice(SHOWN_REASONS).flat().length;
  const rest = left > 0 ? [`    and ${counted(left, "more check")} in the report`] : [];
  return [
    ...(said === undefined ? [] : [`  ${clipped(said, LONGEST_REASON)}`]),
    ...listed,
    ...rest,
    ...sampled(entry.finding),
  ];
}

function groupLines([first, ...others]: readonly Check[], said: string | undefined): string[] {
  if (!first) return [];
  const reason = reasonOf(first);
  const where = first.declared ? place(first.declared) : first.decider;
  return [
    `    ${clipped(first.title, LONGEST_REASON)}${more(others.length)}${reason === said ? "" : `: ${clipped(reason, LONGEST_REASON)}`}`,
    ...(where ? [`      ${clipped(where, LONGEST_REASON)}`] : []),
  ];
}

function reasonOf({ reason, expected, observed }: Check): string {
  return reason ?? `expected ${expected}, observed ${observed}`;
}

function more(others: number): string {
  return others > 0 ? ` (and ${grouped(others)} more)` : "";
}

function sampled(finding: Finding | undefined): string[] {
  return finding?.sampled ? [`    sampled: ${shown(finding.sampled)}`] : [];
}

/** `EDGE-003, EDGE-006: proved for phx's own templates: Nginx, Traefik`, a line for each set of templates. */
function templates({ findings }: Run): string[] {
  const own = findings.flatMap((finding) => {
    const words = templatesIn(finding);
    return words === undefined ? [] : [{ control: finding.control, words }];
  });
  return [...Map.groupBy(own, ({ words }) => words)].map(
    ([words, all]) => `proved for ${words} (${all.map(({ control }) => control).join(", ")})`,
  );
}

const SHOWN_RULES = 3;

/** The declared rules that were asked for and decided no packet; nothing where there is none, or the run does not tell. */
function idleRules({ coverage: all = [] }: Run): string[] {
  const coverage = all.filter(({ unasked }) => !unasked);
  const idle = coverage.filter(({ probes }) => probes === 0);
  const named = idle.slice(0, SHOWN_RULES).map(({ declared }) => shown(place(declared)));
  const more = idle.length > SHOWN_RULES ? ` and ${grouped(idle.length - SHOWN_RULES)} more` : "";
  const said = `${grouped(idle.length)} of ${counted(coverage.length, "declared rule")} decided no packet of this run`;
  return idle.length === 0
    ? []
    : [`${said}: ${named.join(", ")}${more}; the report has a flow or a reason for each`];
}

/** `2,000 of 11,842,740 asked, none unknown; packet classes 1,204 of 1,204`. */
function flowsAsked({ flows, classes, observations }: Run): string[] {
  if (!flows) return [];
  const dark = observations.flatMap((seen) => (seen.kind === "packets" ? (seen.outcomes.unknown ?? []) : []));
  const unknown = dark.length > 0 ? `${grouped(countFlows(dark))} unknown` : "none unknown";
  const told = classes ? `; packet classes ${grouped(classes.covered)} of ${grouped(classes.of)}` : "";
  return [`${grouped(flows.asked)} of ${grouped(flows.of)} asked, ${unknown}${told}`];
}

const SHOWN_STEPS = 5;

/** The longest steps; what is not theirs is the other steps, and the runner's own start and end. */
function times(run: Run): string {
  const total = Date.parse(run.endedAt) - Date.parse(run.startedAt);
  const longest = [...run.timings].sort((a, b) => b.durationMs - a.durationMs).slice(0, SHOWN_STEPS);
  const known = longest.reduce((sum, { durationMs }) => sum + durationMs, 0);
  const steps = longest.map(({ step, durationMs }) => `${shown(step)} ${duration(durationMs)}`);
  const rest = total > known ? [`the rest ${duration(total - known)}`] : [];
  const packets = run.observations.reduce((sum, seen) => sum + (seen.kind === "packets" ? seen.sent : 0), 0);
  return `${duration(total)} (${[...steps, ...rest].join(", ")}); ${counted(run.observations.length, "observation")}, ${grouped(packets)} packets`;
}
