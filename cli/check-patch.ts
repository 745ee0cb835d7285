import { EXIT, HarnessError } from "../errors.ts";
import type { Estate } from "../policy/estate.ts";
import { lint } from "../policy/lint/lint.ts";
import { proveAll } from "../policy/prove/all.ts";
import { mend } from "../policy/prove/mend.ts";
import { patchedEstate } from "../policy/prove/patched-estate.ts";
import type { PatchOperation, Proof } from "../policy/prove/proof.ts";
import { sentenceOf } from "../policy/prove/trials.ts";
import { nodeOf } from "../policy/proxmox/node.ts";
import { readDeclaration } from "../policy/read.ts";
import { asciiJson } from "../reports/ascii-json.ts";
import { proofsOf } from "./check-operator.ts";
import { type Blamed, unpatchedText } from "./check-text.ts";

/**
 * Prints what mends an estate, by file, and on stderr what is left and why. The exit status is that of the files as they are:
 * 1 where anything is found, 4 where not all could be decided.
 */
export function printPatch(folder: string): number {
  const declared = readDeclaration(folder);
  if (declared.kind === "proxmox") throw noPhoenix(folder);
  const { estate } = declared;
  const found = findAll(estate);
  const operations = patchOf(estate);
  const patches = [...Map.groupBy(operations, ({ file }) => file)].map(
    ([file, own]) => [file, own.map(standardForm)] as const,
  );
  process.stdout.write(`${asciiJson(Object.fromEntries(patches))}\n`);
  for (const each of leftOf(estate, operations, found)) process.stderr.write(unpatchedText(each));
  if (violationsIn(found).length > 0) return EXIT.findings;
  return found.some(({ undecided }) => undecided !== undefined) ? EXIT.inconclusive : EXIT.conformant;
}

function noPhoenix(folder: string): HarnessError {
  return new HarnessError("usage", {
    subject: `phx check ${folder} --fix-patch`,
    expected: "Phoenix files, since a JSON patch is of JSON",
    actual: "Proxmox's .fw files",
    remedy: "Leave --fix-patch out: each finding has its remedy in words.",
  });
}

/** As RFC 6902 has it: which file it is for stands beside it. */
function standardForm({ file: _file, ...operation }: PatchOperation): Omit<PatchOperation, "file"> {
  return operation;
}

/** Controls first: what mends one may leave a rule that repeats another. */
function patchOf(estate: Estate): readonly PatchOperation[] {
  const proved = mend(estate, proveAll);
  return [...proved, ...mend(patchedEstate(estate, proved), findAll)];
}

/** What is wrong by a control or a lint; what is a note is not. */
function findAll(estate: Estate): readonly Proof[] {
  return [...proofsOf(estate), ...lintProofs(estate)];
}

/** Findings of the lint as violations. A rule that repeats another can go, whoever wrote it; all else has more than one end. */
function lintProofs(estate: Estate): readonly Proof[] {
  const { findings } = lint(nodeOf(estate), { ...estate, kind: "phoenix" });
  return findings
    .filter(({ level }) => level === "finding")
    .map(({ lint: control, message, position, remedy }) => {
      const { file, pointer } = position;
      const patch = [{ file, op: "remove", path: pointer }] as const;
      const violation = { message, position, remedy, ...(control === "duplicate-rule" && { patch }) };
      return { control, statement: "", space: "", violations: [violation], notes: [] };
    });
}

function violationsIn(proofs: readonly Proof[]): readonly Blamed[] {
  return proofs.flatMap(({ control, violations }) => violations.map((each) => ({ control, ...each })));
}

/** What the patched files still have, at its place in those that were read. */
function leftOf(
  estate: Estate,
  operations: readonly PatchOperation[],
  found: readonly Proof[],
): readonly Blamed[] {
  const places = Map.groupBy(violationsIn(found), sentenceOf);
  const left = operations.length === 0 ? found : findAll(patchedEstate(estate, operations));
  return violationsIn(left).map((each) => {
    const before = places.get(sentenceOf(each))?.shift();
    return before ? { ...each, message: before.message, position: before.position } : each;
  });
}
