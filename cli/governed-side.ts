import { join } from "node:path";
import { HarnessError } from "../errors.ts";
import { CONFORMANCE_FILE, type Exceptions, parseConformance } from "../policy/approval.ts";
import { diffOf, type GovernedSide } from "../policy/diff/diff.ts";
import { groupChanges } from "../policy/diff/group.ts";
import { sideOf } from "../policy/diff/side.ts";
import { decodeStrictly } from "../policy/read-file.ts";
import type { DiffInput } from "../reports/diff-words.ts";
import { type Side, toldOf } from "./diff-sides.ts";

/** A side with what its conformance.json approves and waives. @throws HarnessError (exit 2), told as that side's */
export function governed(name: string, { title, tree, declaration }: Side): GovernedSide {
  const { folder } = declaration;
  const side = sideOf(declaration);
  const path = join(folder, CONFORMANCE_FILE);
  const isThere = tree.entriesOf(folder).some((entry) => entry.name === CONFORMANCE_FILE);
  return {
    ...side,
    exceptions: isThere
      ? toldOf(`${name} ${title}`, () => exceptionsIn(path, tree.readRegularFile(path)))
      : NONE,
  };
}

const NONE: Exceptions = { approvals: [], waivers: [] };

function exceptionsIn(path: string, bytes: Buffer): Exceptions {
  const text = decodeStrictly(bytes);
  if (text !== undefined) return parseConformance(text);
  const detail = {
    subject: path,
    expected: "text in UTF-8",
    actual: "other bytes",
    remedy: "Save the file as UTF-8.",
  };
  throw new HarnessError("json-syntax", detail);
}

/** What becomes of packets and names between the sides, as the renderers take it; approvals are judged as of now. */
export function compared(
  [base, was]: readonly [Side, GovernedSide],
  [head, is]: readonly [Side, GovernedSide],
): DiffInput {
  const diff = diffOf(was, is, new Date());
  const places = new Set(
    [was, is].flatMap(({ node }) => [...node.nics.map(({ place }) => place), "lan", "host", "beyond"]),
  ).size;
  return { diff, groups: groupChanges(diff.packets), base: base.title, head: head.title, places };
}
