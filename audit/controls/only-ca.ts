import type { Estate } from "../../policy/estate.ts";
import type { ServiceObservation } from "../../probes/observation.ts";
import type { DnsProbe, RecordProbe, TlsProbe } from "../../probes/probe.ts";
import { serviceCheck } from "../check.ts";
import type { Control, Observations } from "../control.ts";
import type { Check } from "../finding.ts";
import { type ServiceHop, serviceHops } from "../service-hops.ts";
import { endpoints, handshake } from "./pki.ts";

/** The CA's own word for its root, asked in its guest: the stores under test don't tell what they should hold. */
const ROOTS: RecordProbe = { kind: "record", id: "record ca-roots", from: "ca", record: "ca-roots" };
const TRUST: RecordProbe = {
  kind: "record",
  id: "record trust-stores",
  from: "edge, mesh",
  record: "trust-stores",
};

function hopProbe({ from, to, port, name }: ServiceHop): TlsProbe {
  return handshake(from.id, to.address, port, name);
}

/** The name as the client asks for it. */
function nameProbe({ host }: Estate, { from, name, isResolved }: ServiceHop): DnsProbe[] {
  const server = from.nameservers[0] ?? host.address;
  const asked = { server, transport: "udp", name, type: "A" } as const;
  return isResolved
    ? [{ kind: "dns", id: `dns ${from.id} > ${server} A ${name}`, from: from.id, ...asked }]
    : [];
}

const onlyCa: Control = {
  id: "PKI-002",
  probes: (estate) => [
    ROOTS,
    TRUST,
    ...endpoints(estate).map(({ probe }) => probe),
    ...serviceHops(estate).flatMap((hop) => [hopProbe(hop), ...nameProbe(estate, hop)]),
  ],
  judge: (estate, seen) => {
    const own = seen.service(ROOTS.id);
    const roots = listOf(own.facts["roots"]).map((line) => line.split(" ")[0] ?? "");
    const [pinned = ""] = roots;
    return [
      serviceCheck(own.outcome, roots.length === 1 && FINGERPRINT.test(pinned), {
        title: "Step-CA names one root",
        expected: "one root at /roots.pem",
        observed: `${own.answer}: ${roots.map((each) => each.slice(0, 23)).join(", ")}`,
        reason: roots.length ? `Step-CA names ${roots.length} roots` : own.answer,
        evidence: [own.id],
      }),
      ...endpoints(estate).map(({ title, probe }) => pinnedCheck(seen, title, probe, pinned)),
      ...serviceHops(estate).flatMap((hop) => hopChecks(estate, seen, hop, pinned)),
      storesCheck(seen, pinned),
    ];
  },
};

const FINGERPRINT = /^[0-9A-F:]{95}$/;

function listOf(fact: ServiceObservation["facts"][string] | undefined): readonly string[] {
  return Array.isArray(fact) ? fact : [];
}

function pinnedCheck(seen: Observations, title: string, probe: TlsProbe, pinned: string): Check {
  const { id, facts, answer, outcome } = seen.service(probe.id);
  const chain = listOf(facts["chain"]);
  const good = facts["authorized"] === true && chain.at(-1) === pinned;
  return serviceCheck(pinned === "" ? "unknown" : outcome, pinned !== "" && good, {
    title: `${title} chains to the root that Step-CA names`,
    expected: `verified, root ${pinned.slice(0, 23)}`,
    observed: `${answer}${chain.length ? `, chain ends in ${String(chain.at(-1)).slice(0, 23)}` : ""}`,
    reason: `${title}: ${pinned === "" ? "Step-CA does not say its root" : answer}`,
    evidence: [id],
  });
}

/** Each guest that may ask a service finds it by its name, and is shown a certificate for that name where it is TLS. */
function hopChecks(estate: Estate, seen: Observations, hop: ServiceHop, pinned: string): Check[] {
  const { from, to, port, name, tls } = hop;
  const probe = hopProbe(hop);
  const title = `${from.name} (guest ${from.id}) to ${name}:${port} (guest ${to.id})`;
  const { id, facts, answer } = seen.service(probe.id);
  const shown = () =>
    pinnedCheck(seen, tls ? title : `${title}, which speaks TLS though no file says so,`, probe, pinned);
  const spoken = tls || facts["authorized"] !== undefined ? shown() : plainCheck(title, { id, answer });
  return [...nameProbe(estate, hop).map((each) => nameCheck(seen, hop, title, each)), spoken];
}

/** That it is plain is PKI-006's to tell: here it is no endpoint of TLS. A server that is not there is neither. */
function plainCheck(title: string, { id, answer }: { readonly id: string; readonly answer: string }): Check {
  return serviceCheck("unknown", /ERR_SSL_|EPROTO/.test(answer), {
    title: `${title} is plain text`,
    expected: "no certificate, as declared",
    observed: answer,
    reason: `${title}: whether it speaks TLS could not be told: ${answer}`,
    evidence: [id],
  });
}

function nameCheck(seen: Observations, { to }: ServiceHop, title: string, probe: DnsProbe): Check {
  const { id, facts, answer, outcome } = seen.service(probe.id);
  const answers = listOf(facts["answers"]);
  return serviceCheck(outcome, answers.length === 1 && answers[0] === `${probe.name} A ${to.address}`, {
    title: `${title} is found by its name`,
    expected: `A ${to.address}`,
    observed: answer,
    reason: `${title}: ${probe.name} is ${answer} for it`,
    evidence: [id],
  });
}

/** Every root that Nginx or Traefik trusts inside is the one that Step-CA names. */
function storesCheck(seen: Observations, pinned: string): Check {
  const { id, outcome, answer, facts } = seen.service(TRUST.id);
  const lines = listOf(facts["trusted"]);
  const foreign = lines.filter((line) => line.split(" ")[3] !== pinned);
  const canTell = pinned !== "" && lines.length > 0;
  return serviceCheck(canTell ? outcome : "unknown", canTell && foreign.length === 0, {
    title: "the trust stores of Nginx and Traefik hold Step-CA's root and no other",
    expected: `${pinned.slice(0, 23) || "Step-CA's root"} in every store`,
    observed: foreign.length ? foreign.join("; ") : answer,
    reason: canTell
      ? `another root than the one that Step-CA names: ${foreign.join("; ")}`
      : `it could not be told: ${answer}`,
    evidence: [ROOTS.id, id],
  });
}

export const ONLY_CA_CONTROLS: readonly Control[] = [onlyCa];
