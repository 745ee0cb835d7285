import {
  PacketOutcome,
  type Observation,
  type PacketObservation,
  type ServiceObservation,
} from "../../probes/observation.ts";
import type { Run } from "../../audit/run.ts";
import { countFlows } from "../../probes/flow-key.ts";
import { flowList } from "../flows.ts";
import type { Pictures } from "../pictures.ts";
import { counted, grouped } from "../text.ts";
import { html, long, raw, type Html, type Part } from "./html.ts";
import type { Links } from "./links.ts";

const KINDS: Record<Observation["kind"], string> = {
  packets: "Packets",
  tcp: "TCP connections",
  dns: "DNS answers",
  http: "HTTP responses",
  tls: "TLS handshakes",
  browser: "Browser",
  path: "Whole paths",
  record: "Records of the servers",
  acme: "ACME",
  trial: "Trials in a lab of their own",
};

const LONGEST = 4000;
const LONGEST_FLOWS = 20_000;

/** Every observation of the run, whole: what was done, what came back. */
export function appendix(run: Run, links: Links, pictures: Pictures): Html {
  const seen = new Set<string>();
  const groups = Map.groupBy(run.observations, ({ kind }) => kind);
  const sections = Object.entries(KINDS).map(([kind, name]) => {
    const observations = groups.get(kind as Observation["kind"]) ?? [];
    if (observations.length === 0) return html``;
    const items = observations.map((observation) => {
      const first = !seen.has(observation.id);
      seen.add(observation.id);
      const shown = first ? pictures : new Map<string, string>();
      return drawer(observation, first ? links.evidence(observation.id) : undefined, links, shown);
    });
    return html`<h3>${name} <small>${observations.length}</small></h3>${items}`;
  });
  return html`<section aria-labelledby="evidence"><h2 id="evidence">Evidence</h2>
<p>${counted(run.observations.length, "observation")}, as the probes recorded them, without any judgement.</p>
${sections}</section>`;
}

function drawer(observation: Observation, anchor: string | undefined, links: Links, shown: Pictures): Html {
  return html`<details class="observation" data-search${anchor && html` id="${anchor}"`}><summary><span class="mono id">${observation.id}</span> <span class="what">${links.placeName(observation.from)} → ${links.placeName(observation.to)}</span> <small>${inShort(observation)}</small></summary>
${observation.kind === "packets" ? packets(observation) : service(observation, shown)}</details>`;
}

/** An observation in one line of plain words. */
export function inShort(observation: Observation): string {
  if (observation.kind !== "packets") return `${observation.request} → ${observation.answer}`;
  const outcomes = PacketOutcome.options
    .filter((outcome) => observation.outcomes[outcome]?.length)
    .map((outcome) => `${grouped(countFlows(observation.outcomes[outcome] ?? []))} ${outcome}`);
  return `${observation.forged ? "forged source, " : ""}${outcomes.join(", ")}`;
}

function packets(observation: PacketObservation): Html {
  const { source, dest, sent, captured, accounts, outcomes, sport, reason, forged } = observation;
  const gained = accounts.reduce((sum, { gain }) => sum + gain, 0);
  const rest = sent - captured - gained;
  const flows = PacketOutcome.options.map((outcome) => {
    const keys = outcomes[outcome] ?? [];
    return (
      keys.length > 0 &&
      row(
        outcome,
        html`<b>${grouped(countFlows(keys))}</b> <span class="mono">${long(flowList(keys), LONGEST_FLOWS)}</span>`,
      )
    );
  });
  const counters = accounts.map(
    ({ chain, rule, effect, gain }) =>
      html`<li><b>${grouped(gain)}</b> ${effect === "drop" ? "dropped" : "rejected"} by <code>${chain}</code> <code>${long(rule, LONGEST)}</code></li>`,
  );
  return html`<dl class="pairs">
${row("Addresses", html`<span class="mono">${source} → ${dest}</span>, tcp and udp from port ${sport}${forged && html` <b>forged source</b>`}`)}
${row("Packets", `${grouped(sent)} sent = ${grouped(captured)} captured at the destination + ${grouped(gained)} counted as dropped or rejected${rest === 0 ? "" : ` + ${grouped(rest)} unaccounted for`}`)}
${counters.length > 0 && row("Counters", html`<ul class="plain">${counters}</ul>`)}
${flows}
${reason !== undefined && row("Why unknown", long(reason, LONGEST))}</dl>`;
}

function service(observation: ServiceObservation, pictures: Pictures): Html {
  const { request, answer, outcome, facts, reason, attachments } = observation;
  const names = Object.keys(facts).sort();
  const values = names.map((name) => {
    const value = facts[name] ?? "";
    const text = Array.isArray(value) ? value.join(", ") : String(value);
    return html`<div><dt>${name}</dt><dd class="mono">${long(text, LONGEST)}</dd></div>`;
  });
  return html`<dl class="pairs">
${row("Asked", long(request, LONGEST))}
${row("Outcome", outcome)}
${row("Answer", long(answer, LONGEST))}
${reason !== undefined && row("Why unknown", long(reason, LONGEST))}
${values.length > 0 && row("Facts", html`<dl class="factlist">${values}</dl>`)}
${attachments && row("Files of the run", fileLinks(attachments))}</dl>
${(attachments ?? []).map((name) => picture(request, pictures.get(name)))}`;
}

/** In the page itself: its bytes are base64 that phx made. */
function picture(request: string, base64: string | undefined): Html | false {
  if (base64 === undefined) return false;
  return html`<img class="shot" width="960" height="540" alt="Screenshot: ${request}" src="data:image/png;base64,${raw(base64)}">`;
}

/** Files of the run's folder. */
export function fileLinks(names: readonly string[]): Html {
  return html`<ul class="plain">${names.map(attachment)}</ul>`;
}

/** A link only where the name can't lead out of the run's folder. */
function attachment(name: string): Html {
  const safe = /^[A-Za-z0-9_-][\w.-]*$/.test(name);
  return html`<li>${safe ? html`<a href="./${name}">${name}</a>` : name}</li>`;
}

function row(label: string, value: Part): Html {
  return html`<div><dt>${label}</dt><dd>${value}</dd></div>`;
}
