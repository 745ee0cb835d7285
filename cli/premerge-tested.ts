import type { Run } from "../audit/run.ts";
import type { ShownChange } from "../audit/twice/shown.ts";
import type { Diff } from "../policy/diff/diff.ts";
import type { Estate } from "../policy/estate.ts";
import { counted } from "../reports/text.ts";

/** What a result does not rest on, a sentence each: whoever merges has to know. */
export function notTested(
  run: Run,
  diff: Diff,
  shown: readonly ShownChange[],
  estates: Readonly<Record<"base" | "head", Estate>>,
): string[] {
  const told = [...Map.groupBy(diff.declared, ({ topic }) => topic)].filter(([topic]) => topic !== "guest");
  const untested = [...new Set(shown.flatMap((change) => change.untested))];
  return [
    ...untested.map((text) => `of what changes: ${text}`),
    ...(diff.undecided === undefined ? [] : [`no packet of the change: ${diff.undecided}`]),
    ...told.map(([topic, own]) => {
      return `${topic}: ${counted(own.length, "change")} told by the files alone; HEAD's controls ask for what HEAD declares, nobody asked BASE`;
    }),
    ...(operatorFiles(estates.base) === operatorFiles(estates.head)
      ? []
      : ["the servers' own files differ: they are not compared, HEAD's run is on HEAD's"]),
    ...scopeWords(run),
    ...run.findings.flatMap(({ control, sampled }) =>
      sampled === undefined ? [] : [`${control} asked a sample: ${sampled}`],
    ),
    "BASE: only what changes was asked of it, in a lab without servers",
    "forged sources and MACs: of a change that only they make one packet, its example; HEAD's EDGE-002 forges more",
    ...(run.limits.length > 0
      ? [`the lab is no node: ${counted(run.limits.length, "limit")} in report.html`]
      : []),
    ...(diff.hasServices ? [] : ["names, routes and certificates are not compared"]),
  ];
}

function scopeWords({ controls }: Run): readonly string[] {
  const groups = Map.groupBy(
    controls.filter(({ scope }) => scope !== "selected"),
    ({ scopeReason }) => scopeReason ?? "out of scope",
  );
  return [...groups].map(([reason, own]) => `${own.map(({ id }) => id).join(", ")}: ${reason}`);
}

function operatorFiles({ operator }: Estate): string {
  return (operator?.files ?? []).map(({ name, sha256 }) => `${name} ${sha256}`).join("\n");
}
