import type { Estate } from "../policy/estate.ts";
import { desired } from "./desired.ts";
import { plan } from "./plan.ts";
import type { Plan, Resource } from "./resource.ts";

const NETWORK: ReadonlySet<Resource["kind"]> = new Set(["namespace", "firewall", "links"]);

/** What makes an estate's namespaces, rules and links in an empty lab, and no server: all that packets need. */
export function networkPlan(estate: Estate): Plan {
  const network = desired(estate).filter(({ kind }) => NETWORK.has(kind));
  return plan(network, new Map());
}
