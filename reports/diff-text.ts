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
import { shown } from "./text.ts";

const LONGEST = 4000;
/** More lines of one kind are counted; `--format json` has all. */
const MOST_LINES = 40;

/** A difference for a terminal; nothing in it comes from the files as it is. */
export function renderDiffText(input: DiffInput): string {
  const { diff, groups, base, head, places } = input;
  const lines = [
    `BASE  ${base}`,
    `HEAD  ${head}`,
    ...exceptionLines(input),
    ...sectionsOf(groups).flatMap((section) => [
      "",
      `${section.title}:`,
      ...section.groups.flatMap((group) => groupLines(group, places)),
    ]),
    ...declaredLines(input),
    "",
    ...(diff.hasServices ? [] : [NO_SERVICES]),
    summaryOf(input),
  ];
  return `${lines.map((line) => shown(line, LONGEST)).join("\n")}\n`;
}

function exceptionLines({ diff: { exceptions, approvals } }: DiffInput): readonly string[] {
  const odd = approvals.filter(({ state }) => state !== "used");
  return [
    ...(exceptions.length === 0 ? [] : ["", "conformance.json itself changes:"]),
    ...exceptions.map(({ what, text }) => `  ${what === "added" ? "+" : "-"} ${text}`),
    ...(odd.length === 0 ? [] : ["", "Approvals that cover nothing:"]),
    ...odd.map(
      ({ state, ticket, position }) =>
        `  ${state}: ${ticket}, conformance.json:${position.line}:${position.column}`,
    ),
  ];
}

function groupLines(group: ChangeGroup, places: number): readonly string[] {
  const { flows, causes, approval } = group;
  const [deviation, answer, example] = [deviationText(group), answerText(group), exampleOf(group)];
  return [
    `  ${wayText(group, places)}`,
    ...(deviation === undefined ? [] : [`    ${deviation}:`]),
    ...most(flows.map((flow) => `    ${flow}`)),
    ...(answer === undefined ? [] : [`      ${answer}`]),
    ...(approval
      ? [
          `      approved until ${approval.expires}: ${approval.ticket}, ${approval.owner}: ${approval.reason}`,
        ]
      : []),
    ...most(
      causes.map((cause) => {
        const { lead, text } = causeParts(cause);
        return `      ${lead} ${text}`;
      }),
    ),
    ...(example === undefined ? [] : [`      e.g. ${example}`]),
  ];
}

function declaredLines({ diff: { declared } }: DiffInput): readonly string[] {
  return [...Map.groupBy(declared, ({ topic }) => topic)].flatMap(([topic, changes]) => [
    "",
    `${topic}:`,
    ...most(
      changes.map(({ what, subject, detail }) => `  ${what} ${subject}${detail === "" ? "" : `: ${detail}`}`),
    ),
  ]);
}

function most(lines: readonly string[]): readonly string[] {
  if (lines.length <= MOST_LINES) return lines;
  return [...lines.slice(0, MOST_LINES - 1), `    and ${lines.length - MOST_LINES + 1} more`];
}
