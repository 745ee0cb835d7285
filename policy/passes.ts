import {
  type Asked,
  askLines,
  builtinLine,
  type Chain,
  type Line,
  type MatchLine,
  type PathState,
  type Ruling,
} from "./chain.ts";
import type { Hop, Place } from "./flow.ts";
import type { Family } from "./ip.ts";
import type { Match } from "./match.ts";
import { enableOf, type Model, type NicModel } from "./model.ts";
import type { Packet } from "./packet.ts";
import { guestOptions } from "./proxmox/options.ts";

/** What a hook asks, as data: `rule` reads it for a packet, and it can be read for all packets at once. */
interface Questions {
  readonly hook: Hop["hook"];
  readonly where: string;
  /** The bridge (or lo) by which the packet enters the host or leaves it; of other hooks nothing asks for it. */
  readonly device: string;
  /** The lines for a packet of a family, in order: the hook's own, then the chains'. */
  readonly asks: (family: Family) => readonly Asked[];
  /** What holds where none of the lines decides and no policy ends them. */
  readonly otherwise: (family: Family) => Ruling;
}

/** One pass of the packet through a hook, and what that hook says of a packet. */
export interface Pass extends Questions {
  readonly rule: (packet: Packet, state: PathState) => Ruling;
}

/** A pass that asks these questions, each made when first asked for. */
export function passOf(model: Model, questions: Questions): Pass {
  const { device } = questions;
  const { broadcasts } = model;
  const asks = byFamily(questions.asks);
  const otherwise = byFamily(questions.otherwise);
  const rule: Pass["rule"] = (packet, state) => {
    const context = { device, broadcasts, state };
    for (const asked of asks(packet.family)) {
      const ruling = askLines(asked, packet, context);
      if (ruling) return ruling;
    }
    return otherwise(packet.family);
  };
  return { ...questions, asks, otherwise, rule };
}

function byFamily<T>(make: (family: Family) => T): (family: Family) => T {
  const made = new Map<Family, T>();
  return (family) => {
    const known = made.get(family) ?? make(family);
    made.set(family, known);
    return known;
  };
}

export function output(model: Model, to: Place): Pass {
  const device = to === "host" ? "lo" : (model.nics.get(to)?.nic.bridge ?? model.node.host.bridge);
  return hostPass(model, "OUTPUT", "out of the host", device);
}

export function input(model: Model, sender: NicModel | undefined, lo?: "lo"): Pass {
  const device = lo ?? sender?.nic.bridge ?? model.node.host.bridge;
  return hostPass(model, "INPUT", "into the host", device);
}

/** PVEFW-HOST-IN and PVEFW-HOST-OUT: loopback or state, then their lines. */
function hostPass(model: Model, hook: "INPUT" | "OUTPUT", where: string, device: string): Pass {
  if (!model.enabled) return unfiltered(model, where, OFF, hook);
  const direction = hook === "INPUT" ? "in" : "out";
  const asks: Pass["asks"] = (family) => {
    const chain = model.families[family].host?.[direction];
    if (!chain) return [];
    return [{ lines: device === "lo" ? [loopback(chain.name)] : stateLines(chain.name) }, chain];
  };
  return passOf(model, { hook, where, device, asks, otherwise: () => hostIsOff(model) });
}

function loopback(chain: string): MatchLine {
  return {
    kind: "match",
    match: {},
    action: "ACCEPT",
    decider: { kind: "standing", chain, text: "loopback" },
  };
}

/** All chains share them: each is told by its identity. */
const INVALID: Match = { states: ["INVALID"] };
const OLD: Match = { states: ["RELATED", "ESTABLISHED"] };

function stateLines(chain: string, allowInvalid = false): readonly Line[] {
  return [
    ...(allowInvalid ? [] : [builtinLine(INVALID, "DROP", chain, "state INVALID")]),
    builtinLine(OLD, "ACCEPT", chain, "state RELATED or ESTABLISHED"),
  ];
}

/** A pass through PVEFW-FORWARD: its own two lines, then what hangs on the port's firewall bridge. */
function forward(model: Model, where: string, beyond: Pick<Questions, "asks" | "otherwise">): Pass {
  const own = { lines: stateLines("PVEFW-FORWARD", model.allowInvalid) };
  const asks: Pass["asks"] = (family) => [own, ...beyond.asks(family)];
  return passOf(model, { hook: "FORWARD", where, device: "", asks, otherwise: beyond.otherwise });
}

/** Over a bridge or between two, past ports that are no firewall bridge's: only PVEFW-FORWARD's first lines. */
export function across(model: Model, sender: NicModel | undefined, target: NicModel | undefined): Pass {
  const from = sender?.nic.bridge ?? model.node.host.bridge;
  const to = target?.nic.bridge ?? model.node.host.bridge;
  const where = from === to ? `across ${from}` : `routed from ${from} to ${to}`;
  if (!model.enabled) return unfiltered(model, where, OFF);
  const text = `no guest's chain hangs on ${to}`;
  const decider = { kind: "builtin", chain: "PVEFW-FORWARD", text } as const;
  return forward(model, where, { asks: () => [], otherwise: () => ({ verdict: "accept", decider }) });
}

export function outOf(model: Model, sender: NicModel): Pass {
  const chainsOf = (family: Family) => model.families[family].guests.get(sender.nic.place);
  return guestPass(model, sender, `out of ${nameOf(sender)}`, {
    asks: (family) => given(chainsOf(family)?.out),
    otherwise: (family) => nothingFilters(model, sender, chainsOf(family)?.failure),
  });
}

export function into(model: Model, target: NicModel): Pass {
  const chainsOf = (family: Family) => model.families[family].guests.get(target.nic.place);
  return guestPass(model, target, `into ${nameOf(target)}`, {
    asks: (family) => [{ lines: model.families[family].common }, ...given(chainsOf(family)?.in)],
    otherwise: (family) => nothingFilters(model, target, chainsOf(family)?.failure),
  });
}

function given(chain: Chain | undefined): readonly Chain[] {
  return chain ? [chain] : [];
}

function guestPass(
  model: Model,
  nic: NicModel,
  where: string,
  beyond: Pick<Questions, "asks" | "otherwise">,
): Pass {
  if (!model.enabled) return unfiltered(model, where, OFF);
  return nic.nic.flagged ? forward(model, where, beyond) : open(model, where, nothingFilters(model, nic));
}

/** `guest 101`, or `guest 100 (net1)`. */
function nameOf({ nic }: NicModel): string {
  return nic.index === 0 ? `guest ${nic.guestId}` : `guest ${nic.guestId} (net${nic.index})`;
}

const OFF = "the whole firewall is off";

function nothingFilters(model: Model, target: NicModel, failure?: string): Ruling {
  const text =
    failure === undefined
      ? whyOpen(model, target)
      : `the rules of ${nameOf(target)} could not be written: ${failure}`;
  return {
    verdict: "accept",
    decider: { kind: "unfiltered", chain: "none", text, position: target.position },
  };
}

function whyOpen({ node }: Model, target: NicModel): string {
  const { guestId, flagged } = target.nic;
  const file = node.guests.get(guestId);
  if (!file) return `guest ${guestId} has no firewall section`;
  if (!guestOptions(file).enable || flagged) return `the firewall of guest ${guestId} is off`;
  return `${nameOf(target)} has no firewall=1 on its interface`;
}

function hostIsOff({ node: { hostFile } }: Model): Ruling {
  const position = enableOf(hostFile);
  const text = "the host's own firewall is off";
  return { verdict: "accept", decider: { kind: "unfiltered", chain: "none", text, position } };
}

export function unfiltered(model: Model, where: string, text: string, hook: Hop["hook"] = "FORWARD"): Pass {
  const position = enableOf(model.node.cluster);
  return open(
    model,
    where,
    { verdict: "accept", decider: { kind: "unfiltered", chain: "none", text, position } },
    hook,
  );
}

/** A pass that asks nothing. */
function open(model: Model, where: string, ruling: Ruling, hook: Hop["hook"] = "FORWARD"): Pass {
  return passOf(model, { hook, where, device: "", asks: () => [], otherwise: () => ruling });
}
