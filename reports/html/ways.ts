import type { Way } from "../../audit/finding.ts";
import type { Run } from "../../audit/run.ts";
import { counted } from "../text.ts";
import { html, long, type Html } from "./html.ts";
import { controlLinks, type Links } from "./links.ts";
import { table } from "./table.ts";
import { RESULTS, type Mark } from "./words.ts";

const LONGEST = 3000;
const STATES: Record<Way["layers"][number]["state"], Mark> = {
  passed: { ...RESULTS.pass, word: "lets it on" },
  failed: { ...RESULTS.fail, word: "stops it" },
  unknown: { ...RESULTS.inconclusive, word: "could not be told" },
};

interface Told {
  readonly control: string;
  readonly way: Way;
}

export function waysOf({ findings }: Run): Told[] {
  return findings.flatMap(({ control, checks }) =>
    checks.flatMap(({ way }) => (way ? [{ control, way }] : [])),
  );
}

/** Each public name's way, layer by layer with its times; where it ends stands in its title. Nothing where none was asked. */
export function ways(run: Run, links: Links): Html {
  const told = waysOf(run);
  if (told.length === 0) return html``;
  const ended = told.filter(({ way }) => endOf(way)).length;
  const said =
    ended === 0
      ? "each arrives"
      : `${counted(ended, "way")} of them ${ended === 1 ? "ends" : "end"} before its service`;
  return html`<section aria-labelledby="ways"><h2 id="ways">Public names, hop by hop</h2>
<p>One request for each of ${counted(told.length, "public name")}, as a stranger makes it: ${said}. The bars are one time line, a layer's own time behind those before it.</p>
${told.map((each) => drawer(each, links))}</section>`;
}

/** The first layer that did not let the request on. */
function endOf({ layers }: Way): Way["layers"][number] | undefined {
  return layers.find(({ state }) => state !== "passed");
}

function drawer({ control, way }: Told, links: Links): Html {
  const { url, layers, spans } = way;
  const end = endOf(way);
  const mark = end ? STATES[end.state] : RESULTS.pass;
  const total = layers.reduce((sum, { took }) => sum + (took?.ms ?? 0), 0);
  const word = end ? `ends at ${end.name}` : "arrives";
  const around = spans.map(({ what, ms }) => `${what} ${milliseconds(ms)}`).join(", ");
  return html`<details class="way is-${mark.tone}" data-search${end && html` open`}><summary><span class="glyph ${mark.tone}" aria-hidden="true">${mark.glyph}</span> <span class="mono what">${url}</span> <b class="word ${mark.tone}">${word}</b></summary>
<div class="body">${table(`The way of ${url}`, ["Layer", "", "Time", "", "Seen"], rowsOf(way, total), "ways")}
<p class="fine">${around && html`Over several layers: ${around}. `}Judged by ${controlLinks(links, [control])}.</p></div></details>`;
}

function rowsOf({ layers }: Way, total: number): Html[] {
  let before = 0;
  return layers.map(({ name, state, words, took }) => {
    const mark = STATES[state];
    const start = before;
    before += took?.ms ?? 0;
    const time = took && html`${milliseconds(took.ms)} <small>${took.what}</small>`;
    return html`<tr><th scope="row">${name}</th><td class="${mark.tone}"><b>${mark.glyph} ${mark.word}</b></td><td>${time}</td><td class="span">${took && bar(start, took.ms, total)}</td><td>${long(words, LONGEST)}</td></tr>`;
  });
}

function bar(start: number, ms: number, total: number): Html {
  const share = (part: number) => ((part / Math.max(total, 0.01)) * 100).toFixed(1);
  return html`<svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect x="${share(start)}" width="${share(ms)}" height="8"/></svg>`;
}

/** `0.31 ms`, `12 ms`. */
function milliseconds(ms: number): string {
  return `${ms < 10 ? Math.round(ms * 100) / 100 : Math.round(ms)} ms`;
}
