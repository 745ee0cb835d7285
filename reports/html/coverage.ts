import type { RuleCoverage } from "../../audit/coverage.ts";
import type { Run } from "../../audit/run.ts";
import { place } from "../results.ts";
import { counted, grouped } from "../text.ts";
import { html, type Html } from "./html.ts";
import { table } from "./table.ts";

/** Which declared rules the run's packets exercised, those that none did first. */
export function coverage({ coverage: rules }: Run): Html {
  return html`<section aria-labelledby="rules"><h2 id="rules">Declared rules</h2>
${rules === undefined ? html`<p class="calm">This run does not tell which rules its packets exercised.</p>` : exercised(rules)}</section>`;
}

function exercised(rules: readonly RuleCoverage[]): Html {
  if (rules.length === 0) return html`<p class="calm">None is declared.</p>`;
  const idle = rules.filter(({ probes, unasked }) => probes === 0 && !unasked).length;
  const unasked = rules.filter((rule) => rule.unasked).length;
  const left =
    unasked > 0 &&
    html`<p>${counted(unasked, "more rule")}: this run, narrowed or cut short, asked for no packet of theirs.</p>`;
  const asked = rules.length - unasked;
  const said =
    idle === 0
      ? html`<p>Each declared rule that was asked for (${grouped(asked)} of ${grouped(rules.length)}) decided packets of this run.</p>`
      : html`<p><b>${grouped(idle)}</b> of ${counted(asked, "declared rule")} decided no packet of this run: it says nothing about them.</p>`;
  const head = ["Rule", "Of", "As Proxmox has it", "Packets", "A flow that it would decide"];
  return html`${said}${left}${table("Declared rules, and the packets that each decided", head, rules.map(row), "rules")}`;
}

function row({ declared, where, text, probes, flow, reason, unasked }: RuleCoverage): Html {
  const way = html`${flow !== undefined && html`<code>${flow}</code>`}${flow !== undefined && reason !== undefined && ": "}${reason}`;
  return html`<tr><th scope="row" class="mono">${place(declared)}</th><td>${where}</td><td class="mono">${text}</td><td class="number ${probes === 0 && !unasked && "unsure"}">${unasked ? "not asked" : probes === 0 ? "none" : grouped(probes)}</td><td>${way}</td></tr>`;
}
