import { type DnsRecord, type Estate, guestOf } from "../../policy/estate.ts";
import type { DnsProbe } from "../../probes/probe.ts";
import type { Control, Observations } from "../control.ts";
import { declaredAt } from "../declared.ts";
import type { Check } from "../finding.ts";
import { serviceCheck } from "../check.ts";
import { ask, byName, outsiders, TRANSPORTS } from "../questions.ts";

interface Asked {
  readonly probe: DnsProbe;
  readonly records: readonly DnsRecord[];
}

function externalQuestions(estate: Estate): Asked[] {
  return outsiders(estate).flatMap(({ from, server }) =>
    byName(estate.dns.external).flatMap(([name, records]) =>
      TRANSPORTS.map((transport) => ({ probe: ask(from, server, transport, "A", name), records })),
    ),
  );
}

const externalView: Control = {
  id: "DNS-001",
  probes: (estate) => externalQuestions(estate).map(({ probe }) => probe),
  judge: (estate, seen) => {
    const gateway = guestOf(estate, "gateway").address;
    return externalQuestions(estate).map(({ probe, records }) =>
      answerCheck(estate, seen, probe, records, [gateway]),
    );
  },
};

/** Inside: the node, and each guest but the CA, which has a view of its own. */
function insiders(estate: Estate): string[] {
  const ca = guestOf(estate, "ca").id;
  return ["host", ...estate.guests.map(({ id }) => id).filter((id) => id !== ca)];
}

function internalQuestions(estate: Estate): Asked[] {
  const { address } = estate.host;
  return insiders(estate).flatMap((from) =>
    byName(estate.dns.internal).flatMap(([name, records]) =>
      TRANSPORTS.map((transport) => ({ probe: ask(from, address, transport, "A", name), records })),
    ),
  );
}

const internalView: Control = {
  id: "DNS-002",
  probes: (estate) => internalQuestions(estate).map(({ probe }) => probe),
  judge: (estate, seen) =>
    internalQuestions(estate).map(({ probe, records }) =>
      answerCheck(
        estate,
        seen,
        probe,
        records,
        records.map(({ address }) => address),
      ),
    ),
};

/** Exactly these addresses for the name, and nothing else in the answer. */
function answerCheck(
  estate: Estate,
  seen: Observations,
  probe: DnsProbe,
  records: readonly DnsRecord[],
  addresses: readonly string[],
): Check {
  const { id, facts, answer, outcome } = seen.service(probe.id);
  const expected = [...new Set(addresses)].map((address) => `${probe.name} A ${address}`).sort();
  const answers = (Array.isArray(facts.answers) ? [...facts.answers] : []).sort();
  const [record] = records;
  return serviceCheck(outcome, facts.rcode === "NOERROR" && answers.join() === expected.join(), {
    title: `${probe.name} from ${probe.from} over ${probe.transport}`,
    expected: [...new Set(addresses)].join(", "),
    observed: answer,
    reason: `${probe.from} asked ${probe.server} for ${probe.name} and got ${answer}`,
    ...(record ? { declared: declaredAt(estate, record.position) } : {}),
    evidence: [id],
  });
}

export const DNS_CONTROLS: readonly Control[] = [externalView, internalView];
