import type { Rule } from "../estate.ts";
import { ruleLine } from "../rule-line.ts";
import { type Before, linesBefore } from "./before.ts";
import { found, type LintFinding } from "./finding.ts";
import { type Direction, DIRECTIONS, type Ground, type Place, rulesOf } from "./ground.ts";
import { interfaceReason } from "./interface.ts";
import { covers, type Reach } from "./reach.ts";

/** Rules that no packet can match wherever they are used: only what Proxmox's order and the files themselves prove. */
export function neverLints(ground: Ground): readonly LintFinding[] {
  const before = new Map<string, Before>();
  const beforeAt = (place: Place, direction: Direction): Before => {
    const key = `${direction} ${place.title}`;
    const known = before.get(key) ?? linesBefore(ground.node, place, direction);
    before.set(key, known);
    return known;
  };
  return ground.places.flatMap((place) =>
    DIRECTIONS.flatMap((direction) => {
      const uses = usesOf(ground, place).map((use) => ({ ...use, before: beforeAt(use.place, direction) }));
      return rulesOf(place.rules, direction).flatMap((rule) => neverMatches(ground, rule, uses));
    }),
  );
}

/** Where a place's rules are tried; a group's at each GROUP line, under its interface. */
interface Use {
  readonly place: Place;
  readonly iface?: string | undefined;
}

function usesOf(ground: Ground, place: Place): readonly Use[] {
  if (place.kind !== "group") return [{ place }];
  return ground.places.flatMap((user) =>
    user.rules.flatMap((rule) =>
      rule.type === "group" && rule.enabled && rule.group === place.name
        ? [{ place: user, iface: rule.iface }]
        : [],
    ),
  );
}

function neverMatches(
  ground: Ground,
  rule: Rule,
  uses: readonly (Use & { readonly before: Before })[],
): readonly LintFinding[] {
  const { reaches, empty } = ground.understood(rule);
  const reasons = new Set(empty);
  for (const reach of reaches) {
    if (uses.length === 0) return [];
    for (const { place, iface, before } of uses) {
      const reason = whyNever(iface === undefined ? reach : { ...reach, iface }, place, before);
      if (reason === undefined) return [];
      reasons.add(reason);
    }
  }
  if (reasons.size === 0) return [];
  const line = ruleLine(rule);
  return [found("never-matches", rule.position, line, `"${line}" never matches: ${[...reasons].join("; ")}`)];
}

/** Why Proxmox's own order leaves no packet to a rule's alternative; undefined where it may leave one. */
export function whyNever(reach: Reach, place: Place, { lines, states, filters }: Before): string | undefined {
  return (
    interfaceReason(reach, place) ??
    lines.find((line) => covers(line.reach, reach))?.text ??
    states(reach) ??
    filters(reach)
  );
}
