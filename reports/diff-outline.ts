import type { ChangeGroup } from "../policy/diff/group.ts";
import {
  answerText,
  causeParts,
  deviationText,
  type DiffInput,
  exampleOf,
  sectionsOf,
  wayText,
} from "./diff-words.ts";

/** Words of ours, or a text of the files, which a comment of a pull request has to quote. */
export type Part = string | { readonly quoted: string };

/** How far a line of an item stands in: what passes, or what is said of it. */
interface Line {
  readonly depth: 1 | 2;
  readonly parts: readonly Part[];
}

/** One thing that is told; of each list a renderer may fold the tail. */
export interface Item {
  readonly head: readonly Part[];
  readonly lists: readonly (readonly Line[])[];
}

/** Things of one kind under a title of ours. */
export interface OutlineSection {
  readonly title: string;
  readonly kind: "governance" | "packets" | "declared";
  readonly items: readonly Item[];
}

/** All that is told of a difference, in the order in which a reviewer wants it: who may approve comes first. */
export function outlineOf(input: DiffInput): readonly OutlineSection[] {
  const { diff, groups, places } = input;
  const governance = [
    {
      title: "Undecided",
      items: diff.undecided === undefined ? [] : [item([diff.undecided, ": packets were not compared"])],
    },
    {
      title: "conformance.json itself changes",
      items: diff.exceptions.map(({ what, text }) => item([`${what}: `, { quoted: text }])),
    },
    {
      title: "Approvals that cover nothing",
      items: diff.approvals
        .filter(({ state }) => state !== "used")
        .map(({ state, ticket, position, why }) =>
          item([
            `${state}: `,
            { quoted: ticket },
            `, conformance.json:${position.line}:${position.column}`,
            ...(why === undefined ? [] : [", ", { quoted: why }]),
          ]),
        ),
    },
  ];
  const topics = [...Map.groupBy(diff.declared, ({ topic }) => topic)];
  return [
    ...governance.map((section) => ({ ...section, kind: "governance" }) as const),
    ...sectionsOf(groups).map(({ title, groups: own }) => {
      return { title, kind: "packets", items: own.map((group) => groupItem(group, places)) } as const;
    }),
    ...topics.map(([title, changes]) => {
      const items = changes.map(({ what, subject, detail }) =>
        item([`${what} `, { quoted: subject }, ...(detail === "" ? [] : [": ", { quoted: detail }])]),
      );
      return { title, kind: "declared", items } as const;
    }),
  ].filter(({ items }) => items.length > 0);
}

function item(head: readonly Part[]): Item {
  return { head, lists: [] };
}

function groupItem(group: ChangeGroup, places: number): Item {
  const { flows, causes, approval, hasTwins } = group;
  const [deviation, answer, example] = [deviationText(group), answerText(group), exampleOf(group)];
  return {
    head: [{ quoted: wayText(group, places) }],
    lists: [
      deviation === undefined ? [] : [{ depth: 1, parts: [`${deviation}:`] }],
      flows.map((flow) => ({ depth: 1, parts: [{ quoted: flow }] })),
      answer === undefined ? [] : [{ depth: 2, parts: [answer] }],
      approval ? [{ depth: 2, parts: approvedParts(approval) }] : [],
      causes.map((cause) => {
        const { lead, text } = causeParts(cause);
        return { depth: 2, parts: [{ quoted: lead }, " ", { quoted: text }] };
      }),
      hasTwins ? [{ depth: 2, parts: ["of the others by lines of their own that say the same"] }] : [],
      example === undefined ? [] : [{ depth: 2, parts: ["e.g. ", { quoted: example }] }],
    ],
  };
}

function approvedParts({
  expires,
  ticket,
  owner,
  reason,
}: NonNullable<ChangeGroup["approval"]>): readonly Part[] {
  return [`approved until ${expires}: `, { quoted: `${ticket}, ${owner}: ${reason}` }];
}

/** A list, or its first lines and how many more there are. */
export function firstOf(
  lines: readonly string[],
  most: number,
  more: (text: string) => string,
): readonly string[] {
  if (lines.length <= most) return lines;
  return [...lines.slice(0, most - 1), more(`and ${lines.length - most + 1} more`)];
}
