import { firstOf, type Item, outlineOf, type OutlineSection, type Part } from "./diff-outline.ts";
import { type DiffInput, NO_SERVICES, summaryOf } from "./diff-words.ts";
import { shown } from "./text.ts";

const LONGEST = 4000;
/** More lines of one kind are counted; `--format json` has all. */
const MOST_LINES = 40;

/** A difference for a terminal; nothing in it comes from the files as it is. */
export function renderDiffText(input: DiffInput): string {
  const { diff, base, head } = input;
  const lines = [
    `BASE  ${base}`,
    `HEAD  ${head}`,
    ...outlineOf(input).flatMap((section) => ["", `${section.title}:`, ...itemLines(section)]),
    "",
    ...(diff.hasServices ? [] : [NO_SERVICES]),
    summaryOf(input),
  ];
  return `${lines.map((line) => shown(line, LONGEST)).join("\n")}\n`;
}

/** What changes who may approve is told to the last line. */
function itemLines({ kind, items }: OutlineSection): readonly string[] {
  const lines = items.flatMap((item) => [`  ${textOf(item.head)}`, ...listLines(item)]);
  return kind === "declared" ? firstOf(lines, MOST_LINES, more) : lines;
}

function listLines({ lists }: Item): readonly string[] {
  return lists.flatMap((list) => {
    const lines = list.map(({ depth, parts }) => `${"  ".repeat(depth + 1)}${textOf(parts)}`);
    return firstOf(lines, MOST_LINES, more);
  });
}

function more(text: string): string {
  return `    ${text}`;
}

function textOf(parts: readonly Part[]): string {
  return parts.map((part) => (typeof part === "string" ? part : part.quoted)).join("");
}
