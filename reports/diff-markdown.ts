import type { ChangeGroup } from "../policy/diff/group.ts";
import {
  answerText,
  causeParts,
  deviationText,
  type DiffInput,
  exampleOf,
  NO_SERVICES,
  sectionsOf,
  summaryOf,
  wayText,
} from "./diff-words.ts";
import { counted, shown } from "./text.ts";

/** GitHub takes 65,536 characters in a comment; what is left is for what is said of the rest. */
const MOST = 60_000;
/** Shown of a section before the rest is folded. */
const UNFOLDED = 8;
const LONGEST = 500;
const MOST_LINES = 12;

/** A difference as a comment of a pull request. Each string of the files stands in a code span, where nothing is markup. */
export function renderDiffMarkdown(input: DiffInput): string {
  const { diff, groups, base, head, places } = input;
  const page = new Page();
  const isClean = sectionsOf(groups).every(({ title }) => title !== "Newly allowed");
  page.add(
    `### phx diff: ${isClean ? "nothing newly allowed without approval" : "something is newly allowed"}\n`,
  );
  page.add(`${code(base)} → ${code(head)}\n`);
  page.section(
    "conformance.json itself changes",
    diff.exceptions.map(({ what, text }) => `- ${what}: ${code(text)}\n`),
  );
  page.section(
    "Approvals that cover nothing",
    diff.approvals
      .filter(({ state }) => state !== "used")
      .map(
        ({ state, ticket, position }) => `- ${state}: ${code(ticket)}, conformance.json:${position.line}\n`,
      ),
  );
  for (const { title, groups: own } of sectionsOf(groups))
    page.section(
      title,
      own.map((group) => groupItem(group, places)),
    );
  for (const [topic, changes] of Map.groupBy(diff.declared, (change) => change.topic))
    page.section(
      topic,
      changes.map(
        ({ what, subject, detail }) =>
          `- ${what} ${code(subject)}${detail === "" ? "" : `: ${code(detail)}`}\n`,
      ),
    );
  if (!diff.hasServices) page.add(`\n${NO_SERVICES}\n`);
  return page.end(`\n${code(summaryOf(input))}\n`);
}

function groupItem(group: ChangeGroup, places: number): string {
  const { flows, causes, approval } = group;
  const [deviation, answer, example] = [deviationText(group), answerText(group), exampleOf(group)];
  const lines = [
    `- **${code(wayText(group, places))}**`,
    ...(deviation === undefined ? [] : [`  - ${deviation}`]),
    ...most(flows.map((flow) => `  - ${code(flow)}`)),
    ...(answer === undefined ? [] : [`  - ${answer}`]),
    ...(approval
      ? [
          `  - approved until ${approval.expires}: ${code(`${approval.ticket}, ${approval.owner}: ${approval.reason}`)}`,
        ]
      : []),
    ...most(
      causes.map((cause) => {
        const { lead, text } = causeParts(cause);
        return `  - ${code(lead)} ${code(text)}`;
      }),
    ),
    ...(example === undefined ? [] : [`  - e.g. ${code(example)}`]),
  ];
  return `${lines.join("\n")}\n`;
}

function most(lines: readonly string[]): readonly string[] {
  if (lines.length <= MOST_LINES) return lines;
  return [...lines.slice(0, MOST_LINES - 1), `  - and ${lines.length - MOST_LINES + 1} more`];
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
class Page {
  #text = "";
  #left = 0;

  add(text: string): void {
    this.#text += text;
  }

  /** A headed list, its tail folded; what does not fit any more is counted. */
  section(title: string, items: readonly string[]): void {
    if (items.length === 0) return;
    this.add(`\n#### ${title} (${items.length})\n\n`);
    const [open, folded] = [items.slice(0, UNFOLDED), items.slice(UNFOLDED)];
    for (const item of open) this.#item(item);
    if (folded.length === 0) return;
    this.add(`\n<details><summary>${counted(folded.length, "more", "more")}</summary>\n\n`);
    for (const item of folded) this.#item(item);
    this.add("\n</details>\n");
  }

  end(text: string): string {
    const left =
      this.#left === 0
        ? ""
        : `\n${counted(this.#left, "change")} did not fit: \`phx diff --format json\` has all.\n`;
    return `${this.#text}${left}${text}`;
  }

  #item(item: string): void {
    if (this.#text.length + item.length > MOST) this.#left++;
    else this.#text += item;
  }
}
