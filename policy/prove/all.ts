import type { Estate } from "../estate.ts";
import { findAll } from "./found.ts";
import type { Proof } from "./proof.ts";
import { settled } from "./settle.ts";

/**
 * Everything that the declaration alone decides: a proof each, in the catalogue's order. Each patch of a violation was tried:
 * without that violation, and with no other one, is what it leaves. Pure.
 */
export function proveAll(estate: Estate): readonly Proof[] {
  return settled(estate, findAll(estate));
}
