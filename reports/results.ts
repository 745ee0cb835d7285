import type { Check, Declared, Finding, Result } from "../audit/finding.ts";
import type { Run, RunControl } from "../audit/run.ts";

/** A control with what was concluded about it. */
export interface Judged {
  readonly control: RunControl;
  /** Absent for a control that is out of scope. In scope without a finding: `notrun`. */
  readonly result?: Result;
  readonly finding?: Finding;
}

/** Worst first. */
const ORDER: readonly Result[] = ["fail", "error", "inconclusive", "notrun", "notapplicable", "pass"];

/** Every control of the run in the catalogue's order, each with its (worst) finding. */
export function judged(run: Run): Judged[] {
  const findings = new Map<string, Finding>();
  for (const finding of run.findings) {
    const known = findings.get(finding.control);
    if (!known || badness(finding.result) < badness(known.result)) findings.set(finding.control, finding);
  }
  const listed = run.controls.map((control): Judged => {
    const finding = findings.get(control.id);
    findings.delete(control.id);
    if (finding) return { control, finding, result: finding.result };
    return control.scope === "selected" ? { control, result: "notrun" } : { control };
  });
  return [...listed, ...[...findings.values()].map(unlisted)];
}

function unlisted(finding: Finding): Judged {
  const control: RunControl = {
    id: finding.control,
    title: "a finding whose control is not in this run's catalogue",
    severity: "critical",
    requirements: [],
    statement: "",
    scope: "excluded",
  };
  return { control, finding, result: finding.result };
}

function badness(result: Result): number {
  return ORDER.indexOf(result);
}

export function isGreen(result: Result): boolean {
  return result === "pass" || result === "notapplicable";
}

/** What somebody has to look at: everything in scope that is not green, the worst first. */
export function attention(run: Run): (Judged & { readonly result: Result })[] {
  return judged(run)
    .filter((entry) => entry.result !== undefined && !isGreen(entry.result))
    .map((entry) => ({ ...entry, result: entry.result ?? "notrun" }))
    .sort((a, b) => badness(a.result) - badness(b.result));
}

/** A finding's checks that did not come out green, the worst first. */
export function notable(finding: Finding): Check[] {
  return finding.checks
    .filter((check) => !isGreen(check.result))
    .sort((a, b) => badness(a.result) - badness(b.result));
}

/** One sentence: why the control is not green. */
export function why(entry: Judged): string {
  return entry.finding?.summary || "In scope, and the run has no result for it.";
}

/** The same, unless the control's first check says it: a judge's summary is that check's title and reason. */
export function headline(entry: Judged): string | undefined {
  const [first] = entry.finding ? notable(entry.finding) : [];
  return first && why(entry).startsWith(`${first.title}: `) ? undefined : why(entry);
}

const TEMPLATE = "phx's own template of ";

/** `phx's own templates: Nginx, Traefik`, of all that a finding was proved for; undefined where none is phx's. */
export function templatesIn({ provedFor = [] }: Pick<Finding, "provedFor">): string | undefined {
  const own = provedFor
    .filter((each) => each.startsWith(TEMPLATE))
    .map((each) => each.slice(TEMPLATE.length));
  return own.length === 0 ? undefined : `phx's own template${own.length > 1 ? "s" : ""}: ${own.join(", ")}`;
}

/** The operator's own files first, then phx's templates. */
export function provedWords(finding: Finding): string {
  const files = (finding.provedFor ?? []).filter((each) => !each.startsWith(TEMPLATE));
  return [...files, templatesIn(finding) ?? []].flat().join("; ");
}

/** Where to look first. */
export function whereTo(finding: Finding | undefined): Declared | undefined {
  return finding && notable(finding).find((check) => check.declared)?.declared;
}

export function place({ file, line, column }: Declared): string {
  return `${file}:${line}:${column}`;
}
