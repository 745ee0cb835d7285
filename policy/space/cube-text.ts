import type { Family } from "../ip.ts";
import { icmpName, protocolName } from "../names.ts";
import { FLAG, ICMP } from "../packet.ts";
import { addressText, type NameOf } from "./address-text.ts";
import type { Cube } from "./cubes.ts";
import { kindOf, STATES } from "./layout.ts";
import { others, type Span } from "./spans.ts";

/** A box of packets in words: `tcp 8000-8010 from 10.0.0.0/24 except 10.0.0.12 to 10.0.0.5`. */
export function cubeText(cube: Cube, family: Family, nameOf?: NameOf): string {
  const { protos, services, sports, sources, dests } = cube;
  return [
    protocolText(protos),
    services && serviceText(services, protos),
    sports && `source port ${numbersText(sports, 65_535)}`,
    sources && `from ${addressText(sources, family, nameOf)}`,
    dests && `to ${addressText(dests, family, nameOf)}`,
  ]
    .filter((part) => part !== undefined)
    .join(" ")
    .concat(...besides(cube).map((part) => `, ${part}`));
}

function besides({ states, flags, macs }: Cube): readonly string[] {
  return [
    ...(states
      ? [
          `state ${each(states)
            .map((state) => STATES[state])
            .join(" or ")}`,
        ]
      : []),
    ...(flags ? [`flags ${each(flags).map(flagsText).join(" or ")}`] : []),
    ...(macs ? [macs[0]?.first === 0 ? "of its own MAC" : "of a foreign MAC"] : []),
  ];
}

function flagsText(flags: number): string {
  const set = Object.entries(FLAG).filter(([, bit]) => (flags & bit) !== 0);
  return set.length === 0 ? "none" : set.map(([name]) => name).join("+");
}

/** Every number of the spans. */
export function each(spans: readonly Span[]): readonly number[] {
  return spans.flatMap(({ first, last }) =>
    Array.from({ length: last - first + 1 }, (_, index) => first + index),
  );
}

function protocolText(protos: readonly Span[] | undefined): string {
  if (!protos) return "any protocol";
  const left = others(protos, 255);
  const names = (spans: readonly Span[]) => each(spans).map(protocolName).join(", ");
  return left.length > 0 && each(left).length < each(protos).length
    ? `any protocol except ${names(left)}`
    : names(protos);
}

/** Whether a box is of ICMP: then its services are types and codes. */
export function isIcmp(protos: readonly Span[] | undefined): boolean {
  return kindOf(protos?.[0]?.first ?? 0) === "icmp";
}

function serviceText(services: readonly Span[], protos: readonly Span[] | undefined): string {
  if (!isIcmp(protos)) return numbersText(services, 65_535);
  const plain = icmpTexts(services, protos);
  const left = icmpTexts(others(services, 65_535), protos);
  return left.length < plain.length ? `except ${left.join(", ")}` : plain.join(", ");
}

/** Types with all codes by name or as a range of numbers, `type 3 code 4` for one with some. */
export function icmpTexts(services: readonly Span[], protos: readonly Span[] | undefined): readonly string[] {
  return services.flatMap(({ first, last }) => {
    const [from, to] = [Math.ceil(first / 256), Math.floor((last + 1) / 256) - 1];
    if (from > to + 1) return [codesText(first, last)];
    return [
      ...(first < from * 256 ? [codesText(first, from * 256 - 1)] : []),
      ...(from <= to ? [typesText({ first: from, last: to }, protos)] : []),
      ...(last > to * 256 + 255 ? [codesText((to + 1) * 256, last)] : []),
    ];
  });
}

function codesText(first: number, last: number): string {
  return `type ${first >> 8} code ${rangeText({ first: first & 255, last: last & 255 })}`;
}

/** Each family's ICMP has names of its own. */
function typesText(types: Span, protos: readonly Span[] | undefined): string {
  const numbers = each(protos ?? []);
  const family = numbers.length > 1 ? undefined : numbers[0] === ICMP ? 4 : 6;
  const name = family && types.first === types.last ? icmpName(types.first, family) : undefined;
  return name ?? `type ${rangeText(types)}`;
}

/** `80, 443`, `8000-8010`, or `all but 22` where that is shorter. */
function numbersText(spans: readonly Span[], last: number): string {
  const plain = spans.map(rangeText).join(", ");
  const except = `except ${others(spans, last).map(rangeText).join(", ")}`;
  return except.length < plain.length ? except : plain;
}

export function rangeText({ first, last }: Span): string {
  return first === last ? `${first}` : `${first}-${last}`;
}
