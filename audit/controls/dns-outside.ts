import { type Estate, guestOf } from "../../policy/estate.ts";
import { describe } from "../words.ts";
import type { DnsProbe } from "../../probes/probe.ts";
import type { Control, Observations } from "../control.ts";
import { declaredAt } from "../declared.ts";
import type { Check } from "../finding.ts";
import { ask, byName, outsiders, reverseName } from "../questions.ts";

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

export const DNS_OUTSIDE_CONTROLS: readonly Control[] = [noLeak, noTransfer];
