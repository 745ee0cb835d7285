import { type Estate, guestOf } from "../estate.ts";
import type { Found, Proof } from "./proof.ts";
import { closedWay, flowBetween, type Way } from "./way.ts";

/** EDGE-005: a request for a public name finds its way from the internet to Nginx, and from Nginx to Traefik. */
export function provePublicWay(estate: Estate): Proof<Found> {
  const ways = waysOf(estate);
  return {
    control: "EDGE-005",
    statement: "Nginx takes HTTPS from the internet and reaches Traefik.",
    space: `${ways.length} flows, for ${estate.publicNames.length} public names and ${estate.routes.length} routes`,
    violations: ways.flatMap((way) => closedWay(estate, way) ?? []),
    notes: [],
  };
}

function waysOf(estate: Estate): readonly Way[] {
  const { publicNames, routes } = estate;
  const gateway = guestOf(estate, "gateway").id;
  const mesh = guestOf(estate, "mesh").id;
  const entrance = {
    flow: flowBetween(estate, "wan", gateway, "tcp", 443),
    loss: `nobody outside opens any of ${publicNames.length} public names`,
    comment: "Public HTTPS from anywhere",
  };
  const forward = {
    flow: flowBetween(estate, gateway, mesh, "tcp", 443),
    loss: `no request for any of ${routes.length} routes comes through`,
    comment: "The gateway forwards every public request",
  };
  return [...(publicNames.length > 0 ? [entrance] : []), ...(routes.length > 0 ? [forward] : [])];
}
