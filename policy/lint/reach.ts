import type { Rule } from "../estate.ts";
import { type Family, parseIp } from "../ip.ts";
import type { Match, PortSpan } from "../match.ts";
import type { ForwardRule, IpSet } from "../proxmox/file.ts";
import { parseReference, resolveAlias, type RuleScope, resolveSet } from "../proxmox/scope.ts";
import { readRule } from "../rule.ts";
import { isWhole, isWithin, overlaps, type Region, regionOf, regionOfSet } from "./region.ts";

/**
 * The addresses at one end of a packet; absent means any. `own`: a set to which Proxmox adds what no file says, so that
 * only the same set is known to hold the same.
 */
export type End = { readonly region: Region } | { readonly own: IpSet };

/** The packets that one alternative of a rule takes, of one family: all conditions that are given hold. */
export interface Reach {
  readonly family: Family;
  readonly proto?: number;
  readonly source?: End;
  readonly dest?: End;
  /** In order, none touches another. */
  readonly sports?: readonly PortSpan[];
  readonly dports?: readonly PortSpan[];
  readonly icmpTypes?: readonly number[];
  readonly icmpCode?: number;
  /** A bridge of the host, or `netN` of the guest. */
  readonly iface?: string;
}

/** A rule as the lints compare it. */
export interface Understood {
  readonly reaches: readonly Reach[];
  /** Of alternatives that no packet can match: why, in words. */
  readonly empty: readonly string[];
  /** Why it can't be written. */
  readonly failure?: string;
}

const FAMILIES = [4, 6] as const;

/** What a rule takes; nothing where Proxmox can't write it, or the kernel does not take it. */
export function understand(rule: Rule | ForwardRule, scope: RuleScope): Understood {
  const { matches, failure } = readRule(rule, scope);
  const isRefused = [rule.source, rule.dest].some((text) => isOutOfRange(aliasOf(text, scope) ?? ""));
  if (failure && !isRefused) return { reaches: [], empty: [], failure: failure.reason };
  const sets = { source: ownSet(rule.source, scope), dest: ownSet(rule.dest, scope) };
  const found = matches.flatMap((match): readonly (Reach | string)[] => {
    const families = match.family === undefined ? FAMILIES : [match.family];
    const reaches = families.flatMap((family) => reachOf(match, family, sets, rule.iface) ?? []);
    return reaches.length > 0 ? reaches : [emptiness(rule, match)];
  });
  return {
    reaches: found.filter((each) => typeof each !== "string"),
    empty: found.filter((each) => typeof each === "string"),
  };
}

function aliasOf(text: string | undefined, scope: RuleScope): string | undefined {
  const reference = text === undefined ? undefined : parseReference(text);
  return reference?.kind === "alias" ? resolveAlias(scope, reference)?.cidr : undefined;
}

/** A prefix that is longer than an address: it compiles, and the kernel refuses it. */
export function isOutOfRange(cidr: string): boolean {
  const [address = "", length] = cidr.split("/");
  return length !== undefined && Number(length) > (parseIp(address)?.family === 4 ? 32 : 128);
}

type OwnSets = Readonly<Record<"source" | "dest", IpSet | undefined>>;

/** The set of a reference whose content is not the files' alone. */
function ownSet(text: string | undefined, scope: RuleScope): IpSet | undefined {
  const reference = text === undefined ? undefined : parseReference(text);
  if (reference?.kind !== "set" || !/^(?:management|ipfilter-net\d+)$/.test(reference.name)) return undefined;
  return resolveSet(scope, reference)?.set;
}

/** Undefined where no address of the family fits. */
function reachOf(match: Match, family: Family, sets: OwnSets, iface: string | undefined): Reach | undefined {
  const source = endOf(match.sources, match.sourceSet, sets.source, family);
  const dest = endOf(match.dests, match.destSet, sets.dest, family);
  if (isEmpty(source) || isEmpty(dest)) return undefined;
  const { proto, sports, dports, icmpTypes, icmpCode } = match;
  return {
    family,
    ...(proto === undefined ? {} : { proto }),
    ...(source && { source }),
    ...(dest && { dest }),
    ...(sports && { sports: joined(sports) }),
    ...(dports && { dports: joined(dports) }),
    ...(icmpTypes && { icmpTypes }),
    ...(icmpCode === undefined ? {} : { icmpCode }),
    ...(iface === undefined ? {} : { iface }),
  };
}

function endOf(
  spans: Match["sources"],
  set: Match["sourceSet"],
  own: IpSet | undefined,
  family: Family,
): End | undefined {
  if (own) return { own };
  if (!spans && !set) return undefined;
  const region = spans ? regionOf(spans, family) : set ? regionOfSet(set, family) : [];
  return isWhole(region) ? undefined : { region };
}

function isEmpty(end: End | undefined): boolean {
  return end !== undefined && "region" in end && end.region.length === 0;
}

function emptiness({ source, dest }: Rule | ForwardRule, match: Match): string {
  const holds = (set: Match["sourceSet"]) =>
    !set || FAMILIES.some((family) => regionOfSet(set, family).length > 0);
  if (!holds(match.sourceSet)) return `the set ${source} holds no address`;
  if (!holds(match.destSet)) return `the set ${dest} holds no address`;
  return "no address of one family is at both its ends";
}

/** Ports in order, those that touch or overlap made one. */
function joined(spans: readonly PortSpan[]): readonly PortSpan[] {
  if (spans.length < 2) return spans;
  const found: PortSpan[] = [];
  for (const span of [...spans].sort((a, b) => a.first - b.first)) {
    const before = found.at(-1);
    if (!before || span.first > before.last + 1) found.push(span);
    else if (span.last > before.last) found[found.length - 1] = { first: before.first, last: span.last };
  }
  return found;
}

/** Whether every packet of the one is the other's too. False where it can't be told. */
export function covers(outer: Reach, inner: Reach): boolean {
  return (
    outer.family === inner.family &&
    (outer.proto === undefined || outer.proto === inner.proto) &&
    (outer.iface === undefined || outer.iface === inner.iface) &&
    portsCover(outer.dports, inner.dports) &&
    portsCover(outer.sports, inner.sports) &&
    endCovers(outer.source, inner.source) &&
    endCovers(outer.dest, inner.dest) &&
    (outer.icmpTypes === undefined ||
      inner.icmpTypes?.every((type) => outer.icmpTypes?.includes(type)) === true) &&
    (outer.icmpCode === undefined || outer.icmpCode === inner.icmpCode)
  );
}

function endCovers(outer: End | undefined, inner: End | undefined): boolean {
  if (!outer || !inner) return !outer;
  if ("own" in outer) return "own" in inner && outer.own === inner.own;
  return "region" in inner && isWithin(inner.region, outer.region);
}

function portsCover(outer: readonly PortSpan[] | undefined, inner: readonly PortSpan[] | undefined): boolean {
  if (!outer || !inner) return !outer;
  return inner.every(({ first, last }) => outer.some((span) => span.first <= first && last <= span.last));
}

/** Whether a packet may be both's. True where it can't be told. */
export function mayMeet(a: Reach, b: Reach): boolean {
  return (
    a.family === b.family &&
    (a.proto === undefined || b.proto === undefined || a.proto === b.proto) &&
    (a.iface === undefined || b.iface === undefined || a.iface === b.iface) &&
    portsMeet(a.dports, b.dports) &&
    portsMeet(a.sports, b.sports) &&
    endsMeet(a.source, b.source) &&
    endsMeet(a.dest, b.dest) &&
    (!a.icmpTypes || !b.icmpTypes || a.icmpTypes.some((type) => b.icmpTypes?.includes(type))) &&
    (a.icmpCode === undefined || b.icmpCode === undefined || a.icmpCode === b.icmpCode)
  );
}

function endsMeet(a: End | undefined, b: End | undefined): boolean {
  if (!a || !b || "own" in a || "own" in b) return true;
  return overlaps(a.region, b.region);
}

function portsMeet(a: readonly PortSpan[] | undefined, b: readonly PortSpan[] | undefined): boolean {
  if (!a || !b) return true;
  return a.some(({ first, last }) => b.some((span) => span.first <= last && first <= span.last));
}
