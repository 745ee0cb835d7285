import { type DnsRecord, type Estate, guestOf } from "../../policy/estate.ts";
import { describe } from "../words.ts";
import type { DnsProbe } from "../../probes/probe.ts";
import type { Control, Observations } from "../control.ts";
import { declaredAt } from "../declared.ts";
import type { Check } from "../finding.ts";
import { service } from "./edge.ts";

/** The public server beyond the gateway: RFC 5737 TEST-NET-3. */
const PUBLIC_SERVER = "203.0.113.53";
const TRANSPORTS = ["udp", "tcp"] as const;

function ask(from: string, server: string, transport: "udp" | "tcp", type: string, name: string): DnsProbe {
  return {
    kind: "dns",
    id: `dns ${from} > ${server} ${type} ${name} ${transport}`,
    from,
    server,
    transport,
    name,
    type,
  };
}

/** Who is outside, and which server tells them. */
function outsiders(estate: Estate): { readonly from: string; readonly server: string }[] {
  return [
    { from: "wan", server: PUBLIC_SERVER },
    { from: "lan", server: estate.host.address },
  ];
}

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
  return service(outcome, facts.rcode === "NOERROR" && answers.join() === expected.join(), {
    title: `${probe.name} from ${probe.from} over ${probe.transport}`,
    expected: [...new Set(addresses)].join(", "),
    observed: answer,
    reason: `${probe.from} asked ${probe.server} for ${probe.name} and got ${answer}`,
    ...(record ? { declared: declaredAt(estate, record.position) } : {}),
    evidence: [id],
  });
}

const LEAK_TYPES = ["A", "AAAA", "CNAME", "TXT", "SRV", "NS", "SOA", "ANY"];

/** Every internal name by every type, and the reverse of every internal address, asked from outside. */
function leakQuestions(estate: Estate): DnsProbe[] {
  const names = [...new Set(estate.dns.internal.map(({ name }) => name)), estate.dns.internalZone];
  const addresses = [...new Set(estate.dns.internal.map(({ address }) => address))];
  return outsiders(estate).flatMap(({ from, server }) => [
    ...names.flatMap((name) => LEAK_TYPES.map((type) => ask(from, server, "udp", type, name))),
    ...names.map((name) => ask(from, server, "tcp", "A", name)),
    ...addresses.map((address) => ask(from, server, "udp", "PTR", reverseName(address))),
  ]);
}

/** A public name by every type: its answers may hold no internal address either. */
function publicQuestions(estate: Estate): DnsProbe[] {
  return outsiders(estate).flatMap(({ from, server }) =>
    byName(estate.dns.external).flatMap(([name]) =>
      ["A", "AAAA", "TXT", "ANY"].map((type) => ask(from, server, "udp", type, name)),
    ),
  );
}

const noLeak: Control = {
  id: "DNS-003",
  sampled: (estate) => {
    const count = leakQuestions(estate).length + publicQuestions(estate).length;
    return `${count} questions; ECS, letter case and source port not varied`;
  },
  probes: (estate) => [...leakQuestions(estate), ...publicQuestions(estate), ...twin(estate)],
  judge: (estate, seen) => {
    const questions = [...leakQuestions(estate), ...publicQuestions(estate)];
    const groups = Map.groupBy(questions, ({ from, name }) => `${name} from ${from}`);
    return [...groups].map(([title, probes]) => leakCheck(estate, seen, title, probes));
  },
};

/** The same server answers the same asker for a public name: silence is not its death. */
function twin(estate: Estate): DnsProbe[] {
  const [record] = estate.dns.external;
  return record
    ? outsiders(estate).map(({ from, server }) => ask(from, server, "udp", "A", record.name))
    : [];
}

function leakCheck(estate: Estate, seen: Observations, title: string, probes: readonly DnsProbe[]): Check {
  const answers = probes.map(({ id }) => seen.service(id));
  const leaks = answers.flatMap(({ request, facts }) =>
    leaked(estate, facts).map((what) => `${request}: ${what}`),
  );
  const [probe] = probes;
  const alive = twin(estate)
    .map(({ id }) => seen.service(id))
    .find(({ from, facts }) => from === probe?.from && facts.rcode === "NOERROR");
  const record = estate.dns.internal.find(
    ({ name, address }) => name === probe?.name || reverseName(address) === probe?.name,
  );
  const common = {
    title: `${title}: nothing internal`,
    expected: "no internal name or address in any section",
    observed: describe(answers.map(({ answer }) => answer)),
    proofs: {
      stimulus: `${probes.length} questions to ${probe?.server ?? ""}`,
      ...(leaks.length ? {} : { silence: "no section of any answer holds an internal name or address" }),
      ...(leaks.length
        ? {}
        : {
            drop: `refused: ${describe(answers.map(({ facts, outcome }) => String(facts.rcode ?? outcome)))}`,
          }),
      ...(alive ? { twin: `${alive.request}: ${alive.answer}` } : {}),
    },
    ...(record ? { declared: declaredAt(estate, record.position) } : {}),
    evidence: probes.map(({ id }) => id),
  };
  const [leak] = leaks;
  if (leak)
    return {
      ...common,
      result: "fail",
      reason: `the external view says ${leak}`,
      disagreement: "converge fault",
    };
  if (!alive)
    return {
      ...common,
      result: "inconclusive",
      reason: `no positive twin: ${probe?.server ?? "the server"} answers ${probe?.from ?? "nobody"} nothing`,
    };
  if (answers.some(({ outcome }) => outcome !== "answered")) {
    return {
      ...common,
      result: "inconclusive",
      reason: `some questions were not answered: ${describe(answers.map(({ outcome }) => outcome))}`,
    };
  }
  return { ...common, result: "pass" };
}

/** Records in any section that carry an internal name or an address other than the gateway's public one. */
function leaked(estate: Estate, facts: Readonly<Record<string, unknown>>): string[] {
  const { internalZone, internal } = estate.dns;
  const gateway = guestOf(estate, "gateway").address;
  const names = [internalZone, ...internal.map(({ name }) => name)];
  const inside = [
    estate.host.address,
    ...estate.guests.map(({ address }) => address),
    ...internal.map(({ address }) => address),
  ];
  const addresses = new Set(inside.filter((address) => address !== gateway));
  const sections = ["answers", "authority", "additional"].flatMap(
    (section) => facts[section] ?? [],
  ) as string[];
  return sections.filter((line) => {
    const words = line.split(/[\s",{}[\]:]+/);
    const named = words.some((word) =>
      names.some((name) => word === name || word.endsWith(`.${internalZone}`)),
    );
    return named || words.some((word) => addresses.has(word));
  });
}

/** Transfer and recursion, asked by those outside. */
function refusals(estate: Estate): DnsProbe[] {
  const { internalZone, externalZone } = estate.dns;
  return outsiders(estate).flatMap(({ from, server }) => [
    ...[internalZone, externalZone].flatMap((zone) =>
      ["AXFR", "IXFR"].map((type) => ask(from, server, "tcp", type, zone)),
    ),
    ask(from, server, "udp", "A", "known.upstream.test"),
    ask(from, server, "tcp", "A", "known.upstream.test"),
  ]);
}

const noTransfer: Control = {
  id: "DNS-005",
  probes: (estate) => [...refusals(estate), ...twin(estate)],
  judge: (estate, seen) =>
    refusals(estate).map((probe) => {
      const { id, facts, answer, outcome } = seen.service(probe.id);
      const answers = Array.isArray(facts.answers) ? facts.answers : [];
      const refused =
        outcome === "answered" && ["REFUSED", "NOTAUTH", "FORMERR", "NOTIMP"].includes(String(facts.rcode));
      const alive = twin(estate)
        .map((each) => seen.service(each.id))
        .find(({ from, facts: said }) => from === probe.from && said.rcode === "NOERROR");
      const common = {
        title: `${probe.type} ${probe.name} over ${probe.transport} is refused to ${probe.from}`,
        expected: "refused, no record",
        observed: answer,
        proofs: {
          stimulus: `${probe.type} ${probe.name} was asked`,
          ...(answers.length ? {} : { silence: "no record came back" }),
          ...(refused ? { drop: `the server said ${String(facts.rcode)}` } : {}),
          ...(alive ? { twin: `${alive.request}: ${alive.answer}` } : {}),
        },
        evidence: [id],
      };
      if (answers.length)
        return {
          ...common,
          result: "fail" as const,
          reason: `${probe.server} gave ${answer}`,
          disagreement: "converge fault" as const,
        };
      if (refused && alive) return { ...common, result: "pass" as const };
      return {
        ...common,
        result: "inconclusive" as const,
        reason: alive
          ? `neither refused nor answered: ${answer}`
          : "no positive twin: the server answers nothing",
      };
    }),
};

function byName(records: readonly DnsRecord[]): [string, DnsRecord[]][] {
  return [...Map.groupBy(records, ({ name }) => name)];
}

/** RFC 1035 section 3.5. */
function reverseName(address: string): string {
  return `${address.split(".").reverse().join(".")}.in-addr.arpa`;
}

export const DNS_CONTROLS: readonly Control[] = [externalView, internalView, noLeak, noTransfer];
