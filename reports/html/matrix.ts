import type { Cell, Run } from "../../audit/run.ts";
import { flowList } from "../flows.ts";
import { counted, grouped } from "../text.ts";
import { html, long, type Html } from "./html.ts";
import { evidenceLinks, type Links } from "./links.ts";
import { STATES, ZONES } from "./words.ts";

type Place = Run["places"][number];

/** The longest list of flows that is shown whole; a sweep of all ports folds into ranges long before. */
const LONGEST_FLOWS = 6000;

/** Source × destination: a mark for each pair, and every pair's details below. */
export function matrix(run: Run, links: Links): Html {
  const cells = new Map(run.matrix.map((cell) => [key(cell.from, cell.to), cell]));
  const destinations = run.places.filter(({ destination }) => destination);
  const pair = (from: Place, to: Place): Pair => {
    const cell = cells.get(key(from.id, to.id));
    return { from, to, cell, anchor: links.pair(run.places.indexOf(from), run.places.indexOf(to)) };
  };
  const rows = run.places.map((from) => destinations.map((to) => pair(from, to)));
  return html`<section aria-labelledby="matrix"><h2 id="matrix">Who reaches whom</h2>
<p>Each row is a source, each column a destination. A mark links to the pair's flows and evidence.</p>
${legend(rows.flat())}
<div class="scroll" role="region" aria-label="Source by destination" tabindex="0">
<table class="matrix"><caption>Source (rows) by destination (columns)</caption>
<thead><tr><td></td>${zones(destinations)}</tr>
<tr><th scope="col" class="corner">from ↓ to →</th>${destinations.map((to) => html`<th scope="col">${links.placeName(to.id)}</th>`)}</tr></thead>
<tbody>${rows.map((row, index) => html`<tr><th scope="row">${links.placeName(run.places[index]?.id ?? "")}</th>${row.map(cellMark)}</tr>`)}</tbody>
</table></div>
<h3>Pair by pair</h3>
${rows.map((row) => pairsFrom(row, links))}
</section>`;
}

interface Pair {
  readonly from: Place;
  readonly to: Place;
  /** Absent where the run has none: unprobed. */
  readonly cell: Cell | undefined;
  readonly anchor: string;
}

function key(from: string, to: string): string {
  return JSON.stringify([from, to]);
}

/** A place to itself is not judged. */
function isSelf({ from, to, cell }: Pair): boolean {
  return from === to && !cell;
}

function stateOf(pair: Pair): (typeof STATES)[Cell["state"]] {
  return STATES[pair.cell?.state ?? "unprobed"];
}

function zones(destinations: readonly Place[]): Html[] {
  const groups: { zone: Place["zone"]; size: number }[] = [];
  for (const { zone } of destinations) {
    const last = groups.at(-1);
    if (last?.zone === zone) last.size += 1;
    else groups.push({ zone, size: 1 });
  }
  return groups.map(
    ({ zone, size }) => html`<th scope="colgroup" colspan="${size}" class="zone">${ZONES[zone]}</th>`,
  );
}

function legend(pairs: readonly Pair[]): Html {
  const judgedPairs = pairs.filter((pair) => !isSelf(pair));
  const items = Object.entries(STATES).map(([state, mark]) => {
    const count = judgedPairs.filter((pair) => (pair.cell?.state ?? "unprobed") === state).length;
    return html`<li class="${count === 0 && "none"}"><span class="cell ${state}" aria-hidden="true">${mark.glyph}</span> <span><b>${count}</b> ${mark.word}<small>${mark.meaning}</small></span></li>`;
  });
  return html`<ul class="legend">${items}</ul>`;
}

function cellMark(pair: Pair): Html {
  if (isSelf(pair)) return html`<td class="self"><span class="unseen">itself, not judged</span></td>`;
  const { from, to, cell, anchor } = pair;
  const mark = stateOf(pair);
  const label = `${from.id} to ${to.id}: ${mark.word}${headline(cell)}`;
  return html`<td><a class="cell ${cell?.state ?? "unprobed"}" href="#${anchor}" aria-label="${label}" title="${label}">${mark.glyph}</a></td>`;
}

function headline(cell: Cell | undefined): string {
  if (!cell) return "";
  if (cell.leaked.length > 0) return `, undeclared and delivered: ${flowList(cell.leaked)}`;
  if (cell.broken.length > 0) return `, declared and not delivered: ${flowList(cell.broken)}`;
  const open = [...cell.allowed, ...cell.standing];
  return open.length > 0 ? `, ${flowList(open)}` : "";
}

function pairsFrom(row: readonly Pair[], links: Links): Html {
  const pairs = row.filter((pair) => !isSelf(pair));
  const [first] = pairs;
  if (!first) return html``;
  const counts = Object.entries(STATES)
    .map(([state, { word }]) => ({
      word,
      count: pairs.filter(({ cell }) => (cell?.state ?? "unprobed") === state).length,
    }))
    .filter(({ count }) => count > 0)
    .map(({ word, count }) => `${count} ${word}`);
  const rows = pairs.map((pair) => pairRow(pair, links));
  return html`<details class="pairs"><summary><span>From ${links.placeName(first.from.id)}</span> <small>${counts.join(" · ")}</small></summary>
<ul class="pairlist">${rows}</ul></details>`;
}

function pairRow(pair: Pair, links: Links): Html {
  const { from, to, cell, anchor } = pair;
  const mark = stateOf(pair);
  const head = html`<p><span class="cell ${cell?.state ?? "unprobed"}" aria-hidden="true">${mark.glyph}</span> <span>${links.placeName(from.id)} → ${links.placeName(to.id)}</span> <span class="mono">${to.address}</span> <b class="${mark.tone}">${mark.word}</b></p>`;
  if (!cell)
    return html`<li id="${anchor}">${head}<p class="fine">The run has no record of this pair.</p></li>`;
  const flows = (label: string, keys: readonly string[], tone = "") =>
    keys.length > 0 &&
    html`<div><dt>${label}</dt><dd class="mono ${tone}">${long(flowList(keys), LONGEST_FLOWS)}</dd></div>`;
  const open = [cell.leaked, cell.broken, cell.allowed, cell.standing].some((keys) => keys.length > 0);
  const list = html`<dl class="pairs">${flows("Leaked", cell.leaked, "fail")}${flows("Declared, not delivered", cell.broken, "unsure")}${flows("Open as declared", cell.allowed)}${flows("Open by Proxmox", cell.standing)}</dl>`;
  return html`<li id="${anchor}">${head}${open && list}
<p class="fine">${grouped(cell.deniedCount)} of ${counted(cell.probedCount, "probed flow")} denied${cell.evidence.length > 0 && html` · evidence ${evidenceLinks(links, cell.evidence)}`}</p></li>`;
}
