import { decide } from "../decide.ts";
import type { Estate, Position } from "../estate.ts";
import type { Decision, Flow, Place } from "../flow.ts";
import { addressAt, guestById } from "./owners.ts";
import { openingOf, type Wanted } from "./opening.ts";
import type { Found } from "./proof.ts";

/** The first packet of a connection between two places, each under its own address. */
export function flowBetween(
  estate: Estate,
  from: Place,
  to: Place,
  proto: "tcp" | "udp",
  dport: number,
): Flow {
  return { from, to, proto, source: addressAt(estate, from), dest: addressAt(estate, to), dport };
}

/** A way that has to be open: whose packet, and what fails without it (`so ...`). */
export interface Way extends Wanted {
  readonly flow: Flow;
  readonly loss: string;
}

/** That the declaration stops it; undefined where it is open. */
export function closedWay(estate: Estate, way: Way): Found | undefined {
  const { flow } = way;
  const decision = decide(estate, flow);
  return decision.verdict === "accept" ? undefined : closedBy(estate, decision, way);
}

function closedBy(estate: Estate, decision: Decision, { flow, loss, ...wanted }: Way): Found {
  const port = flow.dport === undefined ? "" : ` ${flow.dport}`;
  const way = `${placeInWords(estate, flow.from)} does not reach ${placeInWords(estate, flow.to)} on ${flow.proto}${port}`;
  return {
    message: `${way}, so ${loss}: ${stopperInWords(decision)}`,
    position: positionOf(estate, decision),
    witness: flow,
    ...opened(estate, flow, wanted),
  };
}

const CLOSED = "No rule can open it: change what stops it.";

/** What lets the flow through; and what does by new rules alone, where the first changes others. */
export function opened(
  estate: Estate,
  flow: Flow,
  wanted: Wanted,
): Pick<Found, "remedy" | "patch" | "instead"> {
  const opening = openingOf(estate, flow, wanted);
  if (!opening) return { remedy: CLOSED };
  const isNew = opening.patch.every(({ op }) => op === "add");
  const instead = isNew ? undefined : openingOf(estate, flow, wanted, "new rules");
  return { ...opening, ...(instead && { instead }) };
}

/** What stopped the packet, and where on its way. */
function stopperInWords({ verdict, decider, hops }: Decision): string {
  const where = hops.at(-1)?.where ?? "";
  const verb = verdict === "reject" ? "rejects" : "drops";
  switch (decider.kind) {
    case "rule":
      return `${decider.text} ${verb} it ${where}`;
    case "policy":
      return `the default policy ${decider.policy} ${verb} it ${where}`;
    case "standing":
    case "builtin":
    case "gateway":
    case "unfiltered":
      return `${decider.text}, ${where}`;
  }
}

function positionOf({ host }: Estate, { decider }: Decision): Position {
  return "position" in decider ? decider.position : host.position;
}

/** `Traefik (guest 102)`, `the host`, `wan`. */
export function placeInWords(estate: Estate, place: Place): string {
  const guest = guestById(estate, place);
  if (guest) return `${guest.name} (guest ${guest.id})`;
  return place === "host" ? "the host" : place;
}
