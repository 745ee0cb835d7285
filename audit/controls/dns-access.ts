import type { Estate } from "../../policy/estate.ts";
import type { DnsQuestion } from "../../probes/probe.ts";
import { type Answer, Answers, inWords } from "../dns-answers.ts";
import type { Control, Observations } from "../control.ts";
import type { Check } from "../finding.ts";
import {
  type Asker,
  batch,
  casAsker,
  FOREIGN_NAME,
  FOREIGN_ZONE,
  insiders,
  outsiders,
  publicName,
  question,
  reverseName,
  TRANSPORTS,
} from "../questions.ts";
import { describe } from "../words.ts";

/** Questions that a server is to turn down, and what shows that it did not. */
interface Refusal {
  readonly title: string;
  readonly expected: string;
  readonly questions: readonly DnsQuestion[];
  /** What a reply that gave something away gave; undefined where it was turned down. */
  readonly given: (reply: Answer) => string | undefined;
}

const DENIALS = new Set(["REFUSED", "NOTAUTH", "NOTIMP", "FORMERR"]);

/** No code of refusal, or data in spite of it. */
function notDenied(reply: Answer): string | undefined {
  const isDenied = DENIALS.has(reply.rcode) && reply.answers.length === 0;
  return isDenied ? undefined : inWords(reply);
}

/** RFC 5936, RFC 1995; over UDP an IXFR may be answered too. */
function transfers({ dns, host }: Estate): Refusal {
  const [base = ""] = host.subnet.split("/");
  const reverse = reverseName(base).split(".").slice(1).join(".");
  const zones = [dns.internalZone, dns.externalZone, reverse];
  return {
    title: "no zone transfer (NAMESERVER03)",
    expected: "AXFR and IXFR of every zone refused, by TCP and UDP",
    questions: zones.flatMap((zone) =>
      ["AXFR", "IXFR"].flatMap((type) => TRANSPORTS.map((transport) => question(transport, type, zone))),
    ),
    given: notDenied,
  };
}

/** RFC 2136 section 3.8 and the opcodes that no one uses; what a server does with a NOTIFY is no change of its data. */
function changes({ dns }: Estate): Refusal {
  const UPDATE = 5;
  return {
    title: "no dynamic update",
    expected: "UPDATE of every zone refused, by TCP and UDP",
    questions: [dns.internalZone, dns.externalZone].flatMap((zone) =>
      TRANSPORTS.map((transport) =>
        question(transport, "SOA", zone, "as UPDATE", { opcode: UPDATE, flags: [] }),
      ),
    ),
    given: notDenied,
  };
}

/**
 * RFC 4892: what a server tells of itself in class CHAOS; NSID of RFC 5001. By TCP: BIND's own view of that class answers
 * three datagrams a second and network.
 */
function identity({ dns }: Estate): Refusal {
  const names = ["version.bind", "version.server", "hostname.bind", "id.server", "authors.bind"];
  const nsid = { edns: { options: [{ code: 3, hex: "" }] } };
  return {
    title: "no version and no identity (NAMESERVER15)",
    expected: "CHAOS names and NSID give nothing",
    questions: [
      ...names.map((name) => question("tcp", "TXT", name, "CH", { class: "CH" })),
      question("tcp", "ANY", "version.bind", "CH", { class: "CH" }),
      question("udp", "SOA", dns.externalZone, "NSID", nsid),
    ],
    given: (reply) => {
      const texts = reply.answers.filter((line) => / TXT /.test(line));
      const nsidSaid = / 3:[0-9a-f]+/.test(reply.edns ?? "");
      return texts.length || nsidSaid ? texts.join("; ") || `NSID ${reply.edns ?? ""}` : undefined;
    },
  };
}

/** RFC 5358: a name that the server has not, recursion desired or not, and the root: no answer, no referral, no RA. */
function recursion(): Refusal {
  return {
    title: "no recursion (NAMESERVER01, NAMESERVER07)",
    expected: "foreign names refused, no RA, no referral",
    questions: [
      ...TRANSPORTS.map((transport) => question(transport, "A", FOREIGN_NAME)),
      question("udp", "A", FOREIGN_NAME, "no RD", { flags: [] }),
      question("udp", "A", `never-asked-before.${FOREIGN_ZONE}`),
      question("udp", "NS", "."),
    ],
    given: (reply) => {
      if (reply.flags.includes("ra")) return `${inWords(reply)}, and it offers recursion`;
      if (reply.authority.some((line) => / NS /.test(line)))
        return `a referral: ${reply.authority.join("; ")}`;
      return notDenied(reply);
    },
  };
}

interface Group {
  readonly asker: Asker;
  readonly refusals: readonly Refusal[];
  /** It may have foreign names resolved. */
  readonly isClient: boolean;
}

function groups(estate: Estate): Group[] {
  const common = [transfers(estate), changes(estate), identity(estate)];
  const hasUpstream = estate.dns.upstreamServers.length > 0;
  const stranger = (asker: Asker): Group => ({ asker, refusals: [...common, recursion()], isClient: false });
  const client = (asker: Asker): Group => ({ asker, refusals: common, isClient: true });
  return [
    ...[...outsiders(estate), casAsker(estate)].map(stranger),
    ...insiders(estate).map(hasUpstream ? client : stranger),
  ];
}

const FOREIGN = question("udp", "A", FOREIGN_NAME);

function probeOf(estate: Estate, { asker, refusals, isClient }: Group) {
  const name = publicName(estate);
  return batch("access", asker, [
    ...refusals.flatMap(({ questions }) => questions),
    ...(isClient ? [FOREIGN] : []),
    ...(name ? [question("udp", "A", name)] : []),
  ]);
}

const noTransfer: Control = {
  id: "DNS-005",
  probes: (estate) => groups(estate).map((group) => probeOf(estate, group)),
  judge: (estate, seen) =>
    groups(estate).flatMap((group) =>
      group.refusals.map((refusal) => refusalCheck(estate, seen, group, refusal)),
    ),
  notes: (estate, seen) => {
    const clients = groups(estate).filter(({ isClient }) => isClient);
    const served = clients.filter((group) => {
      const answers = new Answers(seen.service(probeOf(estate, group).id));
      return answers.of(FOREIGN.id).answers.length > 0;
    });
    return clients.length
      ? [
          `${served.length} of ${clients.length} declared clients have foreign names resolved: recursion works for them`,
        ]
      : [];
  },
};

function refusalCheck(estate: Estate, seen: Observations, group: Group, refusal: Refusal): Check {
  const { from, server } = group.asker;
  const answers = new Answers(seen.service(probeOf(estate, group).id));
  const replies = refusal.questions.map(({ id }) => ({ id, reply: answers.of(id) }));
  const [gift] = replies.flatMap(({ id, reply }) => {
    const given = reply.outcome === "answered" ? refusal.given(reply) : undefined;
    return given === undefined ? [] : [`${id}: ${given}`];
  });
  const name = publicName(estate);
  const alive = name ? answers.of(`A ${name} udp`) : undefined;
  const twin = alive?.rcode === "NOERROR" ? `A ${name ?? ""}: ${inWords(alive)}` : undefined;
  const mute = replies.find(({ reply }) => reply.outcome !== "answered");
  const rcodes = describe(replies.map(({ reply }) => reply.rcode || reply.outcome));
  const common = {
    title: `${from}: ${refusal.title}`,
    expected: refusal.expected,
    observed: gift ?? rcodes,
    proofs: {
      stimulus: `${replies.length} questions to ${server}`,
      ...(gift || mute ? {} : { silence: "nothing was given", drop: `the server answered: ${rcodes}` }),
      ...(twin ? { twin } : {}),
    },
    evidence: [answers.observation.id],
  };
  if (gift)
    return {
      ...common,
      result: "fail",
      reason: `${server} gave ${from} ${gift}`,
      disagreement: "converge fault",
    };
  const why = twin
    ? mute && `${mute.id} was not answered: ${inWords(mute.reply)}`
    : `no positive twin: ${server} answers ${from} nothing`;
  return why ? { ...common, result: "inconclusive", reason: why } : { ...common, result: "pass" };
}

export const DNS_ACCESS_CONTROLS: readonly Control[] = [noTransfer];
