import type { Run } from "../../audit/run.ts";
import { html, type Html } from "./html.ts";

/** The page's own ids: from positions in the run, never from its strings. */
export interface Links {
  /** `#c-FW-002`; undefined where the run has no such control. */
  readonly control: (id: string) => string | undefined;
  /** `e17`; undefined where the run has no such observation. */
  readonly evidence: (id: string) => string | undefined;
  readonly pair: (from: number, to: number) => string;
  /** A place's id with its name: `101 nginx`; `wan` where both are the same. */
  readonly placeName: (id: string) => Html;
}

export function linksOf(run: Run): Links {
  const ids = [
    ...new Set([...run.controls.map(({ id }) => id), ...run.findings.map(({ control }) => control)]),
  ];
  const controls = new Map(
    ids.map((id, index) => [id, /^[A-Z]{2,8}-\d{1,4}$/.test(id) ? `c-${id}` : `c-${index}`]),
  );
  const evidence = new Map<string, string>();
  for (const [index, { id }] of run.observations.entries())
    if (!evidence.has(id)) evidence.set(id, `e${index}`);
  const names = new Map(run.places.map(({ id, name }) => [id, name]));
  return {
    control: (id) => controls.get(id),
    evidence: (id) => evidence.get(id),
    pair: (from, to) => `pair-${from}-${to}`,
    placeName: (id) => {
      const name = names.get(id);
      return name && name !== id ? html`<b>${id}</b> ${name}` : html`<b>${id}</b>`;
    },
  };
}

/** Ids of observations as links; one that the run lacks is said to be missing. */
export function evidenceLinks(links: Links, ids: readonly string[]): Html {
  const items = ids.map((id, index) => {
    const anchor = links.evidence(id);
    const comma = index > 0 && ", ";
    return anchor
      ? html`${comma}<a href="#${anchor}">${id}</a>`
      : html`${comma}<b class="fail">${id} (not in this run)</b>`;
  });
  return html`<span class="ids">${items}</span>`;
}

/** Ids of controls as links. */
export function controlLinks(links: Links, ids: readonly string[]): Html {
  const items = ids.map((id, index) => {
    const anchor = links.control(id);
    return html`${index > 0 && ", "}${anchor ? html`<a href="#${anchor}">${id}</a>` : id}`;
  });
  return html`<span class="ids">${items}</span>`;
}
