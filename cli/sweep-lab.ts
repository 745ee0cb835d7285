import { resolve } from "node:path";
import { apply } from "../converge/apply.ts";
import { networkPlan } from "../converge/network.ts";
import { HarnessError } from "../errors.ts";
import { createLab, findLab, type Lab, standingLabs } from "../lab/lab.ts";
import { holdLab } from "../lab/record.ts";
import type { Estate } from "../policy/estate.ts";
import { readEstate } from "../policy/read.ts";
import { labNameOf, REFERENCE_FOLDER } from "./labs.ts";

/** What is swept: the files, and the lab of them that stands, if one does. */
export interface SweepSubject {
  readonly estate: Estate;
  readonly standing: Lab | undefined;
}

/**
 * The standing lab of that name; else the folder of that name, with the lab that was converged from it where that one
 * stands. Without a word: the only lab that was left standing, else the reference estate.
 */
export function subjectOf(word: string | undefined): SweepSubject {
  const labs = standingLabs();
  const isNamed = labs.some(({ name, handedOver }) => (word === undefined ? handedOver : name === word));
  if (isNamed) {
    const standing = findLab(word);
    return { estate: readEstate(estateOf(standing)), standing };
  }
  const folder = word ?? REFERENCE_FOLDER;
  const estate = readEstate(folder);
  const named = labs.find(({ name }) => name === labNameOf(folder));
  return { estate, standing: named?.estate === estate.folder ? named : undefined };
}

function estateOf({ name, estate }: Lab): string {
  if (estate !== undefined) return resolve(estate);
  const expected = "the files it was converged from";
  throw new HarnessError("lab-missing", { subject: `lab ${name}`, expected, actual: "none on record" });
}

/** A lab to sweep. One that stood stays; nobody else changes it meanwhile. One that was built is gone when disposed of. */
export interface SweepLab extends AsyncDisposable {
  readonly lab: Lab;
  readonly isStanding: boolean;
}

/** Takes the standing lab, or builds the network of the files for the while. Throws `lab-busy`, `lab-start`. */
export async function takeLab(
  { estate, standing }: SweepSubject,
  say: (line: string) => void,
): Promise<SweepLab> {
  if (standing) {
    const held = await holdLab(standing.name, say);
    const release = () => Promise.resolve(held[Symbol.dispose]());
    return { lab: findLab(standing.name), isStanding: true, [Symbol.asyncDispose]: release };
  }
  const owned = await createLab(`sweep-${process.pid}`);
  await apply(owned.lab, networkPlan(estate), {});
  return { lab: owned.lab, isStanding: false, [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose]() };
}
