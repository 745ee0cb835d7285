import { HarnessError } from "../errors.ts";
import { stepCa } from "./step-ca.ts";
import { type Component, locate, type Recipe } from "./store.ts";
import { traefik } from "./traefik.ts";

/** The real servers that Debian does not carry. */
export const RECIPES: readonly Recipe[] = [traefik, stepCa];

/**
 * Traefik and Step-CA, each digest just read (0.2 s, on threads of their own: start it early and await it late). Throws
 * `component-missing` and `component-digest`.
 */
export async function locateComponents(): Promise<Component[]> {
  return Promise.all(RECIPES.map(async (recipe) => (await locate(recipe)) ?? missing(recipe)));
}

function missing(recipe: Recipe): never {
  throw new HarnessError("component-missing", {
    subject: recipe.name,
    expected: `version ${recipe.version}`,
    actual: "none installed",
  });
}
