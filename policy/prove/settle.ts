import type { Estate } from "../estate.ts";
import { choicesOf, firstMending } from "./closing.ts";
import type { Found, Proof, Violation } from "./proof.ts";
import { type Broken, Trials } from "./trials.ts";

/**
 * The proofs with a patch for each violation of which one is known to mend it and to break nothing. What no trial was made
 * of for want of time has the patch that its own proof offers, where that has one.
 */
export function settled(estate: Estate, proofs: readonly Proof<Found>[]): readonly Proof[] {
  const trials = new Trials(estate, proofs);
  return proofs.map((proof) => {
    const all = proof.violations.map((each) => settle(trials, { ...each, control: proof.control }));
    const violations = all.map(({ violation }) => violation);
    const count = all.filter(({ isUntried }) => isUntried).length;
    return { ...proof, violations, notes: [...proof.notes, ...untried(estate, count)] };
  });
}

const UNTRIED = "no patch was tried: of so large an estate only a few are";
const UNKNOWN = "only who wrote it can say what was meant";

interface Settled {
  readonly violation: Violation;
  readonly isUntried?: boolean;
}

function settle(trials: Trials, broken: Broken): Settled {
  const { control: _control, decider, instead, patch, ...violation } = broken;
  trials.isSpent = false;
  const mending = firstMending(trials, broken);
  if (mending) return { violation: { ...violation, ...mending } };
  if (trials.isSpent) {
    const untested = patch ? { patch } : { unpatched: UNTRIED };
    return { violation: { ...violation, ...untested }, isUntried: true };
  }
  const breaks = brokenBy(trials, broken);
  const isKnown = patch !== undefined || instead !== undefined || decider !== undefined;
  const tried =
    breaks.length > 0 ? `what was tried breaks ${breaks.join(", ")}` : "nothing that was tried ends it";
  return { violation: { ...violation, unpatched: isKnown ? tried : UNKNOWN } };
}

/** The controls that each choice would break. */
function brokenBy(trials: Trials, broken: Broken): readonly string[] {
  const added = [...choicesOf(trials, broken)].flatMap(({ patch }) => trials.of(patch)?.added ?? []);
  return [...new Set(added.map(({ control }) => control))].sort();
}

function untried({ guests }: Estate, count: number): readonly string[] {
  return count === 0
    ? []
    : [`no patch was tried for ${count} of these: of an estate of ${guests.length} guests only a few are`];
}
