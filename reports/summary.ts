import type { Check, Finding } from "../audit/finding.ts";
import type { Run } from "../audit/run.ts";
import { countFlows } from "../probes/flow-key.ts";
import { rowLine, rowsAstray, rowsInShort } from "./component-rows.ts";
import { RESULTS, VERDICTS } from "./html/words.ts";
import { attention, notable, place, why, type Judged } from "./results.ts";
import { counted, duration, grouped, shown } from "./text.ts";

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

const SHOWN_CHECKS = 3;
const PAINT = { pass: 32, part: 36, fail: 31, unsure: 33, idle: 2, bold: 1, dim: 2 } as const;

/** What a run says on a terminal: the verdict, each control that is not green and why, where the time went. */
export function renderSummary(run: Run, { report, colour }: SummaryOptions): string {
  const paint = (tone: keyof typeof PAINT, text: string) =>
    colour ? `\u001b[${PAINT[tone]}m${text}\u001b[0m` : text;
  const { glyph, tone } = VERDICTS[run.verdict.word];
  const troubles = attention(run).flatMap((entry) => {
    const mark = RESULTS[entry.result];
    const head = `${mark.glyph} ${entry.control.id} ${mark.word}`;
    return [`${paint(mark.tone, head)}  ${shown(entry.control.title)}`, ...reasons(entry), ""];
  });
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
  const blocks = [
    [verdict],
    troubles.slice(0, -1),
    astray,
    [...faults, ...isolation],
    [...notes, ...proved],
    tail,
  ];
  return `${blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

function reasons(entry: Judged): string[] {
  const checks = entry.finding ? notable(entry.finding) : [];
  const listed = checks.slice(0, SHOWN_CHECKS).flatMap((check) => checkLines(check, why(entry)));
  const more = checks.length - SHOWN_CHECKS;
  const rest = more > 0 ? [`    and ${counted(more, "more check")} in the report`] : [];
  return [`  ${shown(why(entry))}`, ...listed, ...rest, ...sampled(entry.finding)];
}

/** What the control's own sentence says already is not said again. */
function checkLines(check: Check, said: string): string[] {
  const reason = check.reason ?? `expected ${check.expected}, observed ${check.observed}`;
  const where = check.declared ? place(check.declared) : check.decider;
  return [
    `    ${shown(check.title)}${reason === said ? "" : `: ${shown(reason)}`}`,
    ...(where ? [`      ${shown(where)}`] : []),
  ];
}

function sampled(finding: Finding | undefined): string[] {
  return finding?.sampled ? [`    sampled: ${shown(finding.sampled)}`] : [];
}

/** `EDGE-003, EDGE-004: proved for phx's own template of Nginx`, a line for each set of templates. */
function templates({ findings }: Run): string[] {
  const own = findings.flatMap(({ control, provedFor = [] }) => {
    const phxs = provedFor.filter((each) => each.startsWith("phx's own"));
    return phxs.length > 0 ? [{ control, words: phxs.join(" and ") }] : [];
  });
  return [...Map.groupBy(own, ({ words }) => words)].map(
    ([words, all]) => `${all.map(({ control }) => control).join(", ")}: proved for ${words}`,
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
