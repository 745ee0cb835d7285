import type { Position, Rule } from "../estate.ts";
import type { Ground, Place } from "../lint/ground.ts";
import type { ForwardRule, GroupUse } from "../proxmox/file.ts";

/** Where a declared rule is tried: in its place's own list, or in a group's at one GROUP line of that list. */
export interface Site {
  readonly place: Place;
  readonly rule: Rule | ForwardRule;
  readonly use?: GroupUse;
}

/** A place's rules in order, a group's at each GROUP line; of a group none but where no place uses it. */
export function sitesOf({ node: { cluster } }: Ground, place: Place, used: ReadonlySet<string>): Site[] {
  if (place.kind === "group" && used.has(place.name)) return [];
  return place.rules.flatMap((rule): Site[] =>
    rule.type === "group"
      ? (cluster.groups.get(rule.group)?.rules ?? []).map((each) => ({ place, rule: each, use: rule }))
      : [{ place, rule }],
  );
}

/** The groups that a GROUP line names, switched on or off. */
export function usedGroups({ places }: Ground): ReadonlySet<string> {
  return new Set(
    places.flatMap(({ rules }) => rules.flatMap((rule) => (rule.type === "group" ? [rule.group] : []))),
  );
}

/** A place's sites by where their rules stand; a group's by the GROUP line first. */
export class SiteIndex {
  readonly #own = new Map<Position, Site>();
  readonly #ofUses = new Map<Position, Map<Position, Site>>();

  constructor(sites: readonly Site[]) {
    for (const site of sites) {
      const { rule, use } = site;
      if (!use) this.#own.set(rule.position, site);
      else {
        const group = this.#ofUses.get(use.position) ?? new Map<Position, Site>();
        this.#ofUses.set(use.position, group.set(rule.position, site));
      }
    }
  }

  /** Of the rule that stands there, in the list or in the group of a GROUP line. */
  at(rule: Position, use?: Position): Site | undefined {
    return use ? this.#ofUses.get(use)?.get(rule) : this.#own.get(rule);
  }
}
