import type { Estate } from "../estate.ts";
import { patchedEstate } from "./patched-estate.ts";
import type { PatchOperation, Proof } from "./proof.ts";

/** Each round applies all patches that can't disturb each other; a patch may uncover what another one is for. */
const MOST_ROUNDS = 100;

/**
 * One patch of all that the proofs have a patch for: to be applied in its order. Patches of one list move each other's
 * places, and two violations may ask for the same, so each round proves again what the one before has left.
 */
export function mend(estate: Estate, prove: (estate: Estate) => readonly Proof[]): readonly PatchOperation[] {
  const operations: PatchOperation[] = [];
  let now = estate;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const next = undisturbed(prove(now));
    if (next.length === 0) return operations;
    operations.push(...next);
    now = patchedEstate(now, next);
  }
  return operations;
}

/** Patches in whose containers, and around them, no earlier one has moved anything. */
function undisturbed(proofs: readonly Proof[]): readonly PatchOperation[] {
  const taken = new Set<string>();
  return proofs.flatMap(({ violations }) =>
    violations.flatMap(({ patch = [] }) => {
      const containers = patch.flatMap(containersOf);
      if (containers.some((each) => pathsTo(each).some((path) => taken.has(path)))) return [];
      for (const each of containers) taken.add(each);
      return patch;
    }),
  );
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
