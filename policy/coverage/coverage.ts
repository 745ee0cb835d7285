import type { Estate, Position } from "../estate.ts";
import { describeDecider } from "../explain.ts";
import { type Direction, DIRECTIONS, Ground, type Place } from "../lint/ground.ts";
import { type Model, modelOf, type NicModel } from "../model.ts";
import type { Node } from "../proxmox/node.ts";
import { ruleLine } from "../rule-line.ts";
import { NONE } from "../space/diagram.ts";
import { MOST_LINES } from "../space/hop-sets.ts";
import { PacketSet } from "../space/packet-set.ts";
import { isInhabited, witnessOf } from "../space/witness.ts";
import { heirsOf } from "./cover.ts";
import { Ends } from "./ends.ts";
import { hopName, hopsOf, LabelledHop } from "./hop.ts";
import { type Change, HopShares, type Share } from "./hop-shares.ts";
import { nameOf } from "./outcomes.ts";
import { type FlowLines, linesOf, type Otherwise, type RuleShare } from "./rule-share.ts";
import { type Site, SiteIndex, sitesOf, usedGroups } from "./site.ts";
import { type Why, whyNoLine, whyNothing } from "./why.ts";
import { Workshop } from "./workshop.ts";

/** A place of which nothing was worked out: too many lines at one of its hops, or lines that cross too much. */
export interface Unchecked {
  readonly place: string;
  readonly position: Position;
  readonly rules: number;
  readonly why: string;
}

export interface Coverage {
  /** Of the host, then of each guest, in the order of its rules; groups that nobody uses come last. */
  readonly rules: readonly RuleShare[];
  readonly unchecked: readonly Unchecked[];
}

export interface CoverageOptions {
  /** Of a Phoenix estate also who sends what: Proxmox's own files name no addresses of VMs and no gateway. */
  readonly estate?: Estate;
  /** Lines of one set at most. */
  readonly max?: number;
  /** Lines of one hop at most: their sets may take as long as the square of their number. */
  readonly mostLines?: number;
}

const MAX = 8;

/** For each declared rule of a node what it decides, and what of that it alone decides. Pure. */
export function coverageOf(node: Node, options: CoverageOptions = {}): Coverage {
  return new Coverer(node, options).cover();
}

/** A share with the hop's other lines, and by which they are found. */
interface Tried {
  readonly hop: HopShares;
  readonly share: Share;
}

class Coverer {
  readonly #ground: Ground;
  readonly #model: Model;
  readonly #nics: ReadonlyMap<string, readonly NicModel[]>;
  readonly #workshop: Workshop;
  readonly #ends: Ends | undefined;
  readonly #max: number;
  readonly #mostLines: number;

  constructor(node: Node, { estate, max = MAX, mostLines = MOST_LINES }: CoverageOptions) {
    this.#ground = new Ground(node);
    this.#model = modelOf(node);
    this.#nics = Map.groupBy(this.#model.nics.values(), ({ nic }) => nic.guestId);
    this.#workshop = new Workshop(this.#model.broadcasts);
    this.#ends = estate && new Ends(estate, node);
    this.#max = max;
    this.#mostLines = mostLines;
  }

  cover(): Coverage {
    const used = usedGroups(this.#ground);
    const rules: RuleShare[] = [];
    const unchecked: Unchecked[] = [];
    for (const place of this.#ground.places) {
      const sites = sitesOf(this.#ground, place, used);
      const found = this.#place(place, sites);
      if (typeof found !== "string") rules.push(...found);
      else {
        const position = sites[0]?.rule.position ?? this.#model.node.cluster.position;
        unchecked.push({ place: place.title, position, rules: sites.length, why: found });
      }
      this.#workshop.tidy();
    }
    return { rules: withNeeded(rules), unchecked };
  }

  /** Words where that would take too long. */
  #place(place: Place, sites: readonly Site[]): readonly RuleShare[] | string {
    const tooMany = `more than ${this.#mostLines} rules at one place take too long`;
    if (sites.length > this.#mostLines) return tooMany;
    const index = new SiteIndex(sites);
    const hops = { in: this.#hops(place, index, "in"), out: this.#hops(place, index, "out") };
    if ([...hops.in, ...hops.out].some(({ lines }) => lines > this.#mostLines)) return tooMany;
    const tried = new Map<Site, Tried[]>(sites.map((site) => [site, []]));
    for (const direction of DIRECTIONS) {
      if (!sites.some(({ rule }) => rule.type === direction)) continue;
      for (const at of hops[direction]) {
        if (!at.hasChain) continue;
        const hop = new HopShares(this.#workshop.makerOf(at.hop.family), at);
        if (hop.isExhausted) return "rules that cross in so many fields take too long";
        for (const share of hop.shares) tried.get(share.site)?.push({ hop, share });
      }
    }
    return sites.map((site) =>
      this.#rule(site, tried.get(site) ?? [], site.rule.type === "out" ? hops.out : hops.in),
    );
  }

  #hops(place: Place, index: SiteIndex, direction: Direction): readonly LabelledHop[] {
    if (place.kind === "group") return [];
    const nics = this.#nics.get(place.name) ?? [];
    return hopsOf(this.#model, place, nics, direction).map((hop) => new LabelledHop(hop, index));
  }

  #rule(site: Site, tried: readonly Tried[], hops: readonly LabelledHop[]): RuleShare {
    const { rule, use, place } = site;
    const common = {
      place: place.title,
      position: rule.position,
      line: ruleLine(rule),
      ...(use && { use: { line: ruleLine(use), position: use.position } }),
      related: [],
      decides: this.#decides(tried),
      without: this.#without(site, tried),
    };
    const { decides, without } = common;
    if (without.length > 0) return { ...common, ...this.#alone(site, tried) };
    if (decides.length > 0) return { ...common, ...this.#redundant(site, tried) };
    const { reason, words, related } = this.#dead(site, tried, hops);
    const level = reason === "switched-off" ? "note" : "finding";
    return { ...common, verdict: "dead", level, reason, why: words, related };
  }

  #dead(site: Site, tried: readonly Tried[], hops: readonly LabelledHop[]): Why {
    if (tried.length === 0) return whyNoLine(this.#ground, site, hops);
    return whyNothing(
      this.#ground,
      site,
      tried,
      ({ at, ...share }, set) => !isInhabited(this.#workshop.makerOf(at.hop.family).space, share[set]),
    );
  }

  /** What is forbidden twice stays forbidden when the other line goes: many mean it so. */
  #redundant(
    { rule }: Site,
    tried: readonly Tried[],
  ): Pick<RuleShare, "verdict" | "level" | "why" | "related"> {
    const [first] = tried.filter(({ hop, share }) => isInhabited(hop.space, share.decides));
    if (!first) throw new TypeError("a redundant rule that decides nothing");
    const { deciders, more } = heirsOf(first.hop, first.share, this.#model.broadcasts);
    const names = [...new Set(deciders.map(describeDecider)), ...(more ? ["others"] : [])];
    const why = `without it all its packets fare alike, by ${names.join(" and ")}`;
    const related = deciders.flatMap((each) => ("position" in each ? [each.position] : []));
    return { verdict: "redundant", level: rule.action === "ACCEPT" ? "finding" : "note", why, related };
  }

  #alone(site: Site, tried: readonly Tried[]): Pick<RuleShare, "verdict" | "level" | "why"> {
    const changed = tried.flatMap(({ share }) =>
      share.changes.map(({ set }) => ({ set, family: share.at.hop.family })),
    );
    const vain = changed.every(({ family }) => family === 4) ? this.#vain(site, changed) : undefined;
    if (!vain) return { verdict: "alone", level: "fine" };
    const { verdict, words } = vain;
    return { verdict, level: verdict === "unsent" ? "note" : "finding", why: words };
  }

  #vain(site: Site, changed: readonly Pick<Change, "set">[]) {
    const { space } = this.#workshop.makerOf(4);
    const all = changed.reduce((set, each) => space.store.union(set, each.set), NONE);
    return this.#ends?.whyVain(site, new PacketSet(space, all));
  }

  #decides(tried: readonly Tried[]): readonly FlowLines[] {
    return ([4, 6] as const).flatMap((family) => {
      const { space } = this.#workshop.makerOf(family);
      const set = this.#decided(tried, family);
      return isInhabited(space, set) ? [{ family, lines: linesOf(space, set, this.#max) }] : [];
    });
  }

  #decided(tried: readonly Tried[], family: 4 | 6) {
    const { store } = this.#workshop.makerOf(family).space;
    return tried
      .filter(({ share }) => share.at.hop.family === family)
      .reduce((all, { share }) => store.union(all, share.decides), NONE);
  }

  /** Of all hops together, by what would become of them. */
  #without(site: Site, tried: readonly Tried[]): readonly Otherwise[] {
    return ([4, 6] as const).flatMap((family) => {
      const { space } = this.#workshop.makerOf(family);
      const changes = tried.flatMap(({ hop, share }) =>
        share.at.hop.family === family ? share.changes.map((change) => ({ change, hop })) : [],
      );
      const groups = Map.groupBy(changes, ({ change }) => `${nameOf(change.is)} ${nameOf(change.would)}`);
      return [...groups.values()].flatMap((group): Otherwise[] => {
        const [first] = group;
        const witness = first && witnessOf(space, first.change.set);
        if (!first || !witness) return [];
        const set = group.reduce((all, { change }) => space.store.union(all, change.set), NONE);
        const { pass, marked } = first.hop.at.hop;
        return [
          {
            family,
            lines: linesOf(space, set, this.#max),
            is: nameOf(first.change.is),
            would: nameOf(first.change.would),
            by: first.hop.at.without(site, witness, this.#model.broadcasts).decider,
            witness,
            where: hopName(pass),
            marked,
            isAll: set === this.#decided(tried, family),
          },
        ];
      });
    });
  }
}

/** A group's rule that one place needs has to stay, though it is idle at another. */
function withNeeded(rules: readonly RuleShare[]): readonly RuleShare[] {
  const needed = new Set(
    rules.flatMap(({ use, verdict, position }) => (use && verdict === "alone" ? [position] : [])),
  );
  return rules.map((each) =>
    each.level === "finding" && needed.has(each.position) ? { ...each, level: "note" } : each,
  );
}
