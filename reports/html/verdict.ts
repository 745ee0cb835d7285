import type { Run } from "../../audit/run.ts";
import { type Cause, causesOf } from "../causes.ts";
import { attention, judged, place, why, whereTo, type Judged } from "../results.ts";
import { counted, duration, utc } from "../text.ts";
import { html, type Html } from "./html.ts";
import type { Links } from "./links.ts";
import { familyName, familyOf, RESULTS, VERDICTS } from "./words.ts";

/** The top of the page: verdict in words, what it stands on, and every control at a glance. */
export function verdictBar(run: Run, links: Links): Html {
  const mark = VERDICTS[run.verdict.word];
  const line = run.verdict.line.replace(new RegExp(`^${run.verdict.word}\\s*[:–-]\\s*`), "");
  const elapsed = duration(Date.parse(run.endedAt) - Date.parse(run.startedAt));
  return html`<header class="verdict is-${mark.tone}" id="top"><div class="page">
<p class="product">phoenix-conformance <span>conformance report</span></p>
<h1><span class="seal" aria-hidden="true">${mark.glyph}</span><span>${mark.word}</span></h1>
<p class="line">${line}</p>
<dl class="facts">
<div><dt>Run</dt><dd class="mono">${run.id}</dd></div>
<div><dt>Window</dt><dd>${utc(run.startedAt)} to ${utc(run.endedAt).slice(11)} (${elapsed})</dd></div>
<div><dt>Estate</dt><dd><span class="mono">${run.estate.folder}</span></dd></div>
<div><dt>Declaration, sha256</dt><dd class="mono">${run.estate.digest.replace(/^sha256:/, "").slice(0, 12)}</dd></div>
</dl>
${controlMap(run, links)}
</div></header>`;
}

/** One small box a control, grouped by family: the whole catalogue in one look. */
function controlMap(run: Run, links: Links): Html {
  const families = Map.groupBy(judged(run), (entry) => familyOf(entry.control.id));
  const groups = [...families].map(([family, entries]) => {
    const boxes = entries.map((entry) => box(entry, links));
    return html`<li><span class="family" title="${familyName(family)}">${family}</span><ul>${boxes}</ul></li>`;
  });
  return html`<nav aria-label="Every control at a glance"><ul class="map">${groups}</ul></nav>`;
}

function box({ control, result }: Judged, links: Links): Html {
  const mark = result ? RESULTS[result] : { glyph: "·", word: "not covered", tone: "idle" };
  const sampledOut = result ? "" : " out";
  const label = `${control.id} ${control.title}: ${mark.word}`;
  const number = control.id.slice(familyOf(control.id).length + 1) || control.id;
  return html`<li><a class="box ${mark.tone}${sampledOut}" href="#${links.control(control.id)}" aria-label="${label}" title="${label}"><span aria-hidden="true">${mark.glyph}</span><small>${number}</small></a></li>`;
}

/** What of the files is wrong by itself; then faults, isolation and everything in scope that is not green, with its place. */
export function needsAttention(run: Run, links: Links): Html {
  const entries = attention(run);
  const causes = causesOf(run).map((cause) => causeRow(cause, links));
  const rows = entries.map((entry) => {
    const mark = RESULTS[entry.result];
    const where = whereTo(entry.finding);
    return html`<li><a class="mark ${mark.tone}" href="#${links.control(entry.control.id)}"><span aria-hidden="true">${mark.glyph}</span> ${entry.control.id} <span>${mark.word}</span></a>
<div><p>${why(entry)}</p>${where && html`<p class="where mono">${place(where)}</p>`}</div></li>`;
  });
  const faults = run.faults.map(
    (fault) =>
      html`<li><span class="mark fail"><span aria-hidden="true">!</span> harness fault</span><div><p>${fault}</p></div></li>`,
  );
  const isolation =
    !isolated(run) &&
    html`<li><a class="mark fail" href="#isolation"><span aria-hidden="true">!</span> isolation</a><div><p>The machine's own network differs after the run.</p></div></li>`;
  const none = rows.length + faults.length === 0 && !isolation;
  return html`<section aria-labelledby="attention"><h2 id="attention">Needs attention</h2>
${none ? html`<p class="calm">Nothing that was in scope: ${tally(run)}.</p>` : html`${causes.length > 0 && html`<h3>Probable causes, in the files themselves</h3><ul class="attention causes">${causes}</ul><h3>What the probes saw</h3>`}<ul class="attention">${faults}${isolation}${rows}</ul>`}
${beyond(run)}
</section>`;
}

function causeRow({ declared, text, controls, more }: Cause, links: Links): Html {
  const named = controls.map((id) => html`<a class="mark fail" href="#${links.control(id)}">${id}</a> `);
  const others = more > 0 && html`<p class="where">${counted(more, "more check")} of the same place</p>`;
  return html`<li><span>${named}</span><div><p class="mono">${place(declared)}</p><p>${text}</p><pre><code>${declared.snippet.trim()}</code></pre>${others}</div></li>`;
}

function tally({ verdict: { counts } }: Run): string {
  const others = counts.notapplicable > 0 ? `, ${counts.notapplicable} not applicable` : "";
  return `${counted(counts.pass, "control")} passed${others}`;
}

/** What a good result does not say. */
function beyond(run: Run): Html | false {
  const outside = run.controls.filter(({ scope }) => scope !== "selected").length;
  const sampled = run.findings.filter((finding) => finding.sampled !== undefined).length;
  if (outside + sampled === 0) return false;
  return html`<p class="fine">${outside > 0 && html`<a href="#uncovered">${counted(outside, "control")} of the catalogue ${outside === 1 ? "is" : "are"} not covered</a>. `}${sampled > 0 && html`${counted(sampled, "control")} ${sampled === 1 ? "was" : "were"} sampled: the statement asks for more than was probed.`}</p>`;
}

function isolated(run: Run): boolean {
  return run.isolation.equal && run.isolation.differences.length === 0;
}
