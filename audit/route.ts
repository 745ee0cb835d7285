import { type Estate, guestOf, type Route } from "../policy/estate.ts";
import { describeDecider } from "../policy/explain.ts";
import { expectation } from "./expectation.ts";

/** Where the declaration itself keeps Traefik from the backend: by what. */
export function closedTo(estate: Estate, { guestId, port }: Route): string {
  const { verdict, decider } = expectation(estate, guestOf(estate, "mesh").id, guestId, `tcp/${port}`);
  return verdict === "accept"
    ? ""
    : `; Traefik may not reach guest ${guestId} on tcp/${port}: ${describeDecider(decider)}`;
}
