import type { Exceptions } from "../approval.ts";
import { type JudgedApproval, judgeApprovals, placeIn } from "./approve.ts";
import { type DeclaredChange, declaredChanges } from "./declared.ts";
import { inWords, type PacketChange } from "./packet-changes.ts";
import { pairChanges } from "./pairs.ts";
import { completed, type DiffSide } from "./side.ts";
import { tooLong } from "./size.ts";
import { compareSides } from "./stand-ins.ts";

/** A file that is not the same on both sides, by its text. */
interface FileChange {
  readonly name: string;
  readonly what: "added" | "removed" | "changed";
}

/** A waiver or an approval that came, went or is worded anew. */
interface ExceptionChange {
  readonly what: "added" | "removed";
  readonly text: string;
}

/** What a change of the files does. */
export interface Diff {
  /** Why packets were not compared, and approvals not judged: then there are none of either. */
  readonly undecided?: string;
  /** The file that approves changes is itself changed by this one. */
  readonly exceptions: readonly ExceptionChange[];
  /** Of base: a change can't approve itself. */
  readonly approvals: readonly JudgedApproval[];
  readonly packets: readonly PacketChange[];
  readonly declared: readonly DeclaredChange[];
  readonly files: readonly FileChange[];
  /** Both sides declare names, routes and certificates. */
  readonly hasServices: boolean;
}

/** A side with its waivers and approvals. */
export interface GovernedSide extends DiffSide {
  readonly exceptions: Exceptions;
}

/** What becomes of packets, names, routes, certificates and guests between two sides. Pure; `now` is when approvals are judged. */
export function diffOf(base: GovernedSide, head: GovernedSide, now: Date): Diff {
  const sides = completed(base, head);
  const undecided = tooLong(base.node) ?? tooLong(head.node);
  return {
    ...(undecided === undefined
      ? packetsOf(base.exceptions, sides, now)
      : { undecided, packets: [], approvals: [] }),
    exceptions: exceptionChanges(base.exceptions, head.exceptions),
    declared: declaredChanges(...sides),
    files: fileChanges(base, head),
    hasServices: base.estate !== undefined && head.estate !== undefined,
  };
}

function packetsOf(
  { approvals: given }: Exceptions,
  sides: readonly [DiffSide, DiffSide],
  now: Date,
): Pick<Diff, "packets" | "approvals"> {
  // Who is approved by name is looked at by name.
  const approved = given.flatMap(({ from, to }) => [from, to].flat().map(placeIn));
  const comparison = compareSides(...sides, new Set(approved));
  const { changes, approvals } = judgeApprovals(comparison, pairChanges(comparison), given, now);
  return { approvals, packets: inWords(comparison, changes) };
}

/** Newly allowed, and nobody has approved it. */
export function unapproved({ packets }: Diff): readonly PacketChange[] {
  return packets.filter(({ kind, approval }) => kind === "allowed" && !approval);
}

function fileChanges(base: DiffSide, head: DiffSide): readonly FileChange[] {
  const [was, is] = [base, head].map(({ files }) => new Map(files.map(({ name, sha256 }) => [name, sha256])));
  const names = [...new Set([...(was?.keys() ?? []), ...(is?.keys() ?? [])])].sort();
  return names.flatMap((name): readonly FileChange[] => {
    const [before, after] = [was?.get(name), is?.get(name)];
    if (before === after) return [];
    return [{ name, what: before === undefined ? "added" : after === undefined ? "removed" : "changed" }];
  });
}

function exceptionChanges(base: Exceptions, head: Exceptions): readonly ExceptionChange[] {
  const [was, is] = [textsOf(base), textsOf(head)];
  return [
    ...moreThan(is, was).map((text) => ({ what: "added", text }) as const),
    ...moreThan(was, is).map((text) => ({ what: "removed", text }) as const),
  ];
}

/** What one list has more often than the other. */
function moreThan(texts: readonly string[], others: readonly string[]): readonly string[] {
  const left = Map.groupBy(others, (text) => text);
  return texts.filter((text) => left.get(text)?.pop() === undefined);
}

function textsOf({ approvals, waivers }: Exceptions): readonly string[] {
  const governed = ({
    owner,
    reason,
    ticket,
    expires,
  }: Exceptions["waivers"][number] | Exceptions["approvals"][number]) =>
    `until ${expires}, ${ticket}, ${owner}: ${reason}`;
  return [
    ...approvals.map((each) => {
      const { from, to, flows, deviation } = each;
      const odd = deviation === undefined ? "" : ` with deviation ${deviation}`;
      return `approval of ${flows.join("; ")}${odd} from ${[from].flat().join(", ")} to ${[to].flat().join(", ")} ${governed(each)}`;
    }),
    ...waivers.map((each) => {
      const where = each.guest === undefined ? "" : ` for guest ${each.guest}`;
      return `waiver of ${each.control}${where} ${governed(each)}`;
    }),
  ];
}
