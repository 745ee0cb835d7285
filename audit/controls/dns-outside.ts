import { type Estate, guestOf } from "../../policy/estate.ts";
import type { DnsQuestion } from "../../probes/probe.ts";
import { type Answer, Answers, inWords } from "../dns-answers.ts";
import type { Control, Observations } from "../control.ts";
import { declaredAt } from "../declared.ts";
import type { Check } from "../finding.ts";
import {
  type Asker,
  batch,
  byName,
  mixedCase,
  outsiders,
  publicName,
  question,
  reverseName,
  subnetAddresses,
  TRANSPORTS,
  UNDECLARED_LABEL,
} from "../questions.ts";
import { describe } from "../words.ts";
import { contentOf, ZONES } from "../zone-content.ts";

const LEAK_TYPES = "A AAAA ANY CNAME TXT SRV PTR NS SOA UNKNOWN_65 UNKNOWN_65280".split(" ");

/**
 * Ways to ask that may not choose another view or answer: bits, classes, ECS (RFC 7871), letters, the source port. CHAOS by
 * TCP: BIND's own view of that class answers three datagrams a second and network.
 */
function variants(estate: Estate, name: string): DnsQuestion[] {
  const address = estate.host.address;
  const octets = address.split(".").map((octet) => Number(octet).toString(16).padStart(2, "0"));
  const subnet = (bits: number, bytes: number) => {
    const hex = `0001${bits.toString(16).padStart(2, "0")}00${octets.slice(0, bytes).join("")}`;
    return { edns: { options: [{ code: 8, hex }] } };
  };
  const asked = (label: string, more: Partial<DnsQuestion>, transport: "udp" | "tcp" = "udp") =>
    question(transport, "A", name, label, more);
  return [
    asked("no RD", { flags: [] }),
    asked("CD", { flags: ["rd", "cd"] }),
    asked("AD", { flags: ["rd", "ad"] }),
    asked("DO", { edns: { flags: 0x8000 } }),
    asked("class CH", { class: "CH" }, "tcp"),
    asked("class HS", { class: "HS" }),
    asked("ECS /32", subnet(32, 4)),
    asked("ECS /24", subnet(24, 3)),
    asked("ECS /32", subnet(32, 4), "tcp"),
    asked("from port 53", { sport: 53 }),
    question("udp", "A", mixedCase(name), "0x20"),
    question("tcp", "A", name.toUpperCase(), "upper case"),
  ];
}

/** Kinds of questions to which all names must be answered alike, whether they exist inside or not. */
interface Suite {
  readonly existing: readonly DnsQuestion[];
  readonly missing: readonly DnsQuestion[];
}

/** What an outsider could ask of the inside: names of the internal zone, addresses of the subnet. */
function suites(estate: Estate): Readonly<Record<"names" | "addresses", Suite>> {
  const { internal, internalZone } = estate.dns;
  const asked = (name: string) => [
    ...LEAK_TYPES.flatMap((type) => TRANSPORTS.map((transport) => question(transport, type, name))),
    ...variants(estate, name),
  ];
  const names = [...new Set([internalZone, ...internal.map(({ name }) => name)])];
  const unknown = [UNDECLARED_LABEL, "*", `a.b.${UNDECLARED_LABEL}`].map(
    (label) => `${label}.${internalZone}`,
  );
  const addresses = new Set(internal.map(({ address }) => address));
  const pointers = (all: readonly string[]) =>
    all.map((address) => question("udp", "PTR", reverseName(address)));
  const others = subnetAddresses(estate).filter((address) => !addresses.has(address));
  return {
    names: { existing: names.flatMap(asked), missing: unknown.flatMap(asked) },
    addresses: { existing: pointers([...addresses]), missing: pointers(others) },
  };
}

/** A public name by every type: its answers may hold nothing internal either. */
function publicQuestions(estate: Estate): DnsQuestion[] {
  return byName(estate.dns.external).flatMap(([name]) => [
    ...LEAK_TYPES.flatMap((type) => TRANSPORTS.map((transport) => question(transport, type, name))),
    ...variants(estate, name),
  ]);
}

function probeOf(estate: Estate, asker: Asker) {
  const inside = Object.values(suites(estate)).flatMap(mixed);
  return batch("leak suite", asker, [...inside, ...publicQuestions(estate)]);
}

/** What exists and what does not, evenly mixed: each waits as long behind others. */
function mixed({ existing, missing }: Suite): DnsQuestion[] {
  const placed = [existing, missing].flatMap((all) =>
    all.map((asked, at) => ({ asked, place: (at + 0.5) / all.length })),
  );
  return placed.sort((a, b) => a.place - b.place).map(({ asked }) => asked);
}

const CONTENT = { wan: "internet/public", lan: "host/external" } as const;

const noLeak: Control = {
  id: "DNS-003",
  sampled: ({ host }) => {
    const [, prefix] = host.subnet.split("/");
    return Number(prefix) < 20 ? `addresses of the first /20 of ${host.subnet}` : undefined;
  },
  probes: (estate) => [ZONES, ...outsiders(estate).map((asker) => probeOf(estate, asker))],
  judge: (estate, seen) => [
    ...outsiders(estate).flatMap((asker) => {
      const answers = new Answers(seen.service(probeOf(estate, asker).id));
      const { names, addresses } = suites(estate);
      const all = [names, addresses].flatMap(({ existing, missing }) => [...existing, ...missing]);
      const groups = Map.groupBy([...names.existing, ...publicQuestions(estate)], ({ name }) =>
        name.toLowerCase(),
      );
      const listed = [...groups].map(([, questions]) => questions);
      const rest = all.filter((each) => !groups.has(each.name.toLowerCase()));
      return [
        ...[...listed, rest].map((questions, at) =>
          leakCheck(estate, asker, answers, questions, at < groups.size),
        ),
        oracleCheck(asker, answers, names, "names of the internal zone"),
        oracleCheck(asker, answers, addresses, "addresses of the subnet"),
      ];
    }),
    ...Object.values(CONTENT).map((view) => contentCheck(estate, seen, view)),
  ],
  notes: (estate, seen) =>
    outsiders(estate).map((asker) => {
      const answers = new Answers(seen.service(probeOf(estate, asker).id));
      const { existing, missing } = suites(estate).names;
      const median = (all: readonly DnsQuestion[]) =>
        all.map(({ id }) => answers.of(id).micros).sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? 0;
      return `${asker.from}: an answer for an existing internal name took ${median(existing)} µs, for a missing one ${median(missing)} µs (medians of questions sent side by side; noted, not judged)`;
    }),
};

/** The same server answers the same asker for a public name: silence is not its death. */
function twinOf(estate: Estate, answers: Answers): string | undefined {
  const name = publicName(estate);
  if (!name) return undefined;
  const asked = `A ${name} udp`;
  const reply = answers.of(asked);
  return reply.rcode === "NOERROR" ? `${asked}: ${inWords(reply)}` : undefined;
}

function leakCheck(
  estate: Estate,
  { from, server }: Asker,
  answers: Answers,
  questions: readonly DnsQuestion[],
  isOneName: boolean,
): Check {
  const name = questions[0]?.name.toLowerCase() ?? "";
  const replies = questions.map(({ id }) => ({ id, reply: answers.of(id) }));
  const [leak] = replies.flatMap(({ id, reply }) => leaked(estate, reply).map((what) => `${id}: ${what}`));
  const twin = twinOf(estate, answers);
  const record = estate.dns.internal.find((each) => each.name === name);
  const rcodes = describe(replies.map(({ reply }) => reply.rcode || reply.outcome));
  const common = {
    title: `${isOneName ? name : "names that do not exist, and every address of the subnet"} from ${from}: nothing internal`,
    expected: "no internal name or address in any section",
    observed: rcodes,
    proofs: {
      stimulus: `${questions.length} questions to ${server}`,
      ...(leak
        ? {}
        : {
            silence: "no section of any answer holds an internal name or address",
            drop: `the server answered: ${rcodes}`,
          }),
      ...(twin ? { twin } : {}),
    },
    ...(record && isOneName ? { declared: declaredAt(estate, record.position) } : {}),
    evidence: [answers.observation.id],
  };
  if (leak) {
    const reason = `the external view says ${leak}`;
    return { ...common, result: "fail", reason, disagreement: "converge fault" };
  }
  const reason = undecided(replies, twin, { from, server });
  return reason ? { ...common, result: "inconclusive", reason } : { ...common, result: "pass" };
}

/** Why nothing follows from what was said. */
function undecided(
  replies: readonly { readonly id: string; readonly reply: Answer }[],
  twin: string | undefined,
  { from, server }: Asker,
): string | undefined {
  if (!twin) return `no positive twin: ${server} answers ${from} nothing`;
  const mute = replies.find(({ reply }) => reply.outcome !== "answered");
  return mute && `${mute.id} was not answered: ${inWords(mute.reply)}`;
}

/** Everything in which replies may differ from each other, but the name itself (RFC 5936 section 6 speaks of the risk). */
function shape({
  rcode,
  opcode,
  flags,
  echo,
  surplusBytes,
  answers,
  authority,
  additional,
  edns,
}: Answer): string {
  const counts = [answers, authority, additional].map(({ length }) => length).join("/");
  return `${rcode}, ${opcode}, flags ${flags.join(" ")}, question ${echo}, ${surplusBytes} bytes more, ${counts} records${edns ? `, EDNS ${edns}` : ""}`;
}

/** Of questions asked alike, those for what exists and those for what does not have one and the same shape of reply. */
function oracleCheck(
  { from, server }: Asker,
  answers: Answers,
  { existing, missing }: Suite,
  what: string,
): Check {
  const kind = ({ id, name }: DnsQuestion) => id.replace(name, "NAME");
  const shapes = (all: readonly DnsQuestion[]) => Map.groupBy(all, kind);
  const others = shapes(missing);
  const told = [...shapes(existing)].flatMap(([kindOf, questions]) => {
    const usual = new Set((others.get(kindOf) ?? []).map(({ id }) => shape(answers.of(id))));
    return questions
      .filter(({ id }) => usual.size !== 1 || !usual.has(shape(answers.of(id))))
      .map(({ id }) => ({ id, said: shape(answers.of(id)), usual: [...usual].join("; or ") }));
  });
  const mute = [...existing, ...missing].find(({ id }) => answers.of(id).outcome !== "answered");
  const all = [...existing, ...missing].map(({ id }) => shape(answers.of(id)));
  const common = {
    title: `${what} from ${from}: one and the same answer, whether it exists or not`,
    expected: "equal RCODE, flags, size and sections",
    observed: describe(all),
    evidence: [answers.observation.id],
  };
  if (mute) {
    const reason = `${mute.id} was not answered: ${inWords(answers.of(mute.id))}`;
    return { ...common, result: "inconclusive", reason };
  }
  const [first] = told;
  if (!first) return { ...common, result: "pass" };
  const reason = `${server} tells ${from} what exists: ${first.id} has ${first.said}; what does not exist has ${first.usual}`;
  return { ...common, result: "fail", reason, disagreement: "converge fault" };
}

/** What the external view holds is looked through too: a record under a name that nobody would ask for. */
function contentCheck(estate: Estate, seen: Observations, view: string): Check {
  const content = contentOf(seen, view);
  const common = {
    title: `every record of ${view.replace("/", "'s view ")}: nothing internal`,
    expected: "no internal zone, name or address",
    evidence: [ZONES.id],
  };
  if (typeof content === "string")
    return { ...common, result: "inconclusive", observed: "not known", reason: content };
  const isInternal = internalIn(estate);
  const zones = content.zones.filter(({ name }) => isInternal(name)).map(({ name }) => `the zone ${name}`);
  const records = content.records.filter(({ text }) => isInternal(text)).map(({ text }) => text);
  const [leak] = [...zones, ...records];
  const observed = `${content.records.length} records in ${content.zones.length} zones`;
  if (!leak) return { ...common, result: "pass", observed };
  const reason = `the external view holds ${leak}`;
  return { ...common, result: "fail", observed, reason, disagreement: "converge fault" };
}

/** Records in any section, and EDNS options, that carry an internal name or an address other than the gateway's. */
function leaked(estate: Estate, reply: Answer): string[] {
  const isInternal = internalIn(estate);
  const sections = [...reply.answers, ...reply.authority, ...reply.additional];
  const options = (reply.edns ?? "").split(" ").filter((word) => word.includes(":"));
  /* A client's own subnet comes back in the answer's option 8 (RFC 7871 section 7.2.1): it is what was sent. */
  const said = options.filter((option) => !option.startsWith("8:"));
  return [
    ...sections.filter(isInternal),
    ...said.filter((option) => isInternal(`\\# ${option.split(":")[1] ?? ""}`)),
  ];
}

/** Whether words of a record name the inside; data that is not decoded is looked through byte by byte. */
function internalIn(estate: Estate): (line: string) => boolean {
  const { internalZone, internal } = estate.dns;
  const gateway = guestOf(estate, "gateway").address;
  const names = new Set([internalZone, ...internal.map(({ name }) => name)]);
  const inside = [estate.host, ...estate.guests, ...internal].map(({ address }) => address);
  const addresses = new Set(inside.filter((address) => address !== gateway));
  const hexes = [...addresses].map((address) => Buffer.from(address.split(".").map(Number)).toString("hex"));
  const wire = internalZone
    .split(".")
    .map((label) => String.fromCharCode(label.length) + label)
    .join("");
  hexes.push(...[wire, internalZone].map((text) => Buffer.from(text).toString("hex")));
  const pointers = new Set([...addresses].map(reverseName));
  return (line) => {
    if (line.includes("\\# ")) return hexes.some((hex) => line.toLowerCase().includes(hex));
    const words = line
      .toLowerCase()
      .split(/[\s",{}[\]()=;:/]+/)
      .map((word) => word.replace(/\.$/, ""));
    return words.some(
      (word) =>
        names.has(word) || word.endsWith(`.${internalZone}`) || addresses.has(word) || pointers.has(word),
    );
  };
}

export const DNS_OUTSIDE_CONTROLS: readonly Control[] = [noLeak];
