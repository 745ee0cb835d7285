import { type Family, type IpSpan, parseSpan, parseSpanRange } from "../ip.ts";
import { type Region, regionOf } from "../lint/region.ts";
import { icmpKind, protocolNumber } from "../names.ts";
import { ICMP, ICMPV6, PORT_PROTOCOLS } from "../packet.ts";
import { icmpService } from "../space/layout.ts";
import type { Conditions } from "../space/packet-space.ts";
import { joined, others, type Span, single } from "../space/spans.ts";
import { without } from "./ends.ts";
import { FAMILIES } from "./families.ts";
import { EVERYTHING, EVERYTHING_OF, OF_BOTH, OF_SIX } from "./flow-words.ts";

/** Flows that a person has written, as conditions for each family that they are of. */
export interface WrittenFlows {
  readonly conditions: Readonly<Partial<Record<Family, Conditions>>>;
}

/** Words for all of the families. */
const WHOLE: ReadonlyMap<string, readonly Family[]> = new Map<string, readonly Family[]>([
  ...[EVERYTHING, "*", "any", "all"].map((word) => [word, FAMILIES] as const),
  ...FAMILIES.map((family) => [EVERYTHING_OF[family].toLowerCase(), [family]] as const),
]);

/**
 * Flows in the words in which `flowWords` prints them, but for state, flags and MAC: `tcp 443, 8000-8010 from 10.0.0.0/24 except
 * 10.0.0.12`, `icmp echo-request`, `udp 53, IPv6 too`. Undefined where they are none.
 */
export function parseFlows(text: string): WrittenFlows | undefined {
  const whole = WHOLE.get(text.trim().toLowerCase());
  if (whole) return { conditions: Object.fromEntries(whole.map((each) => [each, {}])) };
  const isSix = text.endsWith(OF_SIX);
  const suffix = isSix ? OF_SIX : text.endsWith(OF_BOTH) ? OF_BOTH : "";
  const families: readonly Family[] = isSix ? [6] : suffix === OF_BOTH ? [4, 6] : [4];
  const plain = text
    .slice(0, text.length - suffix.length)
    .trim()
    .replaceAll(/\s+/g, " ");
  const [, what = "", sports, from, to] =
    /^(.*?)(?: source port (.*?))?(?: from (.*?))?(?: to (.*?))?$/.exec(plain) ?? [];
  const service = parseService(what);
  const sportSpans = sports === undefined ? undefined : parseNumbers(sports);
  const ends = endsOf(from, to);
  if (!service || !ends || (sports !== undefined && !sportSpans)) return undefined;
  const own = { ...service, ...(sportSpans && { sports: sportSpans }) };
  const [family] = ends.families;
  const meant = family === undefined ? families : [family];
  return {
    conditions: Object.fromEntries(meant.map((each) => [each, { ...own, ...ends.conditions }])),
  };
}

/** Protocols, then ports or ICMP types: `tcp, udp 53`, `any protocol except tcp`. */
function parseService(text: string): Conditions | undefined {
  if (/^any protocol\b/.test(text)) {
    const except = /^any protocol except (.+)$/.exec(text)?.[1];
    const left = except === undefined ? [] : parseProtocols(except.split(", "));
    if (!left || (except === undefined && text !== "any protocol")) return undefined;
    return { protos: others(left, 255) };
  }
  const [, names = "", rest] =
    /^((?:protocol \d+|[a-z][\w.-]*)(?:, (?:protocol \d+|(?!type\b|except\b)[a-z][\w.-]*))*)(?: (.+))?$/i.exec(
      text,
    ) ?? [];
  const protos = names === "" ? undefined : parseProtocols(names.split(", "));
  if (!protos) return undefined;
  const isIcmp = eachOf(protos).some((proto) => proto === ICMP || proto === ICMPV6);
  const hasPorts = eachOf(protos).some((proto) => PORT_PROTOCOLS.has(proto));
  if (rest === undefined) return { protos };
  if (isIcmp && !hasPorts) {
    const icmp = parseTypes(rest, eachOf(protos));
    return icmp && { protos, icmp };
  }
  const ports = hasPorts && !isIcmp ? parseNumbers(rest) : undefined;
  return ports && { protos, ports };
}

function parseProtocols(names: readonly string[]): readonly Span[] | undefined {
  const numbers = names.map((name) => {
    const number = /^protocol (\d{1,3})$/.exec(name)?.[1];
    return number === undefined ? protocolNumber(name.toLowerCase()) : Number(number);
  });
  const known = numbers.filter((number) => number !== undefined && number <= 255);
  return known.length === names.length ? joined(known.map((number) => single(number ?? 0))) : undefined;
}

/** `80, 443-445`, or `except 22`. */
function parseNumbers(text: string): readonly Span[] | undefined {
  const except = /^except (.+)$/.exec(text)?.[1];
  const spans = (except ?? text).split(", ").map(parseRange);
  const known = spans.filter((span) => span !== undefined);
  if (known.length < spans.length) return undefined;
  return except === undefined ? joined(known) : others(joined(known), 65_535);
}

function parseRange(text: string): Span | undefined {
  const [, low, high = low] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const span = { first: Number(low ?? Number.NaN), last: Number(high ?? Number.NaN) };
  return span.first <= span.last && span.last <= 65_535 ? span : undefined;
}

/** `echo-request, type 130-137, type 3 code 4`, or `except ...`. */
function parseTypes(text: string, protos: readonly number[]): readonly Span[] | undefined {
  const except = /^except (.+)$/.exec(text)?.[1];
  const spans = (except ?? text).split(", ").map((each) => parseType(each, protos));
  const known = spans.filter((span) => span !== undefined);
  if (known.length < spans.length) return undefined;
  return except === undefined ? joined(known) : others(joined(known), 65_535);
}

function parseType(text: string, protos: readonly number[]): Span | undefined {
  const [, types, codes] = /^type (\d{1,3}(?:-\d{1,3})?)(?: code (\d{1,3}(?:-\d{1,3})?))?$/.exec(text) ?? [];
  const named = icmpKind(text, protos[0] === ICMP ? 4 : 6);
  if (named?.code !== undefined) return single(icmpService(named.type, named.code));
  const type = types === undefined ? named && single(named.type) : parseRange(types);
  const code = codes === undefined ? { first: 0, last: 255 } : parseRange(codes);
  const isOne = type?.first === type?.last || codes === undefined;
  if (!type || !code || type.last > 255 || code.last > 255 || !isOne) return undefined;
  return { first: icmpService(type.first, code.first), last: icmpService(type.last, code.last) };
}

interface Ends {
  readonly conditions: Conditions;
  /** Of the addresses; none where none is given. */
  readonly families: readonly Family[];
}

function endsOf(from: string | undefined, to: string | undefined): Ends | undefined {
  const [sources, dests] = [from, to].map((text) => (text === undefined ? undefined : parseAddresses(text)));
  if ((from !== undefined && !sources) || (to !== undefined && !dests)) return undefined;
  const families = [...new Set([...(sources ?? []), ...(dests ?? [])].map(({ family }) => family))];
  if (families.length > 1) return undefined;
  return {
    families,
    conditions: { ...(sources && { sources }), ...(dests && { dests }) },
  };
}

/** `10.0.0.0/24 except 10.0.0.1, 10.0.0.9; 192.168.0.0/16`. */
function parseAddresses(text: string): Region | undefined {
  const parts = text.split("; ").map((part) => {
    const [held = "", except] = part.split(" except ");
    const left = except === undefined ? [] : parseSpans(except);
    const all = held === "anywhere" ? [ANYWHERE[left?.[0]?.family ?? 4]] : parseSpans(held);
    return all && left && without(all, left);
  });
  const known = parts.filter((part) => part !== undefined);
  const [first] = known.flat();
  return first && known.length === parts.length ? regionOf(known.flat(), first.family) : undefined;
}

function parseSpans(text: string): Region | undefined {
  const spans = text.split(", ").map((each) => parseSpan(each) ?? parseSpanRange(each));
  const known = spans.filter((span) => span !== undefined);
  const [first] = known;
  const isOne = known.length === spans.length && known.every(({ family }) => family === first?.family);
  return first && isOne ? regionOf(known, first.family) : undefined;
}

const ANYWHERE: Readonly<Record<Family, IpSpan>> = {
  4: { family: 4, first: 0, last: 0xffffffff },
  6: { family: 6, first: 0n, last: (1n << 128n) - 1n },
};

function eachOf(spans: readonly Span[]): readonly number[] {
  return spans.flatMap(({ first, last }) =>
    Array.from({ length: last - first + 1 }, (_, index) => first + index),
  );
}
