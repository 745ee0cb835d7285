import { parseIp } from "../ip.ts";
import type { Rule } from "../estate.ts";
import { found, type LintFinding } from "./finding.ts";
import type { Place } from "./ground.ts";
import type { End, Understood } from "./reach.ts";
import { overlaps, type Region, regionOf } from "./region.ts";

/** Addresses that are nobody's own: broadcast, multicast, and all zeros of a guest without an address yet. */
const SHARED = regionOf(
  [
    { family: 4, first: 0, last: 0 },
    { family: 4, first: 0xe0000000, last: 0xffffffff },
  ],
  4,
);

/** A guest's rule of IPv4 whose ends are not where the guest's known addresses are. */
export function wrongEnds(
  rule: Rule,
  line: string,
  { kind, nics, title }: Place,
  { reaches }: Understood,
): readonly LintFinding[] {
  const own = kind === "guest" ? addressesOf(nics) : [];
  if (own.length === 0 || reaches.length === 0 || reaches.some(({ family }) => family !== 4)) return [];
  const sides = rule.type === "in" ? (["dest", "source"] as const) : (["source", "dest"] as const);
  const [mine, theirs] = sides.map((side) => reaches[0]?.[side]);
  const messages = [
    ...(isElsewhere(mine, own) ? [`its ${sides[0]} is no address of ${title}`] : []),
    ...(isOnly(theirs, own) ? [`its ${sides[1]} is ${title} itself`] : []),
  ];
  return messages.map((message) => found("wrong-end", rule.position, line, `"${line}": ${message}`));
}

/** Of all its NICs: where one has none that is known, nothing is said. */
function addressesOf(nics: Place["nics"]): Region {
  const known = nics.map(({ addresses }) =>
    addresses.flatMap((text) => {
      const ip = parseIp(text);
      return ip?.family === 4 ? [{ family: ip.family, first: ip.value, last: ip.value }] : [];
    }),
  );
  return known.some((each) => each.length === 0) ? [] : regionOf(known.flat(), 4);
}

function isElsewhere(end: End | undefined, own: Region): boolean {
  if (!end || !("region" in end)) return false;
  return !overlaps(end.region, own) && !overlaps(end.region, SHARED);
}

function isOnly(end: End | undefined, own: Region): boolean {
  if (!end || !("region" in end)) return false;
  return end.region.every(({ first, last }) => own.some((span) => span.first <= first && last <= span.last));
}
