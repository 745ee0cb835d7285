import type { Estate } from "../../policy/estate.ts";
import type { UpstreamProbe } from "../../probes/probe.ts";
import { Answers } from "../dns-answers.ts";
import type { Control, Observations } from "../control.ts";
import type { Check } from "../finding.ts";
import {
  type Asker,
  casAsker,
  FOREIGN_NAME,
  FOREIGN_ZONE,
  insiders,
  question,
  reverseName,
  subnetAddresses,
  UNDECLARED_LABEL,
} from "../questions.ts";

/**
 * What stays inside: every internal name, names of the zone that do not exist, what a resolver's search list makes of names
 * (RFC 1535), and addresses: all of the subnet from the node, the declared ones from the others.
 */
function probeOf(estate: Estate, { from, server }: Asker): UpstreamProbe {
  const { internal, internalZone } = estate.dns;
  const labels = internal.map(({ name }) => name.split(".")[0] ?? "");
  const junk = [
    UNDECLARED_LABEL,
    `a.b.${UNDECLARED_LABEL}`,
    "_ldap._tcp",
    "wpad",
    "isatap",
    "_dns-sd._udp",
    "localhost",
    FOREIGN_NAME,
    ...internal.map(({ name }) => name),
    ...labels.map((label) => `${label}.${label}`),
  ].map((label) => `${label}.${internalZone}`);
  const names = [...new Set([internalZone, ...internal.map(({ name }) => name), ...junk])];
  const addresses = from === "host" ? subnetAddresses(estate) : internal.map(({ address }) => address);
  const questions = [
    ...names.flatMap((name) => ["A", "AAAA", "UNKNOWN_65"].map((type) => question("udp", type, name))),
    ...internal.map(({ name }) => question("tcp", "A", name)),
    ...["SRV", "DS", "NS"].map((type) => question("udp", type, internalZone)),
    ...[...new Set(addresses)].map((address) => question("udp", "PTR", reverseName(address))),
  ];
  const id = `dns ${from} > ${server} upstream`;
  return { kind: "upstream", id, from, server, questions: unique(questions), foreignZone: FOREIGN_ZONE };
}

function unique<T extends { readonly id: string }>(all: readonly T[]): T[] {
  return [...new Map(all.map((each) => [each.id, each])).values()];
}

const staysInside: Control = {
  id: "DNS-004",
  probes: (estate) => askers(estate).map((asker) => probeOf(estate, asker)),
  judge: (estate, seen) => {
    const { upstreamServers } = estate.dns;
    if (upstreamServers.length === 0) {
      const common = { title: "no upstream resolver is declared", expected: "nothing leaves", evidence: [] };
      return [{ ...common, result: "notapplicable", observed: "nothing to forward to" }];
    }
    return askers(estate).map((asker) => upstreamCheck(estate, seen, asker));
  },
  notes: (estate, seen) => {
    const asked = askers(estate).some((asker) => {
      const { logged } = seen.service(probeOf(estate, asker).id).facts;
      return Array.isArray(logged) && logged.some((line) => isOfParent(estate, line));
    });
    const { internalZone } = estate.dns;
    return asked
      ? [
          `DS ${internalZone} goes upstream: that record is the parent zone's (RFC 4035 section 3.1.4.1), so who asks for it tells the zone's name`,
        ]
      : [];
  },
};

/** The one question about the zone's name that is not the zone's to answer. */
function isOfParent({ dns }: Estate, line: string): boolean {
  return line.startsWith(`${dns.internalZone} DS `);
}

/** All who see the internal zone. */
function askers(estate: Estate): Asker[] {
  return estate.dns.upstreamServers.length ? [...insiders(estate), casAsker(estate)] : [];
}

function upstreamCheck(estate: Estate, seen: Observations, asker: Asker): Check {
  const probe = probeOf(estate, asker);
  const observation = seen.service(probe.id);
  const answers = new Answers(observation);
  const { outcome, reason, facts } = observation;
  const internal = isInternal(estate);
  const logged = facts["logged"];
  const lines = Array.isArray(logged) ? logged : [];
  const [escaped, ...more] = lines.filter(
    (line) => internal(line.split(" ")[0] ?? "") && !isOfParent(estate, line),
  );
  const foreign = String(facts["foreign"]);
  const witness = [asker, ...insiders(estate)]
    .map((each) => seen.service(probeOf(estate, each).id).facts)
    .find(sawForeign);
  const mute = answers.all().find(([, reply]) => reply.outcome !== "answered");
  const common = {
    title: `internal names and addresses asked by ${asker.from} reach no upstream`,
    expected: `none of ${probe.questions.length} questions in the log of the upstream`,
    observed: escaped ? `${more.length + 1} reached it` : "none reached it",
    proofs: {
      stimulus: `${probe.questions.length} questions to ${asker.server}: ${observation.answer}`,
      ...(escaped ? {} : { silence: "the upstream's log holds none of them" }),
      ...(escaped || mute ? {} : { drop: "the server answered every one of them itself" }),
      ...(witness
        ? { twin: `A ${String(witness["foreign"])} reached the upstream: ${String(witness["foreignReply"])}` }
        : {}),
    },
    evidence: [probe.id],
  };
  if (escaped) {
    const [name = "", type = "", at = ""] = escaped.split(" ");
    const words = `${asker.server} asked ${at} for ${type} ${name}${more.length ? ` (and ${more.length} more)` : ""}: the internal zone leaves the network`;
    return { ...common, result: "fail", reason: words, disagreement: "converge fault" };
  }
  if (outcome !== "answered")
    return { ...common, result: "inconclusive", reason: reason ?? observation.answer };
  if (!witness) {
    const words = `no positive twin: ${foreign}, which only an upstream knows, reached none either`;
    return { ...common, result: "inconclusive", reason: words };
  }
  if (mute) {
    const words = `${mute[0]} was not answered: ${mute[1].reason ?? mute[1].outcome}`;
    return { ...common, result: "inconclusive", reason: words };
  }
  return { ...common, result: "pass" };
}

/** That the foreign name of an observation is in the upstream's log. */
function sawForeign(facts: Readonly<Record<string, unknown>>): boolean {
  const { logged, foreign } = facts;
  return Array.isArray(logged) && logged.some((line) => String(line).startsWith(`${String(foreign)} `));
}

/** Names of the internal zone and of the subnet's addresses; a resolver may ask for a part of a name first (RFC 9156). */
function isInternal(estate: Estate): (name: string) => boolean {
  const { internalZone } = estate.dns;
  const pointers = new Set(subnetAddresses(estate).map(reverseName));
  return (name) => name === internalZone || name.endsWith(`.${internalZone}`) || pointers.has(name);
}

export const DNS_UPSTREAM_CONTROLS: readonly Control[] = [staysInside];
