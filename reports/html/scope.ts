import type { Run } from "../../audit/run.ts";
import { isGreen, judged } from "../results.ts";
import { bytes, counted, duration, grouped, utc } from "../text.ts";
import { html, long, type Html } from "./html.ts";
import { controlLinks, type Links } from "./links.ts";
import { table } from "./table.ts";
import { ZONES } from "./words.ts";

/** What was looked at, from where, with what, and whether the book-keeping adds up. */
export function scope(run: Run, links: Links): Html {
  const { counts } = run.verdict;
  return html`<section aria-labelledby="scope"><h2 id="scope">Scope and identity</h2>
<dl class="pairs">
<div><dt>Scope</dt><dd>${counts.selected} of ${counts.catalogue} controls of the catalogue, fixed before the run</dd></div>
<div><dt>Repeat it</dt><dd><code>${run.command}</code></dd></div>
<div><dt>Mode, exit status</dt><dd>${run.mode}, ${run.verdict.exit}</dd></div>
<div><dt>Started, ended</dt><dd>${utc(run.startedAt)} – ${utc(run.endedAt)}</dd></div>
<div><dt>phoenix-conformance</dt><dd>${run.harness.version}${run.harness.commit && html`, commit <span class="mono">${run.harness.commit}</span>`}</dd></div>
<div><dt>Node, kernel</dt><dd>${run.harness.node}, ${run.harness.kernel}</dd></div>
</dl>
<h3>Declaration</h3>
<p>Folder <code>${run.estate.folder}</code>, digest over its files <code class="digest">${run.estate.digest}</code></p>
${files(run)}
${leftOut(run)}
${mapping(run)}
<h3>What ran</h3>
${components(run)}
<h3>Vantage points and destinations</h3>
${places(run, links)}
<h3>Completeness</h3>
${completeness(run)}
<h3>Where the time went</h3>
${timings(run)}
</section>`;
}

function files(run: Run): Html {
  const rows = run.estate.files.map(
    (file) =>
      html`<tr><th scope="row" class="mono">${file.name}</th><td class="number">${bytes(file.bytes)}</td><td class="digest">${file.sha256}</td></tr>`,
  );
  return table("Files of the declaration", ["File", "Size", "sha256"], rows, "files");
}

function leftOut(run: Run): Html | false {
  const items = run.estate.leftOut.map(
    ({ id, name, reason }) => html`<li><b>${id}</b> ${name}: ${reason}</li>`,
  );
  return (
    items.length > 0 && html`<p class="after">Left out of the network, as the files say:</p><ul>${items}</ul>`
  );
}

function mapping({ mapping: mapped = [] }: Run): Html | false {
  const rows = mapped.map(
    ({ server, what, becomes, why }) =>
      html`<tr><th scope="row">${server}</th><td>${long(what, 300)}</td><td>${becomes ? long(becomes, 300) : "dropped"}</td><td>${long(why, 300)}</td></tr>`,
  );
  return (
    rows.length > 0 &&
    table(
      "The operator's own files, and what is another thing in the lab",
      ["Server", "In the files", "In the lab", "Why"],
      rows,
    )
  );
}

function components(run: Run): Html {
  const rows = run.components.map(
    ({ name, version, sha256, source }) =>
      html`<tr><th scope="row">${name}</th><td>${version}</td><td class="digest">${sha256}</td><td>${source}</td></tr>`,
  );
  return table("Servers and tools that ran", ["Name", "Version", "sha256", "From"], rows);
}

function places(run: Run, links: Links): Html {
  const rows = run.places.map(
    ({ id, address, zone, destination }) =>
      html`<tr><th scope="row">${links.placeName(id)}</th><td class="mono">${address}</td><td>${ZONES[zone]}</td><td>${destination ? "source and destination" : "source only"}</td></tr>`,
  );
  return table("Places", ["Place", "Address", "Zone", "Probed as"], rows);
}

function completeness(run: Run): Html {
  const rows = totals(run).map(
    ({ label, value, adds }) =>
      html`<tr><th scope="row">${label}</th><td>${value}</td><td class="${adds === false && "fail"}">${adds === undefined ? "" : adds ? "✓ adds up" : "✗ does not add up"}</td></tr>`,
  );
  return table("Totals of the run, counted again from its records", ["What", "How many", "Check"], rows);
}

interface Total {
  readonly label: string;
  readonly value: string;
  /** False where two figures of the run that must agree do not. */
  readonly adds?: boolean;
}

/** The run's figures, counted again from what they are made of. */
export function totals(run: Run): Total[] {
  const { counts } = run.verdict;
  const entries = judged(run);
  const scoped = (word: string) => run.controls.filter((control) => control.scope === word).length;
  const count = (word: string) => entries.filter((entry) => entry.result === word).length;
  const words = ["pass", "fail", "inconclusive", "error", "notrun", "notapplicable"] as const;
  const packets = run.observations.filter((observation) => observation.kind === "packets");
  const sent = packets.reduce((sum, { sent }) => sum + sent, 0);
  const captured = packets.reduce((sum, { captured }) => sum + captured, 0);
  const gained = packets.reduce(
    (sum, { accounts }) => sum + accounts.reduce((all, { gain }) => all + gain, 0),
    0,
  );
  const referenced = new Set([
    ...run.findings.flatMap((finding) => finding.checks.flatMap((check) => check.evidence)),
    ...run.matrix.flatMap((cell) => cell.evidence),
  ]);
  const known = new Set(run.observations.map(({ id }) => id));
  const missing = [...referenced].filter((id) => !known.has(id)).length;
  const checks = run.findings.flatMap((finding) => finding.checks);
  const destinations = run.places.filter(({ destination }) => destination).length;
  const pairs = run.places.length * destinations - destinations;
  return [
    {
      label: "Controls",
      value: `${counts.catalogue} = ${scoped("selected")} in scope + ${scoped("excluded")} excluded + ${scoped("uncovered")} not covered`,
      adds: run.controls.length === counts.catalogue && scoped("selected") === counts.selected,
    },
    {
      label: "Results",
      value: `${counts.selected} = ${words.map((word) => `${counts[word]} ${word}`).join(" + ")}`,
      adds:
        words.reduce((sum, word) => sum + counts[word], 0) === counts.selected &&
        words.every((word) => counts[word] === count(word)),
    },
    {
      label: "Checks",
      value: `${grouped(checks.length)}, of them ${grouped(checks.filter((check) => isGreen(check.result)).length)} green`,
    },
    {
      label: "Pairs of places",
      value: `${grouped(run.matrix.filter(({ state }) => state !== "unprobed").length)} probed of ${grouped(pairs)}`,
    },
    {
      label: "Flows of those pairs",
      value: grouped(run.matrix.reduce((sum, cell) => sum + cell.probedCount, 0)),
    },
    ...(run.flows
      ? [
          {
            label: "Flows asked",
            value: `${grouped(run.flows.asked)} of the ${grouped(run.flows.of)} that the same sweeps have in full`,
            adds: run.flows.asked === sent,
          },
        ]
      : []),
    {
      label: "Packets",
      value: `${grouped(sent)} sent = ${grouped(captured)} captured + ${grouped(gained)} counted as dropped or rejected + ${grouped(sent - captured - gained)} unaccounted for`,
    },
    { label: "Observations", value: grouped(run.observations.length) },
    {
      label: "Evidence that results refer to",
      value: `${counted(referenced.size, "observation")}, ${missing} of them not in this run`,
      adds: missing === 0,
    },
  ];
}

function timings(run: Run): Html {
  const longest = Math.max(1, ...run.timings.map(({ durationMs }) => durationMs));
  const rows = run.timings.map(
    ({ step, durationMs }) =>
      html`<tr><th scope="row">${step}</th><td class="number">${duration(durationMs)}</td><td class="bar"><svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect width="${((durationMs / longest) * 100).toFixed(1)}" height="8"/></svg></td></tr>`,
  );
  return table("Steps in order", ["Step", "Time", ""], rows, "timings");
}

/** What the run did not cover, and why. */
export function uncovered(run: Run, links: Links): Html {
  const outside = run.controls.filter((control) => control.scope !== "selected");
  const rows = outside.map(
    (control) =>
      html`<tr><th scope="row">${controlLinks(links, [control.id])}</th><td>${control.title}</td><td>${control.severity}</td><td>${control.scope === "uncovered" ? "not covered" : "excluded"}</td><td>${control.scopeReason ?? ""}</td></tr>`,
  );
  return html`<section aria-labelledby="uncovered"><h2 id="uncovered">Not covered, and why</h2>
${
  rows.length === 0
    ? html`<p class="calm">Nothing: the whole catalogue was in scope.</p>`
    : html`<p>${counted(rows.length, "control")} of the catalogue ${rows.length === 1 ? "was" : "were"} outside this run. It says nothing about them.</p>${table("Controls outside the scope", ["Control", "Title", "Severity", "Scope", "Reason"], rows)}`
}</section>`;
}

/** What Proxmox opens by itself, and where the lab is not the node. */
export function standingAndLimits(run: Run, links: Links): Html {
  const limits = run.limits.map(
    ({ text, controls }) =>
      html`<li>${long(text, 2000)}${controls.length > 0 && html` <span class="touches">Touches ${controlLinks(links, controls)}.</span>`}</li>`,
  );
  return html`<section aria-labelledby="standing"><h2 id="standing">Open by Proxmox, not by your files</h2>
${
  run.standing.length === 0
    ? html`<p class="calm">None was seen.</p>`
    : html`<p>Proxmox accepts these by itself; no key of the files can close them. Seen open in this run:</p><ul class="flows">${run.standing.map((flow) => html`<li>${flow}</li>`)}</ul>`
}</section>
<section aria-labelledby="limits"><h2 id="limits">Limits of the method</h2>
${limits.length === 0 ? html`<p class="calm">The run names none.</p>` : html`<ul class="limits">${limits}</ul>`}
<p class="fine">Requirements and severities are this harness's judgement, not an assessor's.</p></section>`;
}

/** Faults of the harness, and whether the machine's own network stayed as it was. */
export function isolation(run: Run): Html {
  const differences = run.isolation.differences.map((text) => html`<li>${text}</li>`);
  const equal = run.isolation.equal && differences.length === 0;
  return html`<section aria-labelledby="isolation"><h2 id="isolation">Faults and isolation</h2>
<p>${run.faults.length === 0 ? "The harness had no fault." : html`<b class="fail">${counted(run.faults.length, "fault")} of the harness.</b>`}</p>
${run.faults.length > 0 && html`<ul>${run.faults.map((fault) => html`<li>${long(fault, 4000)}</li>`)}</ul>`}
<p>${equal ? "The root namespace's links, addresses, routes, rules and counters were the same before, during and after the run." : html`<b class="fail">The root namespace differs:</b>`}</p>
${differences.length > 0 && html`<ul>${differences}</ul>`}</section>`;
}
