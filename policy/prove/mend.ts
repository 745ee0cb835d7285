import type { Estate } from "../estate.ts";
import { patchedEstate } from "./patched-estate.ts";
import type { PatchOperation, Proof } from "./proof.ts";
import { sentenceOf } from "./trials.ts";

/** A patch may uncover what another one is for; each round takes away at least one violation. */
const MOST_ROUNDS = 100;

type Prove = (estate: Estate) => readonly Proof[];
type Patch = readonly PatchOperation[];

/** An estate and what is violated of it. */
interface State {
  readonly estate: Estate;
  readonly proofs: readonly Proof[];
}

/**
 * One patch of all that the proofs have a patch for: to be applied in its order. Patches of one list move each other's
 * places, two violations may ask for the same, and what two patches do together may be too much: so each round proves what
 * it has left, and takes no step by which a violation comes or none goes.
 */
export function mend(estate: Estate, prove: Prove): Patch {
  const operations: PatchOperation[] = [];
  let now: State = { estate, proofs: prove(estate) };
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const step = stepFrom(now, prove);
    if (!step) break;
    operations.push(...step.patch);
    now = step;
  }
  return operations;
}

/** All patches at once that can't disturb each other; where that is no step forward, the first that is one. */
function stepFrom(now: State, prove: Prove): (State & { readonly patch: Patch }) | undefined {
  const patches = patchesOf(now.proofs);
  for (const patch of [undisturbed(patches), ...patches]) {
    const estate = patch.length === 0 ? now.estate : patchedEstate(now.estate, patch);
    if (isSame(estate, now.estate)) continue;
    const next = { estate, proofs: prove(estate) };
    if (isForward(now.proofs, next.proofs)) return { ...next, patch };
  }
  return undefined;
}

function patchesOf(proofs: readonly Proof[]): readonly Patch[] {
  const all = proofs.flatMap(({ violations }) => violations.flatMap(({ patch }) => (patch ? [patch] : [])));
  return [...new Map(all.map((patch) => [JSON.stringify(patch), patch])).values()];
}

function isSame(a: Estate, b: Estate): boolean {
  return a.files.every(({ text }, index) => text === b.files[index]?.text);
}

function isForward(before: readonly Proof[], after: readonly Proof[]): boolean {
  const [was, is] = [before, after].map(sentencesOf);
  const known = new Set(was);
  return (is?.length ?? 0) < (was?.length ?? 0) && (is ?? []).every((each) => known.has(each));
}

function sentencesOf(proofs: readonly Proof[]): readonly string[] {
  return proofs.flatMap(({ control, violations }) =>
    violations.map(({ message }) => sentenceOf({ control, message })),
  );
}

/** Those in whose containers, and around them, no earlier one has moved anything. */
function undisturbed(patches: readonly Patch[]): Patch {
  const taken = new Set<string>();
  return patches.flatMap((patch) => {
    const containers = patch.flatMap(containersOf);
    if (containers.some((each) => pathsTo(each).some((path) => taken.has(path)))) return [];
    for (const each of containers) taken.add(each);
    return patch;
  });
}

/** The containers of the values that an operation names, where it may move others. */
function containersOf(operation: PatchOperation): readonly string[] {
  const pointers = operation.op === "move" ? [operation.path, operation.from] : [operation.path];
  return pointers.map((pointer) => `${operation.file}${pointer.slice(0, pointer.lastIndexOf("/"))}`);
}

/** A container's own path, and those of all around it. */
function pathsTo(container: string): readonly string[] {
  const segments = container.split("/");
  return segments.map((_, index) => segments.slice(0, index + 1).join("/"));
}
