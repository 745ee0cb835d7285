import assert from "node:assert/strict";
import { test } from "node:test";
import type { Check, Finding } from "../audit/finding.ts";
import { exampleRun } from "./example.ts";
import { renderSummary, wantsColour } from "./summary.ts";

test("the summary names the verdict, each control that is not green, its place, the times and the report", () => {
  assert.equal(
    renderSummary(exampleRun("fail"), { report: "reports/out/x/report.html", colour: false }),
    `✗ FAIL: 1 of 23 controls in scope fails, 2 are inconclusive; 23 of 40 covered; sampled: FW-002, SEG-001

✗ FW-002 fail  Every guest drops inbound by default
  Guest 802 let tcp/8000 in from lan, which no rule declares: remove the live rule or declare it.
    lan to 802: 65 undeclared flows
      phoenix_lxc_configs.json:164:9
    sampled: 4,970 of 1,179,630 flows

? SEG-001 inconclusive  Undeclared pairs are blocked
  1 packet is unaccounted for: conntrack's early_drop rose by 1 meanwhile.
    901 to 1002: 65 undeclared flows
      phoenix_vm_configs.json:84:11
    sampled: 4,680 of 9,437,040 flows

? PKI-001 inconclusive  Traefik certs come by ACME TLS-ALPN-01
  Step-CA's log was rotated while it was read, so the challenge could not be told: run it again.
    portainer.internal.thinkheads.ai: the order's validated challenge

note SEG-004  egress open by declaration: no guest limits what it sends

time    9.8 s (packets 4.3 s, services 1.8 s, browser 1.5 s, converge 912 ms, start the lab 148 ms, the rest 1.1 s); 108 observations, 5,850 packets
report  reports/out/x/report.html
`,
  );
});

const declared = { file: "nginx/sites-available/gateway", line: 52, column: 9, pointer: "", snippet: "" };
const check: Check = { title: "a", result: "fail", expected: "x", observed: "y", evidence: [] };

/** The summary of a run with these checks of FW-002, and of SEG-001 one that comes of the same. */
function summaryOf(...checks: readonly Check[]): string {
  const run = exampleRun("fail");
  const findings = run.findings.map((finding): Finding => {
    const [first] = checks;
    if (finding.control !== "FW-002" || !first) return finding;
    return { ...finding, checks: [...checks], summary: `${first.title}: ${first.reason} (and more)` };
  });
  return renderSummary({ ...run, findings }, { report: "r", colour: false });
}

test("what the files get wrong stands first with its place, once, and of all else one line a control", () => {
  const wrong: Check = { ...check, reason: "no verification. Set it.", disagreement: "intent gap", declared };
  const symptom: Check = { ...check, title: "b", reason: "502", disagreement: "converge fault", declared };
  const text = summaryOf(wrong, { ...wrong, title: "c" }, symptom, symptom);
  assert.match(
    text,
    /^✗ FAIL: .*\n\nprobable causes, in the files themselves:\n {2}nginx\/sites-available\/gateway:52:9 {2}FW-002\n {4}no verification\. Set it\. \(and 1 more check\)\n\nwhat the probes saw, in full in the report:\n✗ FW-002 fail {2}Every guest drops inbound by default\n {4}502 \(and 1 more\)\n\? SEG-001 inconclusive .*\n {4}1 packet is unaccounted for.*\n\? PKI-001 .*\n {4}Step-CA's log was rotated/,
  );
  assert.match(summaryOf(wrong), /^✗ FW-002 fail .*\n {4}nothing but what stands above$/m);
});

test("a check's sentence is not repeated as its control's, equal reasons are one, and long ones are cut", () => {
  const checks = ["a", "b", "c", "d", "e"].map((title): Check => {
    return { ...check, title, reason: title === "e" ? `long ${"word ".repeat(200)}` : "nobody answers" };
  });
  assert.match(
    summaryOf(...checks),
    /^✗ FW-002 fail {2}Every guest drops inbound by default\n {4}a \(and 3 more\): nobody answers\n {4}e: long (?:word ){20,39}…\n {4}sampled/m,
  );
});

test("phx's own templates are told by their servers' names, with the controls that were proved for them", () => {
  const run = exampleRun("partial");
  const provedFor = ["phx's own template of Nginx", "phx's own template of Traefik"];
  const findings = run.findings.map((finding) =>
    finding.control.startsWith("EDGE") ? { ...finding, provedFor } : finding,
  );
  const text = renderSummary({ ...run, findings }, { report: "r", colour: false });
  assert.match(text, /^template {2}proved for phx's own templates: Nginx, Traefik \(EDGE-001, /m);
});

test("a control in scope without a finding is said, and so are faults and a changed root namespace", () => {
  const run = exampleRun("partial");
  const text = renderSummary(
    {
      ...run,
      findings: run.findings.filter(({ control }) => control !== "DNS-001"),
      faults: ["lab-gone: the lab ended"],
      isolation: { equal: false, differences: ["link veth7 appeared"] },
    },
    { report: "r", colour: false },
  );
  assert.match(
    text,
    /○ DNS-001 not run {2}External view gives the gateway\n {2}In scope, and the run has no result/,
  );
  assert.match(text, /! fault {2}lab-gone: the lab ended\n! isolation {2}link veth7 appeared/);
});

test("rules that decided no packet are told, where there are any", () => {
  const run = exampleRun("partial");
  const coverage = [1, 2, 3, 4, 5].map((line) => ({
    declared: { file: "a.json", line, column: 9, pointer: "", snippet: "" },
    where: "guest 801",
    text: "IN ACCEPT",
    probes: line === 5 ? 7 : 0,
  }));
  const said = (rules: typeof coverage) =>
    renderSummary({ ...run, coverage: rules }, { report: "r", colour: false });
  assert.match(
    said(coverage),
    /^rules {3}4 of 5 declared rules decided no packet of this run: a\.json:1:9, a\.json:2:9, a\.json:3:9 and 1 more;/m,
  );
  assert.doesNotMatch(said(coverage.slice(4)), /^rules/m);
  const narrowed = coverage.map((rule, index) => (index < 3 ? { ...rule, unasked: true as const } : rule));
  assert.match(
    said(narrowed),
    /^rules {3}1 of 2 declared rules decided no packet of this run: a\.json:4:9;/m,
  );
});

test("the flows that were asked stand beside all that there are, and what could not be told of them", () => {
  const run = { ...exampleRun("partial"), flows: { asked: 4_970, of: 1_179_630 } };
  const said = (observations: typeof run.observations) =>
    renderSummary({ ...run, observations }, { report: "r", colour: false });
  const known = run.observations.map((seen) => ({ ...seen, outcomes: { dropped: ["tcp/1-9"] } }));
  assert.match(said(known as typeof run.observations), /^flows {3}4,970 of 1,179,630 asked, none unknown$/m);
  const classed = renderSummary(
    { ...run, observations: [], classes: { covered: 12, of: 1_204 } },
    { report: "r", colour: false },
  );
  assert.match(classed, /^flows .*, none unknown; packet classes 12 of 1,204$/m);
  const [first, ...others] = known;
  assert.ok(first?.kind === "packets");
  const dark = [{ ...first, outcomes: { unknown: ["tcp/1-9"] } }, ...others] as typeof run.observations;
  assert.match(said(dark), /^flows .*, 9 unknown$/m);
});

test("a hostile string cannot drive the terminal", () => {
  const run = exampleRun("partial");
  const findings = run.findings.map((finding) => ({ ...finding, notes: ["\u001b]0;owned\u0007\u202e"] }));
  const text = renderSummary({ ...run, findings }, { report: "r", colour: false });
  assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u202e]/);
  assert.match(text, /␛\]0;owned␇⟨U\+202E⟩/);
});

test("colour is for a terminal that did not refuse it", () => {
  assert.equal(wantsColour({ isTTY: true }, {}), true);
  assert.equal(wantsColour({}, {}), false);
  assert.equal(wantsColour({ isTTY: true }, { NO_COLOR: "1" }), false);
  assert.equal(wantsColour({ isTTY: true }, { TERM: "dumb" }), false);
  assert.match(renderSummary(exampleRun(), { report: "r", colour: true }), /^\u001b\[31m✗ FAIL/);
});
