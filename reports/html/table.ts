import { html, type Html } from "./html.ts";

/** A table that scrolls by itself where the page is narrow; reached by keyboard. */
export function table(caption: string, head: readonly string[], rows: readonly Html[], className = ""): Html {
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table class="${className}"><caption class="unseen">${caption}</caption>
<thead><tr>${head.map((cell) => html`<th scope="col">${cell}</th>`)}</tr></thead>
<tbody>${rows}</tbody></table></div>`;
}
