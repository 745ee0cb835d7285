import { firstOf, type Item, outlineOf, type OutlineSection, type Part } from "./diff-outline.ts";
import { type DiffInput, NO_SERVICES, sectionsOf, summaryOf } from "./diff-words.ts";
import { counted, shown } from "./text.ts";

/** GitHub takes 65,536 characters in a comment; what is left is for what is said of the rest. */
const MOST = 60_000;
/** Of it for what changes who may approve: however much that is, it does not push out what becomes allowed. */
const MOST_OF_GOVERNANCE = 15_000;
/** Shown of a section before the rest is folded. */
const UNFOLDED = 8;
const LONGEST = 500;
const MOST_LINES = 12;

/** A difference as a comment of a pull request. Each string of the files stands in a code span, where nothing is markup. */
export function renderDiffMarkdown(input: DiffInput): string {
  const { diff, groups, base, head } = input;
  const page = new Page();
  const isClean = sectionsOf(groups).every(({ title }) => title !== "Newly allowed");
  const verdict = isClean ? "nothing newly allowed without approval" : "something is newly allowed";
  page.add(`### phx diff: ${diff.undecided === undefined ? verdict : "undecided"}\n`);
  page.add(`${code(base)} → ${code(head)}\n`);
  for (const section of outlineOf(input)) page.section(section);
  if (!diff.hasServices) page.add(`\n${NO_SERVICES}\n`);
  return page.end(`\n${code(summaryOf(input))}\n`);
}

function itemText({ head, lists }: Item): string {
  const title = textOf(head);
  const lines = lists.flatMap((list) => {
    const own = list.map(({ parts }) => `  - ${textOf(parts)}`);
    return firstOf(own, MOST_LINES, (text) => `  - ${text}`);
  });
  return `${[lists.length > 0 ? `- **${title}**` : `- ${title}`, ...lines].join("\n")}\n`;
}

function textOf(parts: readonly Part[]): string {
  return parts.map((part) => (typeof part === "string" ? part : code(part.quoted))).join("");
}

/**
 * Text in a code span (CommonMark 0.31 section 6.1), in which there is no markup, no mention and no link: its fence is longer
 * than any run of backticks within, and blanks keep these off the fence.
 */
export function code(text: string): string {
  const plain = shown(text, LONGEST).replaceAll(/\s+/g, " ").trim() || " ";
  const longest = Math.max(0, ...[...plain.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  const pad = longest > 0 ? " " : "";
  return `${fence}${pad}${plain}${pad}${fence}`;
}

/** A comment that is being written, never longer than it may be. */
export class Page {
  readonly #all: string;
  #text = "";
  #left = 0;

  /** `all`: where what does not fit is found, in Markdown. */
  constructor(all = "`phx diff --format json`") {
    this.#all = all;
  }

  add(text: string): void {
    this.#text += text;
  }

  /** A headed list, its tail folded; what does not fit any more, or is beyond its `share` in characters, is counted. */
  section(
    { title, kind, items }: OutlineSection,
    share = kind === "governance" ? MOST_OF_GOVERNANCE : MOST,
  ): void {
    this.add(`\n#### ${title} (${items.length})\n\n`);
    const most = Math.min(this.#text.length + share, MOST);
    const texts = items.map(itemText);
    for (const text of texts.slice(0, UNFOLDED)) this.#item(text, most);
    const folded = texts.slice(UNFOLDED);
    if (folded.length === 0) return;
    this.add(`\n<details><summary>${counted(folded.length, "more", "more")}</summary>\n\n`);
    for (const text of folded) this.#item(text, most);
    this.add("\n</details>\n");
  }

  end(text: string): string {
    const left =
      this.#left === 0 ? "" : `\n${counted(this.#left, "change")} did not fit: ${this.#all} has all.\n`;
    return `${this.#text}${left}${text}`;
  }

  #item(item: string, most: number): void {
    if (this.#text.length + item.length > most) this.#left++;
    else this.#text += item;
  }
}
