import { type AcmeClient, acmeClients, type CertifiedName } from "../../policy/acme-client.ts";
import { type Estate, guestOf, type Route } from "../../policy/estate.ts";
import type { DnsProbe, PacketProbe, RecordProbe, TcpProbe, TlsProbe } from "../../probes/probe.ts";
import type { Control, Observations } from "../control.ts";
import { declaredAt } from "../declared.ts";
import type { Check } from "../finding.ts";
import { denialCheck, isByRule } from "../packets.ts";
import { connection, sweepsTo } from "../sweep.ts";
import { serviceCheck } from "../check.ts";
import { ACME_CONTROLS, obtainChecks, obtainProbes } from "./acme.ts";

export function handshake(from: string, address: string, port: number, servername: string): TlsProbe {
  const id = `tls ${from} > ${address}:${port} ${servername}`;
  return { kind: "tls", id, from, address, port, servername, roots: "internal" };
}

/** What Traefik shows Nginx for a declared name. */
function served(estate: Estate, { hostname }: Route): TlsProbe {
  return handshake(guestOf(estate, "gateway").id, guestOf(estate, "mesh").address, 443, hostname);
}

const ORDERS: RecordProbe = { kind: "record", id: "record ca-orders", from: "ca", record: "ca-orders" };
/** What the validator resolves a certified name to: it must be where the ACME client listens. */
function casAnswer(estate: Estate, { name }: CertifiedName): DnsProbe {
  const { id } = guestOf(estate, "ca");
  const server = estate.host.address;
  const asked = { server, transport: "udp", name, type: "A" } as const;
  return { kind: "dns", id: `dns ${id} > ${server} A ${name}`, from: id, ...asked };
}

/** Each name that is to be certified, with the client that orders it. */
function certified(estate: Estate): { readonly client: AcmeClient; readonly name: CertifiedName }[] {
  return acmeClients(estate).flatMap((client) => client.names.map((name) => ({ client, name })));
}

const byAcme: Control = {
  id: "PKI-001",
  probes: (estate) => [
    ORDERS,
    ...estate.routes.map((route) => served(estate, route)),
    ...certified(estate).map(({ name }) => casAnswer(estate, name)),
    ...obtainProbes(estate),
  ],
  judge: (estate, seen) => [
    ...estate.routes.flatMap((route) => [chainCheck(estate, seen, route), orderCheck(estate, seen, route)]),
    ...certified(estate).map(({ client, name }) => viewCheck(estate, seen, client, name)),
    ...obtainChecks(estate, seen),
  ],
};

function chainCheck(estate: Estate, seen: Observations, route: Route): Check {
  const { id, facts, answer, outcome } = seen.service(served(estate, route).id);
  const names = Array.isArray(facts.names) ? facts.names : [];
  return serviceCheck(
    outcome,
    facts.authorized === true && names.length === 1 && names[0] === route.hostname,
    {
      title: `Traefik's certificate for ${route.hostname} chains to Step-CA's root`,
      expected: `a chain to the pinned root that names ${route.hostname} alone`,
      observed: answer,
      reason: `Traefik's certificate for ${route.hostname}: ${answer}`,
      declared: declaredAt(estate, route.position),
      evidence: [id],
    },
  );
}

/** The certificate on the wire is one of the CA's record, and its order was validated by tls-alpn-01. */
function orderCheck(estate: Estate, seen: Observations, route: Route): Check {
  const shown = seen.service(served(estate, route).id);
  const record = seen.service(ORDERS.id);
  const issued = Array.isArray(record.facts.issued) ? record.facts.issued : [];
  const serial = String(shown.facts.serial ?? "").replace(/^0+/, "");
  const line = issued.find((each) => each.split(" ")[0] === serial);
  const expected = `${route.hostname} ${estate.ca.provisioner} tls-alpn-01`;
  const outcome = record.outcome === "unknown" ? "unknown" : shown.outcome;
  return serviceCheck(outcome, line === `${serial} ${expected}`, {
    title: `the certificate for ${route.hostname} came by tls-alpn-01`,
    expected: `serial ${serial || "of the certificate"} in the CA's record: ${expected}`,
    observed: line ?? `serial ${serial || "none"} is not in the CA's record`,
    reason: line
      ? `the CA's record says: ${line}`
      : `the certificate that Traefik shows for ${route.hostname} (${shown.answer}) is not in the CA's record; ${orderState(record.facts, route.hostname)}`,
    declared: declaredAt(estate, route.position),
    evidence: [shown.id, record.id],
  });
}

/** How the CA's last order of a name stands. Traefik repeats none that failed, and its log says nothing of one that waits. */
function orderState({ stands }: ReturnType<Observations["service"]>["facts"], hostname: string): string {
  const state = Array.isArray(stands) ? stands.find((line) => line.startsWith(`${hostname}: `)) : undefined;
  if (state?.includes(": order valid")) return state;
  return `${state ?? `${hostname}: the CA has no order of it`}. Traefik orders again only when its configuration changes or it starts`;
}

function viewCheck(estate: Estate, seen: Observations, { guest }: AcmeClient, asked: CertifiedName): Check {
  const { id, facts, answer, outcome } = seen.service(casAnswer(estate, asked).id);
  const { name, position } = asked;
  const answers = Array.isArray(facts.answers) ? facts.answers : [];
  const client = guest.role === "mesh" ? "Traefik" : guest.name;
  return serviceCheck(outcome, answers.length === 1 && answers[0] === `${name} A ${guest.address}`, {
    title: `Step-CA resolves ${name} to where ${client} listens`,
    expected: `A ${guest.address}`,
    observed: answer,
    reason: `in the CA's view ${name} is ${answer}: tls-alpn-01 would be answered elsewhere`,
    declared: declaredAt(estate, position),
    evidence: [id],
  });
}

export interface Endpoint {
  readonly title: string;
  readonly probe: TlsProbe;
}

/** Every internal TLS endpoint: Traefik under each name, each https backend, Step-CA's API. */
export function endpoints(estate: Estate): Endpoint[] {
  const mesh = guestOf(estate, "mesh").id;
  const ca = guestOf(estate, "ca").address;
  const { dnsName, port } = estate.ca;
  return [
    ...estate.routes.map((route) => ({
      title: `Traefik as ${route.hostname}`,
      probe: served(estate, route),
    })),
    ...estate.routes
      .filter(({ tls }) => tls)
      .map((route) => ({
        title: `guest ${route.guestId} as ${route.hostname}`,
        probe: handshake(mesh, route.address, route.port, route.hostname),
      })),
    { title: `Step-CA as ${dnsName}`, probe: handshake(mesh, ca, port, dnsName) },
  ];
}

function sweepsToCa(estate: Estate): PacketProbe[] {
  return sweepsTo(estate, guestOf(estate, "ca").id);
}

/** The declared client that shows the CA alive: Traefik, which orders there. */
function caTwin(estate: Estate): TcpProbe {
  return connection(estate, guestOf(estate, "mesh").id, guestOf(estate, "ca").id, estate.ca.port);
}

/** The statement speaks of the API's port, which every place is asked for. */
const declaredClients: Control = {
  id: "PKI-004",
  probes: (estate) => [...sweepsToCa(estate), caTwin(estate)],
  judge: (estate, seen) => {
    const { id: ca, name } = guestOf(estate, "ca");
    return sweepsToCa(estate).map(({ id, from }) =>
      denialCheck(estate, seen, {
        title: `${from} reaches Step-CA only as declared`,
        seen: [seen.packets(id)],
        twins: [caTwin(estate)],
        permits: ({ decision }) => from !== "wan" && from !== "lan" && isByRule(decision),
        expected: "Step-CA answers declared hosts and guests only, never wan or a plain device of the LAN",
        destination: `Step-CA (guest ${ca}, ${name})`,
      }),
    );
  },
};

export const PKI_CONTROLS: readonly Control[] = [byAcme, ...ACME_CONTROLS, declaredClients];
