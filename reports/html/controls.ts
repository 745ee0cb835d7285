import type { Check, Finding, Result, Suspect } from "../../audit/finding.ts";
import type { Run } from "../../audit/run.ts";
import type { FlowTrace, Observation } from "../../probes/observation.ts";
import { headline, isGreen, judged, notable, place, provedWords, type Judged } from "../results.ts";
import { counted, duration, grouped } from "../text.ts";
import { fileLinks, inShort } from "./evidence.ts";
import { html, long, type Html, type Part } from "./html.ts";
import { evidenceLinks, type Links } from "./links.ts";
import { familyName, familyOf, RESULTS, type Mark } from "./words.ts";

/** Longer lists of checks fold: the notable ones first, all of them inside one more drawer. */
const UNFOLDED = 4;
const UNFOLDED_NOTABLE = 25;
const EVIDENCE_IN_SHORT = 5;
const LONGEST = 3000;

const NOT_COVERED: Mark = { glyph: "·", word: "not covered", tone: "idle" };

/** Every control of the catalogue, a drawer each, by family. */
export function controls(run: Run, links: Links): Html {
  const observations = new Map(run.observations.map((observation) => [observation.id, observation]));
  const context: Context = { links, observations };
  const families = Map.groupBy(judged(run), ({ control }) => familyOf(control.id));
  const groups = [...families].map(
    ([family, entries]) =>
      html`<div class="family-group"><h3><span class="mono">${family}</span> ${familyName(family)}</h3>${entries.map((entry) => drawer(entry, context))}</div>`,
  );
  return html`<section aria-labelledby="controls"><h2 id="controls">Controls</h2>
<div id="tools" class="tools" hidden>
<div role="group" aria-label="Show"><button type="button" data-show="all" aria-pressed="true">All</button><button type="button" data-show="attention" aria-pressed="false">Needs attention</button><button type="button" data-show="passed" aria-pressed="false">Passed</button></div>
<label>Search <input type="search" id="search" placeholder="control, guest, port, file …" autocomplete="off"></label>
<button type="button" id="unfold" aria-pressed="false">Open all</button>
<output id="shown" for="search"></output>
</div>
${groups}</section>`;
}

interface Context {
  readonly links: Links;
  readonly observations: ReadonlyMap<string, Observation>;
}

function drawer(entry: Judged, context: Context): Html {
  const { control, finding, result } = entry;
  const mark = result ? RESULTS[result] : NOT_COVERED;
  const said = headline(entry);
  const shelf = result === undefined ? "uncovered" : isGreen(result) ? "passed" : "attention";
  return html`<details class="control is-${mark.tone}" id="${context.links.control(control.id)}" data-shelf="${shelf}" data-search>
<summary><span class="glyph ${mark.tone}" aria-hidden="true">${mark.glyph}</span> <span class="mono id">${control.id}</span> <span class="what">${control.title}</span> <span class="badges">${finding?.sampled !== undefined && html`<span class="badge">sampled</span>`}<span class="badge ${control.severity === "critical" && "strong"}">${control.severity}</span><b class="word ${mark.tone}">${mark.word}</b></span></summary>
<div class="body">
${result && said !== undefined && html`<p class="reason ${mark.tone !== "pass" && mark.tone}">${long(said, LONGEST)}</p>`}
${result === undefined && html`<p class="reason">${control.scope === "uncovered" ? "Not covered: this version has no probe for it." : "Excluded from this run by the request."} ${control.scopeReason ?? ""}</p>`}
<dl class="pairs">
${row("Statement", long(control.statement, LONGEST))}
${row("Severity, requirements", [control.severity, ...control.requirements].join(", "))}
${finding?.sampled !== undefined && row("Sampled", html`<b>${finding.sampled}</b> – the statement asks for more than was probed.`)}
${finding?.provedFor && row("Proved for", provedWords(finding))}
${finding?.notes && finding.notes.length > 0 && row("Notes", html`<ul class="plain">${finding.notes.map((note) => html`<li>${long(note, LONGEST)}</li>`)}</ul>`)}
${finding?.durationMs !== undefined && row("Time", duration(finding.durationMs))}
</dl>
${finding && checks(finding, context)}
</div></details>`;
}

function checks(finding: Finding, context: Context): Html {
  if (finding.checks.length === 0) return html`<p class="fine">No check was recorded.</p>`;
  const bad = notable(finding);
  const good = finding.checks.filter(({ result }) => isGreen(result));
  const shown = bad.slice(0, UNFOLDED_NOTABLE);
  const more = bad.slice(UNFOLDED_NOTABLE);
  const cards = (list: readonly Check[]) =>
    html`<ol class="checks">${list.map((check) => card(check, finding.summary, context))}</ol>`;
  const lines = (list: readonly Check[]) =>
    html`<ol class="checks quiet">${list.map((check) => card(check, finding.summary, context))}</ol>`;
  return html`<h4>${counted(finding.checks.length, "check")} <small>${tally(finding.checks)}</small></h4>
${shown.length > 0 && cards(shown)}
${more.length > 0 && html`<details class="more"><summary>${counted(more.length, "more check")} that did not pass</summary>${cards(more)}</details>`}
${good.length > 0 && (good.length <= UNFOLDED ? lines(good) : html`<details class="more"><summary>${counted(good.length, "check")} that passed</summary>${lines(good)}</details>`)}`;
}

/** `1 fail, 311 pass`. */
function tally(list: readonly Check[]): string {
  const results = Object.keys(RESULTS) as Result[];
  return results
    .map((result) => ({
      word: RESULTS[result].word,
      count: list.filter((check) => check.result === result).length,
    }))
    .filter(({ count }) => count > 0)
    .map(({ word, count }) => `${count} ${word}`)
    .join(", ");
}

/** `said`: the control's own sentence, which a check does not repeat. */
function card(check: Check, said: string, context: Context): Html {
  const mark = RESULTS[check.result];
  const green = isGreen(check.result);
  return html`<li class="check is-${mark.tone}"><p class="title"><span class="glyph ${mark.tone}" aria-hidden="true">${mark.glyph}</span> <span>${check.title}</span> <b class="word ${mark.tone}">${mark.word}</b>${check.disagreement && html` <span class="badge strong">${check.disagreement}</span>`}</p>
${check.reason !== undefined && check.reason !== said && html`<p class="why">${long(check.reason, LONGEST)}</p>`}
<dl class="compare"><div><dt>Expected</dt><dd>${long(check.expected, LONGEST)}</dd></div><div><dt>Observed</dt><dd class="${!green && mark.tone}">${long(check.observed, LONGEST)}</dd></div></dl>
${check.proofs && proofs(check.proofs)}
${green ? quietly(check) : declared(check)}
${check.suspect && traced(check.suspect, check.trace)}
${check.evidence.length > 0 && evidence(check.evidence, green, context)}</li>`;
}

function proofs({ stimulus, silence, drop, twin }: NonNullable<Check["proofs"]>): Html {
  const proof = (label: string, text: string | undefined) =>
    html`<li class="${text === undefined && "absent"}"><b>${text === undefined ? "✗" : "✓"} ${label}</b> ${text === undefined ? "not proved" : long(text, LONGEST)}</li>`;
  return html`<ul class="proofs" aria-label="The four proofs of a denial">${proof("sent", stimulus)}${proof("silent", silence)}${proof("drop counted", drop)}${proof("reachable otherwise", twin)}</ul>`;
}

/** The flow that shows it: what the model says of its way, and what was seen of it when it was sent once more. */
function traced({ key, path }: Suspect, trace: FlowTrace | undefined): Html {
  const hops = html`<ol class="plain">${path.map((hop) => html`<li>${long(hop, LONGEST)}</li>`)}</ol>`;
  if (!trace) return html`<dl class="pairs">${row(`The model's way of ${key}`, hops)}</dl>`;
  const { flow, outcome, counters, frames } = trace;
  const lines = counters.map(
    ({ chain, rule, before, after }) =>
      html`<li><b>${grouped(before)} → ${grouped(after)}</b> <code>${chain}</code> <code>${long(rule, LONGEST)}</code></li>`,
  );
  return html`<dl class="pairs">
${row("Sent once more", html`<code>${flow}</code>: <b>${outcome}</b>`)}
${row("The model's way", hops)}
${row("Counters, before and after", html`<ul class="plain">${lines}</ul>`)}
${row("Frames, by device", fileLinks(frames))}</dl>`;
}

/** On one line, for a check that passed. */
function quietly({ declared, decider }: Check): Html | false {
  const where =
    declared && html`<span class="mono">${place(declared)}</span> <code>${declared.snippet.trim()}</code>`;
  const by = decider !== undefined && html`${where && " · "}decided by ${long(decider, LONGEST)}`;
  return (where || by) && html`<p class="where">${where}${by}</p>`;
}

function declared({ declared, decider }: Check): Html | false {
  if (!declared)
    return decider !== undefined && html`<p class="where">Decided by ${long(decider, LONGEST)}</p>`;
  return html`<div class="declared"><p class="where"><span class="mono">${place(declared)}</span> <span class="pointer mono">${declared.pointer}</span>${decider !== undefined && html` · decided by ${long(decider, LONGEST)}`}</p>
<pre><span class="gutter" aria-hidden="true">${declared.line}</span><code>${long(declared.snippet, LONGEST)}</code></pre></div>`;
}

/** A failure brings its observations along in one line each; a pass only links to them. */
function evidence(ids: readonly string[], green: boolean, { links, observations }: Context): Html {
  if (green) return html`<p class="where">Evidence ${evidenceLinks(links, ids)}</p>`;
  const items = ids.slice(0, EVIDENCE_IN_SHORT).map((id) => {
    const observation = observations.get(id);
    return html`<li>${evidenceLinks(links, [id])}${observation && html` ${links.placeName(observation.from)} → ${links.placeName(observation.to)}: ${inShort(observation)}`}</li>`;
  });
  const more = ids.slice(EVIDENCE_IN_SHORT);
  return html`<ul class="plain evidence" aria-label="Evidence">${items}${more.length > 0 && html`<li>and ${evidenceLinks(links, more)}</li>`}</ul>`;
}

function row(label: string, value: Part): Html {
  return html`<div><dt>${label}</dt><dd>${value}</dd></div>`;
}
