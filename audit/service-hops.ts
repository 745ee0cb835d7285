import { isResponder } from "../policy/acme-client.ts";
import { type Estate, type Guest, guestOf, type Position } from "../policy/estate.ts";
import { at } from "./declared.ts";
import { declaredPorts } from "./ports.ts";
import { isDeclared } from "./sweep.ts";

/** A declared way from one guest to a TCP service of another, and the name by which it is asked for. */
export interface ServiceHop {
  readonly from: Guest;
  readonly to: Guest;
  readonly port: number;
  readonly name: string;
  /** By declaration: Traefik, Step-CA and backends that are routed by https. */
  readonly tls: boolean;
  /** Where the name is declared. */
  readonly position: Position;
  /** Whether the name is the service's own record inside: behind Traefik it is the backend's. */
  readonly isResolved: boolean;
}

/**
 * Each declared pair of guest and service, by internal name. Not among them: Nginx, whose names are public (EDGE-003), an
 * ACME client's responder, which listens only while it is validated, and a guest without any name.
 */
export function serviceHops(estate: Estate): ServiceHop[] {
  const ports = declaredPorts(estate);
  return estate.guests.flatMap((to) =>
    estate.guests
      .filter((from) => from !== to && to.role !== "gateway")
      .flatMap((from) =>
        ports
          .filter(
            (port) => !isResponder(estate, to.id, port) && isDeclared(estate, from.id, to.id, `tcp/${port}`),
          )
          .flatMap((port) => namesOf(estate, to, port).map((name) => ({ from, to, port, ...name }))),
      ),
  );
}

type Named = Pick<ServiceHop, "name" | "tls" | "isResolved" | "position">;

function namesOf(estate: Estate, to: Guest, port: number): Named[] {
  const { ca, dns, routes } = estate;
  const isMesh = to === guestOf(estate, "mesh");
  const served = routes.filter((route) => isMesh || (route.guestId === to.id && route.port === port));
  if (isMesh || served.length > 0)
    return served.map(({ hostname, tls, position }) => {
      return { name: hostname, tls: isMesh || tls, isResolved: !isMesh, position };
    });
  const isCa = to === guestOf(estate, "ca") && port === ca.port;
  if (isCa) return [{ name: ca.dnsName, tls: true, isResolved: true, position: to.position }];
  const [record] = dns.internal.filter(({ address }) => address === to.address);
  return record ? [{ name: record.name, tls: false, isResolved: true, position: record.position }] : [];
}

/** Those that are declared without TLS, a sentence each. */
export function plainHops(estate: Estate): string[] {
  return serviceHops(estate)
    .filter(({ tls }) => !tls)
    .map(
      ({ from, to, port, name, position }) =>
        `plain text by declaration: ${from.name} (guest ${from.id}) to guest ${to.id} at ${to.address}:${port} for ${name}, ${at(position)}`,
    );
}
