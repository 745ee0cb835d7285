import { type DnsRecord, type Estate, guestOf, type Position } from "../../policy/estate.ts";
import type { DnsProbe } from "../../probes/probe.ts";
import { serviceCheck } from "../check.ts";
import type { Control, Observations } from "../control.ts";
import { declaredAt } from "../declared.ts";
import type { Check } from "../finding.ts";
import { ask, byName, outsiders, reverseName, TRANSPORTS } from "../questions.ts";

/** A question, and the whole answer that the declaration gives: lines `NAME TYPE VALUE`, or that the name is unknown. */
interface Asked {
  readonly probe: DnsProbe;
  readonly answers: readonly string[];
  readonly rcode: "NOERROR" | "NXDOMAIN";
  readonly position?: Position | undefined;
}

/** A label that no estate declares: its absence shows that no wildcard answers. */
const UNDECLARED_LABEL = "undeclared-7f3a";

/** What one asker may learn of one server: each name by A over both transports and by AAAA, and an undeclared name. */
function questions(
  from: string,
  server: string,
  records: readonly DnsRecord[],
  zones: readonly string[],
): Asked[] {
  const known = byName(records).flatMap(([name, each]): Asked[] => {
    const answers = [...new Set(each.map(({ address }) => `${name} A ${address}`))].sort();
    const common = { rcode: "NOERROR", position: each[0]?.position } as const;
    return [
      ...TRANSPORTS.map((transport) => ({
        ...common,
        probe: ask(from, server, transport, "A", name),
        answers,
      })),
      { ...common, probe: ask(from, server, "udp", "AAAA", name), answers: [] },
    ];
  });
  const unknown = zones.map((zone): Asked => {
    const probe = ask(from, server, "udp", "A", `${UNDECLARED_LABEL}.${zone}`);
    return { probe, answers: [], rcode: "NXDOMAIN" };
  });
  return [...known, ...unknown];
}

/** Each public name is the gateway, whatever the record says: a record that says otherwise is an intent gap. */
function externalQuestions(estate: Estate): Asked[] {
  const { address } = guestOf(estate, "gateway");
  const records = estate.dns.external.map((record) => ({ ...record, address }));
  return outsiders(estate).flatMap(({ from, server }) =>
    questions(from, server, records, [estate.dns.externalZone]),
  );
}

const externalView: Control = {
  id: "DNS-001",
  sampled: (estate) =>
    `${externalQuestions(estate).length} questions; a record under a name that nobody declares is not looked for`,
  probes: (estate) => externalQuestions(estate).map(({ probe }) => probe),
  judge: (estate, seen) => externalQuestions(estate).map((asked) => answerCheck(estate, seen, asked)),
};

/** Inside: the node, and each guest but the CA, which has a view of its own. */
function insiders(estate: Estate): string[] {
  const ca = guestOf(estate, "ca").id;
  return ["host", ...estate.guests.map(({ id }) => id).filter((id) => id !== ca)];
}

/** Both zones as insiders see them (a public name by its `ip_internal`, else its `ip_external`), and the reverse zone. */
function internalQuestions(estate: Estate): Asked[] {
  const { internal, external, externalInside, internalZone, externalZone } = estate.dns;
  const inside = new Set(externalInside.map(({ name }) => name));
  const records = [...internal, ...externalInside, ...external.filter(({ name }) => !inside.has(name))];
  const server = estate.host.address;
  return insiders(estate).flatMap((from) => [
    ...questions(from, server, records, [internalZone, externalZone]),
    ...reverse(from, server, internal),
  ]);
}

function reverse(from: string, server: string, records: readonly DnsRecord[]): Asked[] {
  return [...Map.groupBy(records, ({ address }) => address)].map(([address, each]): Asked => {
    const name = reverseName(address);
    const answers = [...new Set(each.map((record) => `${name} PTR ${record.name}`))].sort();
    return {
      probe: ask(from, server, "udp", "PTR", name),
      answers,
      rcode: "NOERROR",
      position: each[0]?.position,
    };
  });
}

const internalView: Control = {
  id: "DNS-002",
  sampled: (estate) =>
    `${internalQuestions(estate).length} questions; a record under a name that nobody declares is not looked for`,
  probes: (estate) => internalQuestions(estate).map(({ probe }) => probe),
  judge: (estate, seen) => internalQuestions(estate).map((asked) => answerCheck(estate, seen, asked)),
};

/** Exactly these records for the name, and nothing else in the answer. */
function answerCheck(estate: Estate, seen: Observations, { probe, answers, rcode, position }: Asked): Check {
  const { id, facts, answer, outcome } = seen.service(probe.id);
  const given = Array.isArray(facts["answers"]) ? facts["answers"].toSorted() : [];
  return serviceCheck(outcome, facts["rcode"] === rcode && given.join() === answers.join(), {
    title: `${probe.type} ${probe.name} from ${probe.from} over ${probe.transport}`,
    expected: answers.length
      ? answers.map((line) => line.split(" ").slice(1).join(" ")).join(", ")
      : `${rcode}, no record`,
    observed: answer,
    reason: `${probe.from} asked ${probe.server} for ${probe.type} ${probe.name} and got ${answer}`,
    ...(position ? { declared: declaredAt(estate, position) } : {}),
    evidence: [id],
  });
}

export const DNS_CONTROLS: readonly Control[] = [externalView, internalView];
