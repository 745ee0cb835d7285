import { type AcmeClient, acmeClients, certifiedNames, RESPONDER_PORT } from "../acme-client.ts";
import { casAnswers } from "../ca-view.ts";
import { type Estate, guestOf, type Route } from "../estate.ts";
import { acmeRuleFor, challengeRules } from "./challenge.ts";
import { askedElsewhere } from "./name-server.ts";
import type { Found, Proof } from "./proof.ts";
import { closedWay, flowBetween } from "./way.ts";

/**
 * PKI-001: each name that is to be certified resolves, for Step-CA, to where its ACME client listens; the order and the
 * validation by TLS-ALPN-01 (RFC 8737) find their way.
 */
export function proveCertificates(estate: Estate): Proof<Found> {
  const clients = acmeClients(estate).filter(({ names }) => names.length > 0);
  return {
    control: "PKI-001",
    statement:
      "Step-CA resolves each certified name to its ACME client's address; the client reaches Step-CA's API, and Step-CA the client's tcp 443.",
    space: `${certifiedNames(estate).length} certified names, ${2 * clients.length} flows`,
    violations: [
      ...misled(estate, clients),
      ...ownName(estate),
      ...clients.flatMap((client) => closedWays(estate, client)),
    ],
    notes: estate.routes.length > 0 ? [ownView(estate)] : [],
  };
}

function misled(estate: Estate, clients: readonly AcmeClient[]): readonly Found[] {
  const { routes } = estate;
  const elsewhere = askedElsewhere(estate, guestOf(estate, "ca"));
  if (elsewhere && routes.length > 0) {
    const { servers, position, remedy, patch } = elsewhere;
    const message =
      `Step-CA asks ${servers.join(", ")}: only the host's view for it gives Traefik's address for ` +
      `${routes.length} certified names, elsewhere they are their guests', where Traefik does not listen`;
    return [{ message, position, remedy, patch }];
  }
  const answers = casAnswers(estate);
  return clients.flatMap(({ guest, names }) =>
    names
      .filter(({ name }) => answers.get(name) !== guest.address)
      .map(({ name, position }) => {
        const answer = answers.get(name) ?? "unknown";
        const message = `for Step-CA ${name} is ${answer}, and not ${titleOf(guest)}'s ${guest.address}: it can't be validated`;
        return { message, position, remedy: "Give the name a label of its own in the internal zone." };
      }),
  );
}

function titleOf({ role, name }: AcmeClient["guest"]): string {
  return role === "mesh" ? "Traefik" : name;
}

/** Step-CA's policy denies its own name, so that nobody else gets a certificate for it. */
function ownName({ routes, ca }: Estate): readonly Found[] {
  return routes
    .filter(({ hostname }) => hostname === ca.dnsName)
    .map(({ hostname, guestId, position }: Route) => ({
      message: `${hostname} is routed to guest ${guestId}, but it is Step-CA's own name, which gets no certificate`,
      position,
      remedy: "Give the service another name.",
    }));
}

function closedWays(estate: Estate, { guest: client }: AcmeClient): readonly Found[] {
  const ca = guestOf(estate, "ca").id;
  const title = titleOf(client);
  const order = closedWay(estate, {
    flow: flowBetween(estate, client.id, ca, "tcp", estate.ca.port),
    loss: `${title} gets no certificate`,
    comment: `${title} orders certificates by ACME`,
  });
  const validation = closedWay(estate, {
    flow: flowBetween(estate, ca, client.id, "tcp", RESPONDER_PORT),
    loss:
      client.role === "mesh"
        ? "Step-CA validates no name by TLS-ALPN-01"
        : `Step-CA validates no name of ${title}`,
    comment: "Step-CA validates TLS-ALPN-01 challenges",
  });
  const instead = validation && challengeRules(estate).find(({ guest }) => guest.id === client.id);
  const corrected = validation && instead && { ...validation, ...acmeRuleFor(estate, instead) };
  return [order, corrected ?? validation].filter((each) => each !== undefined);
}

/** The declaration knows one answer for each internal name; the second is what phx builds. */
function ownView({ routes, dns }: Estate): string {
  const mapped = dns.internal.filter(({ name }) => routes.some(({ hostname }) => hostname === name)).length;
  return (
    `the host's name server has to answer Step-CA in a view of its own: ${mapped} certified names are their ` +
    "guests' addresses for everybody else"
  );
}
