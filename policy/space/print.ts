import type { Family } from "../ip.ts";
import { protocolName } from "../names.ts";
import { addressItems, type NameOf } from "./address-text.ts";
import { cubeText, each, icmpTexts, isIcmp, rangeText } from "./cube-text.ts";
import type { Cube } from "./cubes.ts";
import { STATES } from "./layout.ts";

/** A set as its boxes; `more` and `fewer` are what `PacketSet.ownReplies` says. */
export interface Boxes {
  readonly family: Family;
  readonly cubes: Iterable<Cube>;
  readonly more: Iterable<Cube>;
  readonly fewer: Iterable<Cube>;
}

export interface PrintOptions {
  readonly nameOf?: NameOf;
  /** Lines at most; what is left is the last of them, `and N more`. Default: all. */
  readonly max?: number;
}

/** A line for each box; none for the empty set. Sets with one diagram have the same lines. */
export function linesOf(
  { family, cubes, more, fewer }: Boxes,
  options: PrintOptions = {},
): readonly string[] {
  const { nameOf, max = Infinity } = options;
  const text = (all: Iterable<Cube>, before: string) =>
    [...all].map((cube) => `${before}${cubeText(cube, family, nameOf)}`);
  const lines = [
    ...text(cubes, ""),
    ...text(more, "of packets whose source is their destination also: "),
    ...text(fewer, "of packets whose source is their destination not: "),
  ];
  if (lines.length <= max) return lines;
  const shown = lines.slice(0, Math.max(max - 1, 0));
  return [...shown, `and ${lines.length - shown.length} more`];
}

/** A box as JSON: of each field that is given any of its values. Ports are numbers and ranges, addresses networks and ranges. */
interface CubeJson {
  readonly protocols?: readonly string[];
  readonly ports?: readonly string[];
  readonly icmp?: readonly string[];
  readonly sourcePorts?: readonly string[];
  readonly from?: readonly string[];
  readonly to?: readonly string[];
  readonly states?: readonly string[];
  /** As bits of the TCP header. */
  readonly flags?: readonly number[];
  readonly foreignMac?: boolean;
}

/** A set as JSON; of packets whose source is their destination `also` are in it and `not` are not, whatever a box says. */
export interface SetJson {
  readonly family: Family;
  readonly boxes: readonly CubeJson[];
  readonly ownReplies?: { readonly also: readonly CubeJson[]; readonly not: readonly CubeJson[] };
}

export function jsonOf({ family, cubes, more, fewer }: Boxes): SetJson {
  const all = (some: Iterable<Cube>) => [...some].map((cube) => cubeJson(cube, family));
  const [also, not] = [all(more), all(fewer)];
  const isPlain = also.length === 0 && not.length === 0;
  return { family, boxes: all(cubes), ...(isPlain ? {} : { ownReplies: { also, not } }) };
}

function cubeJson(cube: Cube, family: Family): CubeJson {
  const { protos, services, sports, sources, dests, states, flags, macs } = cube;
  return {
    ...(protos && { protocols: each(protos).map(protocolName) }),
    ...(services && !isIcmp(protos) && { ports: services.map(rangeText) }),
    ...(services && isIcmp(protos) && { icmp: icmpTexts(services, protos) }),
    ...(sports && { sourcePorts: sports.map(rangeText) }),
    ...(sources && { from: addressItems(sources, family) }),
    ...(dests && { to: addressItems(dests, family) }),
    ...(states && { states: each(states).flatMap((state) => STATES[state] ?? []) }),
    ...(flags && { flags: each(flags) }),
    ...(macs && { foreignMac: macs[0]?.first === 1 }),
  };
}
