import { casAnswers } from "../ca-view.ts";
import { type Estate, guestOf, type Route } from "../estate.ts";
import { acmeRuleFor, challengeRules } from "./challenge.ts";
import { askedElsewhere } from "./name-server.ts";
import type { Found, Proof } from "./proof.ts";
import { closedWay, flowBetween } from "./way.ts";

/**
 * PKI-001: each name that Traefik is to certify resolves, for Step-CA, to where Traefik listens; the order and the
 * validation by TLS-ALPN-01 (RFC 8737) find their way.
 */
export function proveCertificates(estate: Estate): Proof<Found> {
  const { routes } = estate;
  return {
    control: "PKI-001",
    statement:
      "Step-CA resolves each certified name to Traefik's address; Traefik reaches Step-CA's API, and Step-CA Traefik's tcp 443.",
    space: `${routes.length} certified names, 2 flows`,
    violations: routes.length > 0 ? [...misled(estate), ...ownName(estate), ...closedWays(estate)] : [],
    notes: routes.length > 0 ? [ownView(estate)] : [],
  };
}

function misled(estate: Estate): readonly Found[] {
  const { routes } = estate;
  const mesh = guestOf(estate, "mesh").address;
  const elsewhere = askedElsewhere(estate, guestOf(estate, "ca"));
  if (elsewhere) {
    const { servers, position, remedy, patch } = elsewhere;
    const message =
      `Step-CA asks ${servers.join(", ")}: only the host's view for it gives Traefik's address for ` +
      `${routes.length} certified names, elsewhere they are their guests', where Traefik does not listen`;
    return [{ message, position, remedy, patch }];
  }
  const answers = casAnswers(estate);
  return routes
    .filter(({ hostname }) => answers.get(hostname) !== mesh)
    .map(({ hostname, position }) => {
      const answer = answers.get(hostname) ?? "unknown";
      const message = `for Step-CA ${hostname} is ${answer}, and not Traefik's ${mesh}: it can't be validated`;
      return { message, position, remedy: "Give the name a label of its own in the internal zone." };
    });
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

function closedWays(estate: Estate): readonly Found[] {
  const [mesh, ca] = [guestOf(estate, "mesh").id, guestOf(estate, "ca").id];
  const order = closedWay(estate, {
    flow: flowBetween(estate, mesh, ca, "tcp", estate.ca.port),
    loss: "Traefik gets no certificate",
    comment: "Traefik orders certificates by ACME",
  });
  const validation = closedWay(estate, {
    flow: flowBetween(estate, ca, mesh, "tcp", 443),
    loss: "Step-CA validates no name by TLS-ALPN-01",
    comment: "Step-CA validates TLS-ALPN-01 challenges",
  });
  const instead = validation && challengeRules(estate).find(({ guest }) => guest.id === mesh);
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
