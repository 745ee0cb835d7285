import { createHash } from "node:crypto";
import type { Run } from "../../audit/run.ts";
import type { Pictures } from "../pictures.ts";
import { shown } from "../text.ts";
import { components } from "./components.ts";
import { controls } from "./controls.ts";
import { coverage } from "./coverage.ts";
import { appendix } from "./evidence.ts";
import { html, raw, type Html } from "./html.ts";
import { linksOf } from "./links.ts";
import { matrix } from "./matrix.ts";
import { isolation, scope, standingAndLimits, uncovered } from "./scope.ts";
import { SCRIPT } from "./script.ts";
import { style } from "./style.ts";
import { topology } from "./topology.ts";
import { needsAttention, verdictBar } from "./verdict.ts";
import { ways, waysOf } from "./ways.ts";

const CONTENTS = [
  ["attention", "Needs attention"],
  ["scope", "Scope and identity"],
  ["matrix", "Who reaches whom"],
  ["topology", "Topology"],
  ["ways", "Public names"],
  ["controls", "Controls"],
  ["rules", "Declared rules"],
  ["standing", "Open by Proxmox"],
  ["components", "Components"],
  ["uncovered", "Not covered"],
  ["limits", "Limits"],
  ["evidence", "Evidence"],
  ["isolation", "Faults and isolation"],
] as const;

/**
 * The report of a run: one page that needs nothing beside itself, no network and no script. Its bytes depend on the
 * run and its pictures alone: no clock, no locale, no order of keys. Strings of the run are hostile and are shown as text.
 */
export function renderHtml(run: Run, pictures: Pictures = new Map()): string {
  const links = linksOf(run);
  const css = style(footerOf(run));
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${raw(policy(css))}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="phoenix-conformance ${run.harness.version}">
<title>${run.verdict.word}: ${run.id} – phoenix-conformance</title>
<style>${raw(css)}</style>
</head>
<body>
<a class="skip" href="#attention">Skip to what needs attention</a>
${verdictBar(run, links)}
<div class="page">
<nav class="contents" aria-label="Contents">${CONTENTS.filter(([id]) => isThere(run, id)).map(([id, name]) => html`<a href="#${id}">${name}</a>`)}</nav>
<main>
${needsAttention(run, links)}
${scope(run, links)}
${matrix(run, links)}
${topology(run, links)}
${ways(run, links)}
${controls(run, links)}
${coverage(run)}
${standingAndLimits(run, links)}
${components(run)}
${uncovered(run, links)}
${appendix(run, links, pictures)}
${isolation(run)}
</main>
${closing(run)}
</div>
<script>${raw(SCRIPT)}</script>
</body>
</html>
`.text;
}

/** Sections that not every run has. */
function isThere(run: Run, section: string): boolean {
  if (section === "components") return run.componentRows !== undefined;
  return section !== "ways" || waysOf(run).length > 0;
}

function closing(run: Run): Html {
  return html`<footer><p>Rendered from run.json (${run.format}) of run ${run.id}; <code>phx report ${run.id}</code> renders the same bytes again. This run is not signed.</p>
<p>Control characters, text direction marks and other invisible characters of recorded values are shown as symbols or code points; long values are cut, with the number of bytes left out.</p></footer>`;
}

function policy(css: string): string {
  return `default-src 'none'; script-src '${digest(SCRIPT)}'; style-src '${digest(css)}'; img-src data:; base-uri 'none'; form-action 'none'`;
}

function digest(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}

/** On each printed page. It stands in the style sheet: only the letters of a run's id get there. */
function footerOf(run: Run): string {
  return `${run.verdict.word} · ${shown(run.id, 80).replace(/[^\w.-]/g, "_")} · phoenix-conformance`;
}
