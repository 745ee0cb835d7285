import { type Region, regionOf, regionOfSet } from "../lint/region.ts";
import type { Match } from "../match.ts";
import { type Diagram, NONE } from "./diagram.ts";
import { icmpService, stateNumber } from "./layout.ts";
import { anyCode } from "./openings.ts";
import type { Conditions, PacketSpace } from "./packet-space.ts";
import { type Span, single } from "./spans.ts";

/** The packets that a rule with these conditions takes as its own, of the space's family; `device` is the hook's interface. */
export function setOfMatch(space: PacketSpace, match: Match, device: string): Diagram {
  if (match.family !== undefined && match.family !== space.family) return NONE;
  if (match.device !== undefined && match.device !== device) return NONE;
  const [source, ...sources] = sourcesOf(space, match);
  const [dest, ...dests] = destsOf(space, match);
  const own = { ...headerOf(match), ...(source && { sources: source }), ...(dest && { dests: dest }) };
  const others = [...sources.map((each) => ({ sources: each })), ...dests.map((each) => ({ dests: each }))];
  const set = others.reduce((held, each) => space.store.intersect(held, space.where(each)), space.where(own));
  const { notSourceSet } = match;
  if (!notSourceSet) return set;
  return space.store.subtract(set, space.where({ sources: regionOfSet(notSourceSet, space.family) }));
}

function sourcesOf({ family }: PacketSpace, { sources, sourceSet }: Match): readonly Region[] {
  return [
    ...(sources ? [regionOf(sources, family)] : []),
    ...(sourceSet ? [regionOfSet(sourceSet, family)] : []),
  ];
}

function destsOf({ family }: PacketSpace, { dests, destSet }: Match): readonly Region[] {
  return [...(dests ? [regionOf(dests, family)] : []), ...(destSet ? [regionOfSet(destSet, family)] : [])];
}

function headerOf(match: Match): Conditions {
  const { proto, dports, sports, states, notMac } = match;
  const icmp = icmpOf(match);
  return {
    ...(proto === undefined ? {} : { protos: [single(proto)] }),
    ...(dports && { ports: dports }),
    ...(sports && { sports }),
    ...(icmp && { icmp }),
    ...(states && { states: states.map((state) => single(stateNumber(state))) }),
    // A MAC filter names the MAC of the NIC that sends.
    ...(notMac === undefined ? {} : { foreignMac: true }),
  };
}

function icmpOf({ icmpTypes, icmpCode }: Match): readonly Span[] | undefined {
  if (icmpCode === undefined) return icmpTypes?.map(anyCode);
  const types = icmpTypes ?? Array.from({ length: 256 }, (_, type) => type);
  return types.map((type) => single(icmpService(type, icmpCode)));
}
