import type { Premerge } from "../audit/premerge.ts";
import type { ShownChange, ShownPair, SideShown } from "../audit/twice/shown.ts";
import { code, Page } from "./diff-markdown.ts";
import { type Item, outlineOf, type OutlineSection, type Part } from "./diff-outline.ts";
import { type DiffInput, NO_SERVICES, summaryOf } from "./diff-words.ts";
import { counted } from "./text.ts";

/** Characters of a comment for the parts that may be long; together less than it holds. */
const SHARE = { reasons: 6_000, packets: 20_000, shown: 14_000, notTested: 8_000, rest: 8_000 } as const;

/** The result of a change as a comment of a pull request: what becomes reachable, the verdict, what was not tested. */
export function renderPremergeMarkdown(premerge: Premerge, input: DiffInput): string {
  const { verdict, base, head, run } = premerge;
  const page = new Page("`premerge.json`");
  page.add(`### phx premerge: ${verdict.word} (exit ${verdict.exit})\n\n`);
  page.add(`${sideText(base)} → ${sideText(head)}, target ${code(premerge.target)}\n\n`);
  page.add(`${code(verdict.line)}\n\n`);
  page.add("**UNSIGNED**: there is no key yet, so nothing but its place vouches for this result.\n");
  if (base.check.exit !== 0)
    page.add(`\nBASE fails its own check (exit ${base.check.exit}); HEAD's decides.\n`);
  const outline = outlineOf(input);
  const add = (sections: readonly OutlineSection[], share: number) => {
    for (const section of sections.filter(({ items }) => items.length > 0)) page.section(section, share);
  };
  add([reasonsOf(premerge)], SHARE.reasons);
  add(
    outline.filter(({ kind }) => kind === "governance"),
    SHARE.reasons,
  );
  add(
    outline.filter(({ kind }) => kind === "packets"),
    SHARE.packets,
  );
  add([shownSection(premerge)], SHARE.shown);
  add([notTestedSection(premerge)], SHARE.notTested);
  add([controlsSection(premerge), waiversSection(premerge)], SHARE.rest);
  add(
    outline.filter(({ kind }) => kind === "declared"),
    SHARE.rest,
  );
  if (!input.diff.hasServices) page.add(`\n${NO_SERVICES}\n`);
  return page.end(`\n${code(`${summaryOf(input)}; HEAD's run ${run.id}: ${run.line}`)}\n`);
}

/** By its commit, or, of files that are none's, by their digest. */
function sideText({ title, commit, digest }: Premerge["base"]): string {
  return `${code(title)} (${commit === undefined ? `files ${digest.slice(0, 12)}` : `commit ${commit}`})`;
}

function reasonsOf({ verdict }: Premerge): OutlineSection {
  return { title: "Why", kind: "packets", items: verdict.reasons.map(({ text }) => item([quoted(text)])) };
}

const KINDS: Readonly<Record<ShownChange["kind"], string>> = {
  allowed: "newly allowed",
  denied: "newly denied",
  answer: "refused otherwise",
  responder: "answered by another guest",
};

function shownSection({ shown }: Premerge): OutlineSection {
  const items = shown.map(({ kind, way, flows, result, pairs, untested }): Item => {
    const [worst] = [...pairs].sort((a, b) => rankOf(a) - rankOf(b));
    const lines = worst
      ? [sideLine("BASE", worst.base), sideLine("HEAD", worst.head)].map(
          (parts) => ({ depth: 1, parts }) as const,
        )
      : [];
    return {
      head: [`${result}: ${KINDS[kind]}, `, quoted(way), " ", quoted(flows.join("; "))],
      lists: [
        worst
          ? [{ depth: 1, parts: [`${counted(pairs.length, "pair")}, e.g. `, quoted(pairText(worst))] }]
          : [],
        lines,
        untested.map((text) => ({ depth: 1, parts: ["not asked: ", quoted(text)] }) as const),
      ],
    };
  });
  return { title: "Shown by packets, on BASE and on HEAD", kind: "packets", items };
}

function rankOf({ base, head }: ShownPair): number {
  const ranks = { refuted: 0, untold: 1, shown: 2, absent: 2 };
  return Math.min(ranks[base.result], ranks[head.result]);
}

function pairText({ from, to, source, inside, border }: ShownPair): string {
  const beside = border.length > 0 ? `, and beside them ${border.join(", ")}` : "";
  return `${from} (${source}) -> ${to}: ${inside.join(", ")}${beside}`;
}

function sideLine(
  side: string,
  { result, observed, reason, proofs, decider, live }: SideShown,
): readonly Part[] {
  const own = [proofs?.drop, proofs?.twin && `alive: ${proofs.twin}`].filter((text) => text !== undefined);
  const said = [
    observed,
    reason,
    decider && `by ${decider}`,
    ...own,
    ...(live ?? []).map((line) => `live: ${line}`),
  ];
  return [`${side} ${result}: `, quoted(said.filter((text) => text !== undefined && text !== "").join("; "))];
}

function notTestedSection({ notTested }: Premerge): OutlineSection {
  return { title: "Not tested", kind: "packets", items: notTested.map((text) => item([quoted(text)])) };
}

function controlsSection({ controls }: Premerge): OutlineSection {
  const odd = controls.filter(({ result }) => result !== "pass" && result !== "notapplicable");
  const items = odd.map(({ id, result, summary, waived }) =>
    item([`${waived ? `${result}, waived on BASE` : result} `, quoted(id), ": ", quoted(summary)]),
  );
  return { title: "HEAD's controls that did not pass", kind: "packets", items };
}

function waiversSection({ waivers }: Premerge): OutlineSection {
  const items = waivers
    .filter(({ state }) => state !== "used")
    .map(({ control, state, ticket, expires }) =>
      item([`${state}: `, quoted(control), `, until ${expires}, `, quoted(ticket)]),
    );
  return { title: "Waivers that cover nothing", kind: "packets", items };
}

function item(head: readonly Part[]): Item {
  return { head, lists: [] };
}

function quoted(text: string): Part {
  return { quoted: text };
}
