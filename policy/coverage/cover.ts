import type { Decider } from "../flow.ts";
import { type Diagram, NONE } from "../space/diagram.ts";
import type { PacketSpace } from "../space/packet-space.ts";
import { isInhabited, memberOf } from "../space/witness.ts";
import type { HopShares, Run, Share } from "./hop-shares.ts";

/**
 * Earlier lines that together take all packets of a rule that come to the hop's rules: one alone where there is one, else
 * greedily from the first, less those without which the rest suffices. So none can be missed, but another list may be shorter.
 */
export function coverOf({ runs, space }: HopShares, { site, arriving }: Share): readonly Run[] {
  const { store } = space;
  const chosen: Run[] = [];
  let left = arriving;
  for (const run of runs) {
    if (run.site === site) break;
    if (!run.decider) continue;
    const own = store.intersect(arriving, run.takes);
    if (own === arriving) return [run];
    if (!isInhabited(space, store.intersect(left, own))) continue;
    chosen.push(run);
    left = store.subtract(left, own);
  }
  return withoutIdle(space, chosen, arriving);
}

function withoutIdle(space: PacketSpace, chosen: readonly Run[], set: Diagram): readonly Run[] {
  const { store } = space;
  const behind: Diagram[] = [NONE];
  for (const { takes } of chosen.toReversed()) behind.push(store.union(behind.at(-1) ?? NONE, takes));
  let kept = NONE;
  return chosen.filter(({ takes }, index) => {
    const others = store.union(kept, behind[chosen.length - 1 - index] ?? NONE);
    if (!isInhabited(space, store.subtract(set, others))) return false;
    kept = store.union(kept, takes);
    return true;
  });
}

/** The lines of Proxmox's own that take a rule's packets before any rule is asked, in order. */
export function linesBefore({ runs, space }: HopShares, { asks }: Share): readonly Decider[] {
  const found: Decider[] = [];
  let left = asks;
  for (const { site, steps } of runs) {
    if (site) break;
    for (const step of steps) {
      const taken = space.store.intersect(left, step.takes());
      const packet = memberOf(space, taken);
      if (packet) found.push(step.ruling(packet).decider);
      left = space.store.subtract(left, taken);
    }
  }
  return found;
}

/** At most this many are named. */
const MOST_NAMED = 4;

/** Who would decide a rule's packets in its place; `more` where not all are named. */
export function heirsOf(
  { runs, space, at }: HopShares,
  { site, decides }: Share,
  broadcasts: Parameters<HopShares["at"]["without"]>[2],
): { readonly deciders: readonly Decider[]; readonly more: boolean } {
  const deciders: Decider[] = [];
  let left = decides;
  for (;;) {
    const packet = memberOf(space, left);
    if (!packet) return { deciders, more: false };
    if (deciders.length === MOST_NAMED) return { deciders, more: true };
    const { decider } = at.without(site, packet, broadcasts);
    deciders.push(decider);
    const run = runs.find((each) => each.decider && isSame(each.decider, decider));
    if (!run) return { deciders, more: deciders.length > 1 };
    left = space.store.subtract(left, run.takes);
  }
}

function isSame(a: Decider, b: Decider): boolean {
  if ("position" in a || "position" in b)
    return "position" in a && "position" in b && a.position === b.position && a.kind === b.kind;
  return a.kind === b.kind && a.text === b.text;
}
