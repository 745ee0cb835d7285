import type { Coverage, Unchecked } from "../policy/coverage/coverage.ts";
import type { FlowLines, Otherwise, RuleShare, Verdict } from "../policy/coverage/rule-share.ts";
import { describeDecider } from "../policy/explain.ts";
import { describePosition } from "../policy/position.ts";
import { counted, shown } from "../reports/text.ts";

const LONGEST = 4000;

/** A line a rule as compilers print, below it what it decides and what would be without it; then the counts. */
export function coverageText(coverage: Coverage): string {
  const lines = [
    ...coverage.rules.flatMap(shareLines),
    ...coverage.unchecked.map(uncheckedLine),
    summary(coverage),
  ];
  return `${lines.map((line) => shown(line, LONGEST)).join("\n")}\n`;
}

function shareLines(share: RuleShare): readonly string[] {
  const { position, place, line, use, verdict, level, why, decides, without } = share;
  const at = `${position.file}:${position.line}:${position.column}`;
  const by = use ? `, by "${use.line}" (${describePosition(use.position)})` : "";
  const head = `${at}: ${level === "fine" ? "" : `${level} `}${verdict}: "${line}" of ${place}${by}`;
  return [
    why === undefined ? head : `${head}: ${why}`,
    ...decides.flatMap((each) => flowLines("decides", each)),
    ...(verdict === "dead" || verdict === "redundant" ? [] : without.flatMap(otherwiseLines)),
  ];
}

function flowLines(word: string, { family, lines }: FlowLines): readonly string[] {
  return lines.map((line) => `    ${word} ${family === 6 ? "IPv6: " : ""}${line}`);
}

/** What is all that the rule decides need not be printed twice. */
function otherwiseLines(each: Otherwise): readonly string[] {
  const { would, by, isAll, family } = each;
  const words = `without it ${would}, for example by ${describeDecider(by)}`;
  if (isAll) return [`    ${words}: all of it${family === 6 ? " (IPv6)" : ""}`];
  return [`    ${words}:`, ...flowLines("   ", each)];
}

function uncheckedLine({ position, place, rules, why }: Unchecked): string {
  const { file, line, column } = position;
  return `${file}:${line}:${column}: note unchecked: ${counted(rules, "rule")} of ${place}: ${why}`;
}

const WORDS: Readonly<Record<Verdict, string>> = {
  alone: "decide something alone",
  redundant: "redundant",
  dead: "dead",
  unsent: "unsent",
  stopped: "stopped elsewhere",
};

export function countsOf({
  rules,
  unchecked,
}: Coverage): Readonly<Record<Verdict | "unchecked" | "findings", number>> {
  const of = (verdict: Verdict) => rules.filter((each) => each.verdict === verdict).length;
  return {
    alone: of("alone"),
    redundant: of("redundant"),
    dead: of("dead"),
    unsent: of("unsent"),
    stopped: of("stopped"),
    unchecked: unchecked.reduce((sum, each) => sum + each.rules, 0),
    findings: rules.filter(({ level }) => level === "finding").length,
  };
}

function summary(coverage: Coverage): string {
  const counts = countsOf(coverage);
  const verdicts = Object.entries(WORDS).flatMap(([verdict, words]) => {
    const count = counts[verdict as Verdict];
    return count > 0 ? [`${count} ${words}`] : [];
  });
  const left = counts.unchecked > 0 ? [`${counts.unchecked} not worked out`] : [];
  const total = coverage.rules.length + counts.unchecked;
  return `${counted(total, "rule")}: ${[...verdicts, ...left].join(", ") || "nothing declared"}; ${counted(counts.findings, "finding")}`;
}
