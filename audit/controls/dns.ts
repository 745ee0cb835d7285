import { type DnsRecord, type Estate, guestOf } from "../../policy/estate.ts";
import { Answers, inWords } from "../dns-answers.ts";
import { type Asked, faults, soaFaults } from "../dns-expectation.ts";
import type { Control, Observations } from "../control.ts";
import { declaredAt } from "../declared.ts";
import type { Check } from "../finding.ts";
import {
  type Asker,
  batch,
  insiders,
  mixedCase,
  outsiders,
  question,
  reverseName,
  TRANSPORTS,
  UNDECLARED_LABEL,
} from "../questions.ts";
import { contentOf, type ViewContent, ZONES } from "../zone-content.ts";
import { describe } from "../words.ts";

/** A zone as one view gives it: records of one type under their names. */
interface Zone {
  readonly name: string;
  readonly records: readonly {
    readonly name: string;
    readonly type: "A" | "PTR";
    readonly value: string;
    readonly from: DnsRecord;
  }[];
}

/** A view: who sees it, which content a server holds for it, and what should be in it. */
interface View {
  readonly askers: readonly (Asker & { readonly content: string })[];
  readonly zones: readonly Zone[];
}

/** Types of which a name with an address has none, unknown ones too (RFC 3597): NODATA, not NXDOMAIN. */
const ABSENT_TYPES = ["AAAA", "CNAME", "UNKNOWN_65", "UNKNOWN_65280"];

/** What one asker may learn of a zone: each name, the apex, and names that nobody declares. */
function questionsOf(zone: Zone): Asked[] {
  const names = [...Map.groupBy(zone.records, ({ name }) => name)];
  const known = names.flatMap(([name, each]): Asked[] => {
    const type = each[0]?.type ?? "A";
    const answers = [...new Set(each.map(({ value }) => `${name} ${type} ${value}`))].sort();
    const common = { zone: zone.name, rcode: "NOERROR", position: each[0]?.from.position } as const;
    return [
      ...TRANSPORTS.map((transport) => ({ ...common, question: question(transport, type, name), answers })),
      { ...common, question: question("udp", type, mixedCase(name), "0x20"), answers },
      ...ABSENT_TYPES.map((absent) => ({ ...common, question: question("udp", absent, name), answers: [] })),
    ];
  });
  const isDeclared = (name: string) => names.some(([each]) => each === name || each.endsWith(`.${name}`));
  const apex = ["SOA", "NS"].flatMap((type) =>
    TRANSPORTS.map((transport): Asked => {
      const asked = question(transport, type, zone.name);
      return { question: asked, answers: undefined, rcode: "NOERROR", zone: zone.name };
    }),
  );
  const [[first] = [zone.name]] = names;
  const unknown = [UNDECLARED_LABEL, `a.${UNDECLARED_LABEL}`, `_tcp.${UNDECLARED_LABEL}`].map(
    (label) => `${label}.${zone.name}`,
  );
  const missing = [...unknown, `a.${first}`, `a.b.${first}`]
    .filter((name) => !isDeclared(name))
    .flatMap((name) =>
      ["A", "AAAA"].map((type): Asked => {
        const asked = question("udp", type, name);
        return { question: asked, answers: [], rcode: "NXDOMAIN", zone: zone.name };
      }),
    );
  return [...known, ...apex, ...missing];
}

const addressRecord = (record: DnsRecord) =>
  ({ name: record.name, type: "A", value: record.address, from: record }) as const;

/** Each public name is the gateway, whatever the record says: a record that says otherwise is an intent gap. */
function externalView(estate: Estate): View {
  const { address } = guestOf(estate, "gateway");
  const records = estate.dns.external.map((record) => addressRecord({ ...record, address }));
  const content: Readonly<Record<string, string>> = { wan: "internet/public", lan: "host/external" };
  return {
    askers: outsiders(estate).map((asker) => ({ ...asker, content: content[asker.from] ?? "" })),
    zones: [{ name: estate.dns.externalZone, records }],
  };
}

/** Both zones as insiders see them (a public name by its `ip_internal`, else its `ip_external`), and the reverse zone. */
function internalView(estate: Estate): View {
  const { internal, external, externalInside, internalZone, externalZone } = estate.dns;
  const inside = new Set(externalInside.map(({ name }) => name));
  const phoenix = [...externalInside, ...external.filter(({ name }) => !inside.has(name))];
  const reverse = internal.map((record) => {
    return { name: reverseName(record.address), type: "PTR", value: record.name, from: record } as const;
  });
  return {
    askers: insiders(estate).map((asker) => ({ ...asker, content: "host/internal" })),
    zones: [
      { name: internalZone, records: internal.map(addressRecord) },
      { name: externalZone, records: phoenix.map(addressRecord) },
      { name: reverseZone(estate), records: reverse },
    ],
  };
}

/** The zone of the subnet's whole octets, RFC 1035 section 3.5. */
function reverseZone({ host }: Estate): string {
  const [base = "", prefix = "24"] = host.subnet.split("/");
  const octets = base.split(".").slice(0, Math.min(3, Math.max(1, Math.floor(Number(prefix) / 8))));
  return `${octets.reverse().join(".")}.in-addr.arpa`;
}

function control(
  id: string,
  viewOf: (estate: Estate) => View,
  isForeign: (type: string) => boolean,
): Control {
  const probeOf = ({ zones }: View, asker: Asker) =>
    batch(
      "answers",
      asker,
      zones.flatMap(questionsOf).map((asked) => asked.question),
    );
  return {
    id,
    probes: (estate) => {
      const view = viewOf(estate);
      return [ZONES, ...view.askers.map((asker) => probeOf(view, asker))];
    },
    judge: (estate, seen) => {
      const view = viewOf(estate);
      const contents = [...new Set(view.askers.map(({ content }) => content))];
      return [
        ...view.askers.flatMap((asker) => {
          const answers = new Answers(seen.service(probeOf(view, asker).id));
          return view.zones.flatMap((zone) => zoneChecks(estate, asker, zone, answers));
        }),
        ...contents.map((content) => {
          const asker = view.askers.find((each) => each.content === content);
          const answers = new Answers(seen.service(asker ? probeOf(view, asker).id : ""));
          return contentCheck(seen, content, view.zones, answers, isForeign);
        }),
      ];
    },
  };
}

/** A check a name, one for the apex, one for what nobody declares. */
function zoneChecks(estate: Estate, asker: Asker, zone: Zone, answers: Answers): Check[] {
  const groups = Map.groupBy(questionsOf(zone), titleOf);
  return [...groups].map(([title, asked]): Check => {
    const wrong = asked.flatMap((each) => {
      const reply = answers.of(each.question.id);
      const said = faults(each, reply);
      const soa = each.question.type === "SOA" && said.length === 0 ? soaFaults(reply.answers[0] ?? "") : [];
      return [...said, ...soa].map((fault) => ({ ...each, reply, fault }));
    });
    const replies = asked.map((each) => answers.of(each.question.id));
    const [first] = wrong;
    const position = asked[0]?.position;
    const isUnknown = wrong.length > 0 && wrong.every(({ reply }) => reply.outcome === "unknown");
    return {
      title: `${title} from ${asker.from}`,
      expected: expectedOf(asked),
      observed: describe((first ? [first.reply] : replies).map(inWords)),
      evidence: [answers.observation.id],
      ...(position ? { declared: declaredAt(estate, position) } : {}),
      ...(first
        ? {
            result: isUnknown ? "inconclusive" : "fail",
            reason: `${asker.from} asked ${asker.server} for ${first.question.id}: ${first.fault}${wrong.length > 1 ? ` (and ${wrong.length - 1} faults more)` : ""}`,
            ...(isUnknown ? {} : { disagreement: "converge fault" as const }),
          }
        : { result: "pass" }),
    };
  });
}

function titleOf({ question: { name }, rcode, answers, zone }: Asked): string {
  if (rcode === "NXDOMAIN") return `names that nobody declares below ${zone}`;
  return answers === undefined ? `the apex of ${zone}` : name.toLowerCase();
}

function expectedOf(asked: readonly Asked[]): string {
  const [first] = asked;
  if (first?.rcode === "NXDOMAIN") return "NXDOMAIN with the zone's SOA, by every type and at every depth";
  if (first?.answers === undefined) return "one SOA and one NS, authoritative";
  const values = first.answers.map((line) => line.split(" ").slice(1).join(" ")).join(", ");
  return `${values}, same by UDP, TCP and in mixed case; no data of another type`;
}

/** The zones' whole content: what stands under a name that nobody would ask for is seen too. */
function contentCheck(
  seen: Observations,
  view: string,
  zones: readonly Zone[],
  answers: Answers,
  isForeign: (type: string) => boolean,
): Check {
  const content = contentOf(seen, view);
  const common = {
    title: `every record of ${view.replace("/", "'s view ")}`,
    expected: "the declared names and no other, as the server has loaded them",
    evidence: [ZONES.id, answers.observation.id],
  };
  if (typeof content === "string")
    return { ...common, result: "inconclusive", observed: "not known", reason: content };
  const notLive = zones.flatMap((zone) => serialFault(zone, content, answers));
  const surplus = surplusOf(content, zones, isForeign);
  const observed = `${content.records.length} records in ${content.zones.length} zones`;
  const [extra] = surplus;
  if (extra) {
    const reason = `${view} also has ${extra}${surplus.length > 1 ? ` (and ${surplus.length - 1} records more)` : ""}, which no file declares`;
    return { ...common, result: "fail", observed, reason, disagreement: "converge fault" };
  }
  const [reason] = notLive;
  return reason
    ? { ...common, result: "inconclusive", observed, reason }
    : { ...common, result: "pass", observed };
}

/** Zones and records that the declaration does not give. */
function surplusOf(
  content: ViewContent,
  zones: readonly Zone[],
  isForeign: (type: string) => boolean,
): string[] {
  const known = new Map(zones.map((zone) => [zone.name, zone]));
  const others = content.zones
    .filter(({ name }) => !known.has(name))
    .filter(({ name }) => isForeign("zone") || zones.some((zone) => name.endsWith(`.${zone.name}`)))
    .map(({ name }) => `the zone ${name}`);
  const records = content.records.flatMap(({ name, type, value, text }) => {
    const zone = [...zones]
      .sort((a, b) => b.name.length - a.name.length)
      .find((each) => name === each.name || name.endsWith(`.${each.name}`));
    if (!zone || (name === zone.name && (type === "SOA" || type === "NS"))) return [];
    const own = zone.records.filter((record) => record.name === name);
    const isDeclared = own.some((record) => record.type === type && record.value === value);
    return isDeclared || (own.length > 0 && !isForeign(type)) ? [] : [text];
  });
  return [...others, ...records];
}

/** That what was read is what the server answers from: the SOA's serial, asked live, is that of the file it loaded. */
function serialFault(zone: Zone, { zones }: ViewContent, answers: Answers): string[] {
  const loaded = zones.find(({ name }) => name === zone.name)?.serial;
  const [live = ""] = answers.of(`SOA ${zone.name} udp`).answers;
  const serial = live.split(" ").at(-5) ?? "none";
  return serial === loaded
    ? []
    : [`${zone.name} is answered with serial ${serial}, and ${loaded ?? "none"} was loaded`];
}

/* Outside, a name's answer is its address: a record of a kind that gives none, under a declared name, is not its matter. */
const ADDRESSING = new Set(["A", "AAAA", "CNAME", "DNAME", "NS", "HTTPS", "SVCB", "TYPE65", "TYPE64"]);

export const DNS_CONTROLS: readonly Control[] = [
  control("DNS-001", externalView, (type) => ADDRESSING.has(type)),
  control("DNS-002", internalView, () => true),
];
