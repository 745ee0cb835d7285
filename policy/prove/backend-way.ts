import { type Estate, guestOf, type Route } from "../estate.ts";
import { guestById } from "./owners.ts";
import type { Found, Proof } from "./proof.ts";
import { closedWay, flowBetween } from "./way.ts";

/** RTE-002: Traefik reaches what each name is routed to, and that is a declared guest's own address. */
export function proveBackendWays(estate: Estate): Proof<Found> {
  const backends = [...Map.groupBy(estate.routes, ({ guestId, port }) => `${guestId} ${port}`).values()];
  return {
    control: "RTE-002",
    statement: "Traefik reaches the declared guest and port of each routed name.",
    space: `${estate.routes.length} routes to ${backends.length} backends`,
    violations: backends.flatMap((routes) => closedTo(estate, routes) ?? []),
    notes: [],
  };
}

function closedTo(estate: Estate, routes: readonly Route[]): Found | undefined {
  const [route] = routes;
  const names = routes.map(({ hostname }) => hostname);
  if (!route) return undefined;
  const guest = guestById(estate, route.guestId);
  if (guest?.address !== route.address) {
    const message = `${names.join(", ")} is routed to ${route.address}, which is not guest ${route.guestId}'s`;
    return { message, position: route.position, remedy: "Route the name to a declared guest." };
  }
  return closedWay(estate, {
    flow: flowBetween(estate, guestOf(estate, "mesh").id, guest.id, "tcp", route.port),
    loss: `${names.join(", ")} ${names.length > 1 ? "are" : "is"} not served`,
    comment: `Traefik forwards to ${guest.name}${route.tls ? " over HTTPS" : ""}`,
  });
}
