import type { Estate } from "../estate.ts";
import { findAll } from "./found.ts";
import { patchedEstate } from "./patched-estate.ts";
import type { Found, PatchOperation, Proof, Violation } from "./proof.ts";
import { tooLong } from "./size.ts";

/** A violation and the control that it breaks. */
export type Broken = Found & { readonly control: string };

/** An estate once a patch was applied. */
export interface Trial {
  readonly estate: Estate;
  readonly proofs: readonly Proof<Found>[];
  /** Violations that were not there before. */
  readonly added: readonly Broken[];
  /** How many there are of each, by `sentenceOf`. */
  readonly counts: ReadonlyMap<string, number>;
}

/** What may still be tried: each trial reads an estate anew and proves it whole. */
interface Purse {
  trials: number;
  guests: number;
}

/** Of a small estate 256 patches are tried, of a large one as many as make 8,000 guests. */
const MOST_TRIALS = 256;
const MOST_GUESTS = 8_000;

/** Patches of one estate, each tried once. */
export class Trials {
  readonly estate: Estate;
  /** Whether a trial was not made for want of means. */
  isSpent = false;
  readonly #counts: ReadonlyMap<string, number>;
  readonly #purse: Purse;
  readonly #known = new Map<string, Trial | undefined>();

  constructor(estate: Estate, proofs: readonly Proof<Found>[], purse?: Purse) {
    this.estate = estate;
    this.#counts = countsOf(brokenIn(proofs));
    const isLong = tooLong(estate) !== undefined;
    this.#purse = purse ?? { trials: isLong ? 0 : MOST_TRIALS, guests: MOST_GUESTS };
  }

  /** Undefined where the patched files are no estate, or nothing may be tried any more. */
  of(patch: readonly PatchOperation[]): Trial | undefined {
    const key = JSON.stringify(patch);
    if (this.#known.has(key)) return this.#known.get(key);
    const purse = this.#purse;
    const price = this.estate.guests.length;
    if (purse.trials < 1 || purse.guests < price) {
      this.isSpent = true;
      return undefined;
    }
    purse.trials -= 1;
    purse.guests -= price;
    const made = this.#make(patch);
    this.#known.set(key, made);
    return made;
  }

  /** Trials of what a trial left, from the same purse. */
  within({ estate, proofs }: Trial): Trials {
    return new Trials(estate, proofs, this.#purse);
  }

  /** Whether a trial has left fewer violations like this one than there were. */
  ends(broken: Broken, { counts }: Trial): boolean {
    const sentence = sentenceOf(broken);
    return (counts.get(sentence) ?? 0) < (this.#counts.get(sentence) ?? 0);
  }

  #make(patch: readonly PatchOperation[]): Trial | undefined {
    const estate = estateAfter(this.estate, patch);
    if (!estate) return undefined;
    const proofs = findAll(estate);
    const after = brokenIn(proofs);
    const counts = countsOf(after);
    const isNew = (sentence: string) => (counts.get(sentence) ?? 0) > (this.#counts.get(sentence) ?? 0);
    return { estate, proofs, counts, added: after.filter((each) => isNew(sentenceOf(each))) };
  }
}

function estateAfter(estate: Estate, patch: readonly PatchOperation[]): Estate | undefined {
  try {
    return patchedEstate(estate, patch);
  } catch {
    return undefined;
  }
}

function brokenIn(proofs: readonly Proof<Found>[]): readonly Broken[] {
  return proofs.flatMap(({ control, violations }) => violations.map((each) => ({ ...each, control })));
}

function countsOf(broken: readonly Broken[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const each of broken) {
    const sentence = sentenceOf(each);
    counts.set(sentence, (counts.get(sentence) ?? 0) + 1);
  }
  return counts;
}

/** What a violation says, but for its places: a patch moves lines. */
export function sentenceOf({ control, message }: Pick<Violation, "message"> & { control: string }): string {
  return `${control} ${message.replaceAll(/:\d+:\d+( \/\S*)?/g, "")}`;
}
