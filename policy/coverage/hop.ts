import { type Asked, askLines, type GroupLine, type Line, type MatchLine, type Ruling } from "../chain.ts";
import type { Position } from "../estate.ts";
import type { Family } from "../ip.ts";
import type { Direction, Place } from "../lint/ground.ts";
import type { Model, NicModel } from "../model.ts";
import type { Packet } from "../packet.ts";
import { input, into, outOf, output, type Pass } from "../passes.ts";
import { asksForMark } from "../space/way.ts";
import type { Site, SiteIndex } from "./site.ts";

/** One hop at which a place's rules of one direction are tried, for packets of one family with or without the mark. */
export interface Hop {
  readonly pass: Pass;
  readonly family: Family;
  readonly marked: boolean;
  /** It is the first that may see the packet: later ones take an own reply for one of an established flow. */
  readonly isFirst: boolean;
}

/** Every hop of a place: each NIC of a guest, each bridge by which the host receives or sends. Loopback asks no rule. */
export function hopsOf(
  model: Model,
  { kind }: Place,
  nics: readonly NicModel[],
  direction: Direction,
): readonly Hop[] {
  const isFirst = kind === "host" || direction === "out";
  const passes =
    kind === "host"
      ? hostPasses(model, direction)
      : nics.map((nic) => (direction === "in" ? into(model, nic) : outOf(model, nic)));
  return passes.flatMap((pass) =>
    ([4, 6] as const).flatMap((family) =>
      [false, ...(pass.hook === "INPUT" && mayBeMarked(model, pass, family) ? [true] : [])].map((marked) => ({
        pass,
        family,
        marked,
        isFirst,
      })),
    ),
  );
}

/** `FORWARD into guest 101`; of the host, which has a hop a bridge, `INPUT into the host by vmbr0`. */
export function hopName({ hook, where, device }: Pick<Pass, "hook" | "where" | "device">): string {
  return `${hook} ${where}${device === "" ? "" : ` by ${device}`}`;
}

function hostPasses(model: Model, direction: Direction): readonly Pass[] {
  const bridges = new Map<string, NicModel>();
  for (const nic of model.nics.values()) if (!bridges.has(nic.nic.bridge)) bridges.set(nic.nic.bridge, nic);
  bridges.delete(model.node.host.bridge);
  const others = [...bridges.values()];
  return direction === "in"
    ? [undefined, ...others].map((sender) => input(model, sender))
    : [output(model, "lan"), ...others.map(({ nic }) => output(model, nic.place))];
}

/** A line asks for the mark that an OUT chain left (trap 2), and there is such a chain on the bridge. */
function mayBeMarked(model: Model, pass: Pass, family: Family): boolean {
  if (!asksForMark(pass, family)) return false;
  const { guests } = model.families[family];
  return [...model.nics.values()].some(({ nic }) => nic.bridge === pass.device && guests.get(nic.place)?.out);
}

/** A hop's lines with each use of a declared rule under a position of its own, which tells whose a line is. */
export class LabelledHop {
  readonly hop: Hop;
  /** The hop, asking the labelled lines. */
  readonly pass: Pass;
  readonly sites = new Map<Position, Site>();
  readonly #asked: readonly Asked[];
  readonly #labels = new Map<Site, Position>();

  constructor(hop: Hop, index: SiteIndex) {
    this.hop = hop;
    this.#asked = hop.pass
      .asks(hop.family)
      .map((asked) => ({ ...asked, lines: asked.lines.map((line) => this.#labelled(line, index)) }));
    this.pass = { ...hop.pass, asks: () => this.#asked };
  }

  /** Whether it has a chain, which ends with a policy; without one no rule is tried here. */
  get hasChain(): boolean {
    return this.#asked.some(({ policy }) => policy !== undefined);
  }

  get lines(): number {
    return this.#asked.reduce(
      (sum, { lines }) =>
        sum + lines.reduce((count, line) => count + (line.kind === "group" ? line.group.lines.length : 1), 0),
      0,
    );
  }

  /** What the hop says of a packet where a rule is left out. */
  without(site: Site, packet: Packet, broadcasts: Model["broadcasts"]): Ruling {
    const label = this.#labels.get(site);
    const keeps = (line: MatchLine) => !("position" in line.decider) || line.decider.position !== label;
    const context = { device: this.pass.device, broadcasts, state: { marked: this.hop.marked } };
    for (const asked of this.#asked) {
      const lines = asked.lines.flatMap((line): Line[] => {
        if (line.kind === "group") {
          const group = { ...line.group, lines: line.group.lines.filter(keeps) };
          return [{ ...line, group }];
        }
        return line.kind === "match" && !keeps(line) ? [] : [line];
      });
      const ruling = askLines({ ...asked, lines }, packet, context);
      if (ruling) return ruling;
    }
    return this.pass.otherwise(this.hop.family);
  }

  #labelled(line: Line, index: SiteIndex): Line {
    if (line.kind === "match") return this.#match(line, (position) => index.at(position));
    return line.kind === "group" ? this.#group(line, index) : line;
  }

  #group(line: GroupLine, index: SiteIndex): GroupLine {
    const use = line.decider.position;
    const lines = line.group.lines.map((each) => this.#match(each, (position) => index.at(position, use)));
    return { ...line, group: { ...line.group, lines } };
  }

  #match(line: MatchLine, siteAt: (position: Position) => Site | undefined): MatchLine {
    const { decider } = line;
    const site = decider.kind === "rule" ? siteAt(decider.position) : undefined;
    if (!site || decider.kind !== "rule") return line;
    const position = this.#labels.get(site) ?? { ...decider.position };
    this.#labels.set(site, position);
    this.sites.set(position, site);
    return { ...line, decider: { ...decider, position } };
  }
}
