import type { Cause } from "../policy/diff/causes.ts";
import type { Diff } from "../policy/diff/diff.ts";
import type { End } from "../policy/diff/ends.ts";
import type { ChangeGroup } from "../policy/diff/group.ts";
import type { Flow } from "../policy/flow.ts";
import { counted } from "./text.ts";

/** A difference, ready to be shown. */
export interface DiffInput {
  readonly diff: Diff;
  readonly groups: readonly ChangeGroup[];
  /** What the sides are called: `main (1a2b3c4d5e6f):etc`. */
  readonly base: string;
  readonly head: string;
  /** Of all places of both sides. */
  readonly places: number;
}

/** What is told of a kind of change, in the order in which a reviewer wants it. */
export interface Section {
  readonly title: string;
  readonly groups: readonly ChangeGroup[];
}

export function sectionsOf(groups: readonly ChangeGroup[]): readonly Section[] {
  const of = (kind: ChangeGroup["kind"], isApproved = false) =>
    groups.filter((group) => group.kind === kind && (group.approval !== undefined) === isApproved);
  return [
    { title: "Newly allowed", groups: of("allowed") },
    { title: "Newly allowed, approved", groups: of("allowed", true) },
    { title: "Newly denied", groups: of("denied") },
    { title: "Refused otherwise", groups: of("answer") },
    { title: "Answered by another guest", groups: of("responder") },
  ].filter((section) => section.groups.length > 0);
}

/** More ends than that are counted; `--format json` has all. */
const MOST_ENDS = 20;

/** `wan, lan, 103 (step-ca)`; all places but the other end are everywhere. */
export function endsText(ends: readonly End[], places: number): string {
  if (ends.length > 2 && ends.length >= places - 1) return `everywhere (${counted(ends.length, "place")})`;
  if (ends.length <= MOST_ENDS) return ends.map(({ title }) => title).join(", ");
  const first = ends.slice(0, MOST_ENDS - 1).map(({ title }) => title);
  return `${first.join(", ")} and ${ends.length - first.length} more (of ${counted(places, "place")})`;
}

/** Who reaches whom, and for another guest at the address, who answered before. */
export function wayText({ from, to, was }: ChangeGroup, places: number): string {
  const before = was ? `, before ${was.title}` : "";
  const senders = new Set(from.map(({ id }) => id));
  const isEachOther = to.some(({ id }) => senders.has(id)) ? ", each other" : "";
  return `${endsText(from, places)} -> ${endsText(to, places)}${isEachOther}${before}`;
}

const DEVIATIONS: Readonly<Record<NonNullable<ChangeGroup["deviation"]>, string>> = {
  mac: "only with a MAC that is not the sender's",
  source: "only with a source that is not the sender's",
  destination: "only to addresses that are not the destination's own",
  form: "only as no client begins a flow",
  reply: "only with one address and port as both ends",
};

/** What a reader has to know first of packets that are not as one end sends them to the other, and an approval's word for it. */
export function deviationText({ deviation }: Pick<ChangeGroup, "deviation">): string | undefined {
  return deviation && `${DEVIATIONS[deviation]} (deviation ${deviation})`;
}

/** `drop -> reject (tcp-reset)`, for a change that has it. */
export function answerText({ kind, before, after }: ChangeGroup): string | undefined {
  if (kind === "answer") return `${before} -> ${after}`;
  return kind === "denied" && after !== undefined ? `now ${after}` : undefined;
}

/** A line that decides, or that changed behind it: `HEAD 101.fw:5:1 accept by IN ACCEPT -p tcp`. */
export function causeParts({ side, verdict, text, position }: Cause): {
  readonly lead: string;
  readonly text: string;
} {
  const place = position ? ` ${position.file}:${position.line}:${position.column}` : "";
  return { lead: `${side.toUpperCase()}${place}${verdict === undefined ? "" : `: ${verdict}, by`}`, text };
}

/** One packet of a change as the side has it on which it comes through. */
export function exampleOf({ kind, witness }: ChangeGroup): string | undefined {
  const flow = (kind === "denied" ? witness.base : witness.head)?.flow;
  return flow && flowText(flow);
}

/** One packet: `tcp 10.0.0.12:40000 > 10.0.0.142:6333`, then what is not as most packets have it. */
export function flowText({
  proto,
  source,
  sport,
  dest,
  dport,
  icmpType,
  icmpCode,
  state,
  flags,
  sourceMac,
}: Flow): string {
  const end = (address: string, port: number | undefined) =>
    port === undefined ? address : address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
  const odd = [
    ...(icmpType === undefined ? [] : [`type ${icmpType} code ${icmpCode ?? 0}`]),
    ...(state === undefined || state === "NEW" ? [] : [`state ${state}`]),
    ...(flags === undefined || flags.join() === "SYN" ? [] : [`flags ${flags.join("+") || "none"}`]),
    ...(sourceMac === undefined ? [] : [`from the MAC ${sourceMac}`]),
  ].map((part) => `, ${part}`);
  const name = typeof proto === "number" ? `protocol ${proto}` : proto;
  return `${name} ${end(source, sport === 40_000 ? undefined : sport)} -> ${end(dest, dport)}${odd.join("")}`;
}

/** From how many places to how many others. */
export function pairsOf({ from, to }: Pick<ChangeGroup, "from" | "to">): number {
  const senders = new Set(from.map(({ id }) => id));
  return from.length * to.length - to.filter(({ id }) => senders.has(id)).length;
}

/** One sentence for all of it. */
export function summaryOf({ diff, groups }: Pick<DiffInput, "diff" | "groups">): string {
  const { declared, files } = diff;
  const parts = [
    ...(diff.undecided === undefined ? [] : ["undecided: packets were not compared"]),
    ...sectionsOf(groups).map(({ title, groups: own }) => {
      const pairs = own.reduce((sum, group) => sum + pairsOf(group), 0);
      return `${title.toLowerCase()}: ${own.length} (${counted(pairs, "pair")})`;
    }),
    ...[...Map.groupBy(declared, ({ topic }) => topic)].map(([topic, own]) => `${topic}: ${own.length}`),
  ];
  if (parts.length > 0) return parts.join("; ");
  if (files.length === 0) return "no change in behaviour: the files are the same";
  return `no change in behaviour, only in text: ${files.map(({ name, what }) => `${name} (${what})`).join(", ")}`;
}

/** What is said where only one side declares names and routes. */
export const NO_SERVICES =
  "names, routes and certificates are not compared: Proxmox's own files declare none";
