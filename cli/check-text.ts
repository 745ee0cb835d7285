import type { SourceFile } from "../policy/estate.ts";
import type { Flow } from "../policy/flow.ts";
import type { LintFinding } from "../policy/lint/finding.ts";
import type { LintReport } from "../policy/lint/lint.ts";
import { comparePositions } from "../policy/position.ts";
import type { Proof, Violation } from "../policy/prove/proof.ts";
import { counted, shown } from "../reports/text.ts";

/** What `phx check` found; of Proxmox's own files there are no proofs, since they say nothing of who is who. */
export interface Checked extends LintReport {
  readonly files: readonly Pick<SourceFile, "name" | "sha256">[];
  readonly proofs?: readonly Proof[];
  /** Which of the servers' own files were read, in words. */
  readonly operator?: string;
}

/** A violation and the control, or the lint, that has it. */
export type Blamed = Violation & { readonly control: string };

/** Of Proxmox's own files. */
export const UNDECIDED =
  "no control is decided: Proxmox's files do not say which guest is the gateway, Traefik or Step-CA, nor what is routed and named";

/** Findings and violations as compilers print, so that an editor finds the place; then each control, then the counts. */
export function checkText(checked: Checked): string {
  const { findings, proofs = [], operator } = checked;
  const violations = proofs.flatMap(({ control, violations: own }) =>
    own.map((each) => ({ control, ...each })),
  );
  const lines = [
    ...findings.map((each) => ({ position: each.position, text: findingText(each) })),
    ...violations.map((each) => ({ position: each.position, text: violationText(each) })),
  ].sort((a, b) => comparePositions(a.position, b.position));
  return `${[...lines.map(({ text }) => text), ...proofs.map(proofText), ...(operator ? [shown(operator, LONGEST)] : []), summary(checked)].join("\n")}\n`;
}

function findingText({ level, lint, position, message, remedy }: LintFinding): string {
  return placed(position, `${level} ${lint}: ${message}`, remedy);
}

function violationText({ control, position, message, remedy, witness, unpatched }: Blamed): string {
  const more = witness ? [`for example ${witnessText(witness)}`] : [];
  const why = unpatched === undefined ? [] : [`no patch: ${unpatched}`];
  return placed(position, `violation ${control}: ${message}`, remedy, ...more, ...why);
}

/** What `--fix-patch` leaves, of a control or a lint. */
export function unpatchedText({ control, position, message, remedy, unpatched }: Blamed): string {
  const kind = /^[A-Z]/.test(control) ? "violation" : "finding";
  const why = unpatched === undefined ? "more than one thing could be meant" : unpatched;
  return `${placed(position, `${kind} ${control}: ${message}`, `no patch: ${why}. ${remedy}`)}\n`;
}

function placed({ file, line, column }: LintFinding["position"], text: string, ...below: string[]): string {
  return [`${file}:${line}:${column}: ${text}`, ...below.map((each) => `    ${each}`)]
    .map((each) => shown(each, LONGEST))
    .join("\n");
}

const LONGEST = 4000;

/** `tcp 203.0.113.10:40000 > 10.0.0.142:6333`. */
export function witnessText({ proto, source, dest, sport, dport, icmpType }: Flow): string {
  const at = (address: string, port: number | undefined) =>
    port === undefined ? address : address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
  const name = typeof proto === "number" ? `protocol ${proto}` : proto;
  const type = icmpType === undefined ? "" : ` type ${icmpType}`;
  return `${name}${type} ${at(source, sport)} > ${at(dest, dport)}`;
}

function proofText({ control, statement, space, undecided, violations, notes }: Proof): string {
  const verdict =
    violations.length > 0 ? `violated (${violations.length})` : undecided ? "undecided" : "proved";
  const over = undecided === undefined ? `Over ${space}.` : `${undecided}.`;
  return [`${verdict} ${control}: ${statement} ${over}`, ...notes.map((note) => `    ${note}`)]
    .map((each) => shown(each, LONGEST))
    .join("\n");
}

function summary(checked: Checked): string {
  const { findings, notes, proved, violated, undecided } = countsOf(checked).counts;
  const lints = `${counted(findings, "finding")}, ${counted(notes, "note")}`;
  if (checked.proofs === undefined) return `${lints}; ${UNDECIDED}`;
  const controls = `${proved} of ${counted(proved + violated + undecided, "control")} that files decide proved`;
  return `${lints}; ${controls}`;
}

export function countsOf({ findings, proofs }: Checked) {
  const ofLevel = (level: LintFinding["level"]) =>
    findings.filter((each) => each.level === level).reduce((sum, { count }) => sum + count, 0);
  const counts = { findings: ofLevel("finding"), notes: ofLevel("note") };
  const all = proofs ?? [];
  const violated = all.filter(({ violations }) => violations.length > 0).length;
  const undecided = all.filter((each) => each.violations.length === 0 && each.undecided !== undefined).length;
  return { counts: { ...counts, proved: all.length - violated - undecided, violated, undecided } };
}
