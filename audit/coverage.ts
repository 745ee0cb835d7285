import { z } from "zod";
import type { Estate, Position } from "../policy/estate.ts";
import type { Decision } from "../policy/flow.ts";
import { nodeOf } from "../policy/proxmox/node.ts";
import { ruleLine } from "../policy/rule-line.ts";
import type { Observation } from "../probes/observation.ts";
import { declaredAt } from "./declared.ts";
import { Declared } from "./finding.ts";
import { judgeFlows } from "./packets.ts";
import { wayTo } from "./way-to-rule.ts";

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
});
export type RuleCoverage = z.infer<typeof RuleCoverage>;

/** Every declared rule, those that no probe exercised first. A probe whose outcome is unknown exercises nothing. */
export function coverageOf(estate: Estate, observations: readonly Observation[]): RuleCoverage[] {
  const counts = countsByRule(estate, observations);
  const rules = declaredRules(estate).map(({ where, text, position, refused }): RuleCoverage => {
    const probes = counts.get(keyOf(position)) ?? 0;
    const common = { declared: declaredAt(estate, position), where, text, probes };
    if (probes > 0) return common;
    if (refused !== undefined) return { ...common, reason: `Proxmox refuses it: ${refused}` };
    if (text.startsWith("|")) return { ...common, reason: "it is disabled" };
    return { ...common, ...wayTo(estate, position) };
  });
  return [...rules.filter(({ probes }) => probes === 0), ...rules.filter(({ probes }) => probes > 0)];
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
