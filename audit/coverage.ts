import { z } from "zod";
import type { Estate, Position } from "../policy/estate.ts";
import type { Decision } from "../policy/flow.ts";
import { places } from "../policy/place.ts";
import { nodeOf } from "../policy/proxmox/node.ts";
import { ruleLine } from "../policy/rule-line.ts";
import { parseFlowKey } from "../probes/flow-key.ts";
import type { Observation } from "../probes/observation.ts";
import { parseIp } from "../policy/ip.ts";
import { declaredAt } from "./declared.ts";
import { Declared } from "./finding.ts";
import { judgeFlows } from "./packets.ts";
import { WITH_PORTS } from "./sweep.ts";
import { classesInto, type ClassOfPair, wayTo } from "./way-to-rule.ts";

/** A declared rule, and how many of a run's packet probes it decided: at any hop, by the model. */
export const RuleCoverage = z.object({
  declared: Declared,
  /** `the host`, `guest 801`. */
  where: z.string(),
  /** As a line of Proxmox's files; `|` before it: disabled. */
  text: z.string(),
  probes: z.number().int(),
  /** Of a rule that decided none: a flow that it would decide, e.g. `lan > 801 tcp/4000`. */
  flow: z.string().optional(),
  /** Of a rule that decided none: why no probe is such a flow. */
  reason: z.string().optional(),
  /** Of a rule that decided none: an ordinary packet meets it, and this run, narrowed or cut short, asked for no such. */
  unasked: z.literal(true).optional(),
});
export type RuleCoverage = z.infer<typeof RuleCoverage>;

/**
 * Every declared rule: those that no probe exercised first, then those that nobody asked for. A probe whose outcome is
 * unknown exercises nothing.
 */
export function coverageOf(estate: Estate, observations: readonly Observation[]): RuleCoverage[] {
  const counts = countsByRule(estate, observations);
  const asked = askedIn(observations);
  const rules = declaredRules(estate).map(({ where, text, position, refused }): RuleCoverage => {
    const probes = counts.get(keyOf(position)) ?? 0;
    const common = { declared: declaredAt(estate, position), where, text, probes };
    if (probes > 0) return common;
    if (refused !== undefined) return { ...common, reason: `Proxmox refuses it: ${refused}` };
    if (text.startsWith("|")) return { ...common, reason: "it is disabled" };
    const way = wayTo(estate, position);
    const wanted = classesInto(estate, position).filter((each) => isSwept(estate, each));
    const isUnasked = wanted.length > 0 && !wanted.some(asked);
    return isUnasked ? { ...common, ...way, unasked: true } : { ...common, ...way };
  });
  const rank = ({ probes, unasked }: RuleCoverage) => (probes > 0 ? 2 : unasked ? 1 : 0);
  return rules.toSorted((a, b) => rank(a) - rank(b));
}

/** Whether a run of all controls asks a flow of it: between a pair that is judged, of a port or protocol that is swept. */
function isSwept(estate: Estate, { to, packetClass: { proto, first, last } }: ClassOfPair): boolean {
  const isPorted = proto === "ip" && first === last && WITH_PORTS.has(first);
  return !isPorted && places(estate).some(({ id, destination }) => id === to && destination);
}

/** Whether any flow of a class between two places was asked, from the sender's own address, whatever came of it. */
function askedIn(observations: readonly Observation[]): (met: ClassOfPair) => boolean {
  const sent = observations
    .filter((each) => each.kind === "packets")
    .filter(({ forged, dest }) => !forged && parseIp(dest)?.family === 4);
  const keys = Map.groupBy(sent, ({ from, to }) => `${from} ${to}`);
  const spans = new Map(
    [...keys].map(([pair, seen]) => [
      pair,
      seen.flatMap(({ outcomes }) => Object.values(outcomes).flat().map(parseFlowKey)),
    ]),
  );
  return ({ from, to, packetClass }) =>
    (spans.get(`${from} ${to}`) ?? []).some(
      ({ proto, first, last }) =>
        proto === packetClass.proto && first <= packetClass.last && last >= packetClass.first,
    );
}

interface DeclaredRule {
  readonly where: string;
  readonly text: string;
  readonly position: Position;
  /** Why Proxmox does not take it. */
  readonly refused?: string;
}

/** In the files' order: the host's, then each guest's. */
function declaredRules(estate: Estate): DeclaredRule[] {
  const { cluster, guests } = nodeOf(estate);
  const files = [
    ["the host", cluster] as const,
    ...[...guests].map(([id, file]) => [`guest ${id}`, file] as const),
  ];
  return files.flatMap(([where, { rules, ignored }]) => [
    ...rules.map((rule) => ({ where, text: ruleLine(rule), position: rule.position })),
    ...ignored.map(({ text, reason, position }) => ({ where, text, position, refused: reason })),
  ]);
}

function countsByRule(estate: Estate, observations: readonly Observation[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const seen of observations) {
    if (seen.kind !== "packets") continue;
    for (const { decision, count, unknown } of judgeFlows(estate, seen))
      if (!unknown) for (const rule of rulesOf(decision)) counts.set(rule, (counts.get(rule) ?? 0) + count);
  }
  return counts;
}

/** A rule that decided at two hops decided one packet. */
function rulesOf({ hops }: Decision): ReadonlySet<string> {
  return new Set(hops.flatMap(({ decider }) => (decider.kind === "rule" ? [keyOf(decider.position)] : [])));
}

function keyOf({ file, line, column, pointer }: Position): string {
  return `${file}:${line}:${column} ${pointer}`;
}
