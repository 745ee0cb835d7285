import type { Run } from "../../audit/run.ts";
import { rowsInShort } from "../component-rows.ts";
import { html, type Html } from "./html.ts";
import { table } from "./table.ts";

const WORDS = { pass: "as expected", drift: "drift", inconclusive: "not seen" } as const;

/** The component lists, where they were asked: each row with its standard, what is expected, and what it did. */
export function components(run: Run): Html | false {
  const rows = (run.componentRows ?? []).map(
    (row) =>
      html`<tr><th scope="row" class="mono">${row.id}</th><td>${row.component}</td><td>${row.rfc}</td><td>${row.requirement}</td><td class="mono">${row.expected}</td><td class="mono">${row.result === "inconclusive" ? row.reason : row.observed}</td><td>${WORDS[row.result]}</td><td>${row.pinned && `asks for ${row.pinned.asks} (${row.pinned.upstream})`}</td></tr>`,
  );
  if (rows.length === 0) return false;
  const head = [
    "Row",
    "Component",
    "Standard",
    "Requirement",
    "Expected",
    "Observed",
    "Result",
    "Pinned deviation",
  ];
  return html`<section aria-labelledby="components"><h2 id="components">Components</h2>
<p>What the servers themselves do, whatever this estate declares: ${rowsInShort(run)}. A pinned deviation that ends is a drift too.</p>
${table("Component lists", head, rows)}
</section>`;
}
