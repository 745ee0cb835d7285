import {
  askChain,
  builtin,
  type Chain,
  type HookContext,
  type PathState,
  type Ruling,
  tryLines,
} from "./chain.ts";
import type { Hop, Place } from "./flow.ts";
import type { Family } from "./ip.ts";
import { enableOf, type Model, type NicModel } from "./model.ts";
import type { Packet } from "./packet.ts";
import { guestOptions } from "./proxmox/options.ts";

/** Lines that a packet meets in order, and the default policy at their end, where they have one. */
export type Asked = Pick<Chain, "lines"> & Partial<Pick<Chain, "policy">>;

/** One pass of the packet through a hook, and what that hook's chains say of a packet. */
export interface Pass {
  readonly hook: Hop["hook"];
  readonly where: string;
  readonly rule: (packet: Packet, state: PathState) => Ruling;
  /** The lines that `rule` may ask about a packet of a family. */
  readonly asks: (family: Family) => readonly Asked[];
}

/** Of a pass that asks no line. */
const NOTHING: Pass["asks"] = () => [];

export function output(model: Model, to: Place): Pass {
  const device = to === "host" ? "lo" : (model.nics.get(to)?.nic.bridge ?? model.node.host.bridge);
  return hostPass(model, "OUTPUT", "out of the host", device);
}

export function input(model: Model, sender: NicModel | undefined, lo?: "lo"): Pass {
  const device = lo ?? sender?.nic.bridge ?? model.node.host.bridge;
  return hostPass(model, "INPUT", "into the host", device);
}

function hostPass(model: Model, hook: "INPUT" | "OUTPUT", where: string, device: string): Pass {
  if (!model.enabled) return unfiltered(model, where, OFF, hook);
  const direction = hook === "INPUT" ? "in" : "out";
  const rule: Pass["rule"] = (packet, state) => {
    const chain = model.families[packet.family].host?.[direction];
    if (!chain) return hostIsOff(model);
    return hostRuling(chain, packet, { device, broadcasts: model.broadcasts, state });
  };
  const asks: Pass["asks"] = (family) => given(model.families[family].host?.[direction]);
  return { hook, where, rule, asks };
}

/** PVEFW-HOST-IN and PVEFW-HOST-OUT: loopback, state, then their lines. */
function hostRuling(chain: Chain, packet: Packet, context: HookContext): Ruling {
  const { name } = chain;
  if (context.device === "lo")
    return { verdict: "accept", decider: { kind: "standing", chain: name, text: "loopback" } };
  if (packet.state === "INVALID") return builtin("drop", name, "state INVALID");
  if (isTracked(packet)) return builtin("accept", name, "state RELATED or ESTABLISHED");
  return askChain(chain, packet, context);
}

function isTracked({ state }: Packet): boolean {
  return state === "ESTABLISHED" || state === "RELATED";
}

/** A pass through PVEFW-FORWARD: its own two lines, then what hangs on the port's firewall bridge. */
function forward(model: Model, where: string, beyond: Pass["rule"], asks = NOTHING): Pass {
  const rule: Pass["rule"] = (packet, state) => {
    if (packet.state === "INVALID" && !model.allowInvalid)
      return builtin("drop", "PVEFW-FORWARD", "state INVALID");
    if (isTracked(packet)) return builtin("accept", "PVEFW-FORWARD", "state RELATED or ESTABLISHED");
    return beyond(packet, state);
  };
  return { hook: "FORWARD", where, rule, asks };
}

/** Over a bridge or between two, past ports that are no firewall bridge's: only PVEFW-FORWARD's first lines. */
export function across(model: Model, sender: NicModel | undefined, target: NicModel | undefined): Pass {
  const from = sender?.nic.bridge ?? model.node.host.bridge;
  const to = target?.nic.bridge ?? model.node.host.bridge;
  const where = from === to ? `across ${from}` : `routed from ${from} to ${to}`;
  if (!model.enabled) return unfiltered(model, where, OFF);
  return forward(model, where, () => builtin("accept", "PVEFW-FORWARD", `no guest's chain hangs on ${to}`));
}

export function outOf(model: Model, sender: NicModel): Pass {
  const where = `out of ${nameOf(sender)}`;
  const rule: Pass["rule"] = (packet, state) => {
    const { out, failure } = model.families[packet.family].guests.get(sender.nic.place) ?? {};
    return out ? askNic(model, out, packet, state) : nothingFilters(model, sender, failure);
  };
  const asks: Pass["asks"] = (family) => given(model.families[family].guests.get(sender.nic.place)?.out);
  return guestPass(model, sender, where, rule, asks);
}

export function into(model: Model, target: NicModel): Pass {
  const where = `into ${nameOf(target)}`;
  const rule: Pass["rule"] = (packet, state) => {
    const { common, guests } = model.families[packet.family];
    const context = { device: target.nic.bridge, broadcasts: model.broadcasts, state };
    const early = tryLines(common, packet, context);
    if (early) return early;
    const chains = guests.get(target.nic.place) ?? {};
    return chains.in
      ? askNic(model, chains.in, packet, state)
      : nothingFilters(model, target, chains.failure);
  };
  const asks: Pass["asks"] = (family) => {
    const { common, guests } = model.families[family];
    return [{ lines: common }, ...given(guests.get(target.nic.place)?.in)];
  };
  return guestPass(model, target, where, rule, asks);
}

function given(chain: Chain | undefined): readonly Chain[] {
  return chain ? [chain] : [];
}

function guestPass(
  model: Model,
  nic: NicModel,
  where: string,
  beyond: Pass["rule"],
  asks: Pass["asks"],
): Pass {
  if (!model.enabled) return unfiltered(model, where, OFF);
  if (nic.nic.flagged) return forward(model, where, beyond, asks);
  const open = nothingFilters(model, nic);
  return { hook: "FORWARD", where, rule: () => open, asks: NOTHING };
}

function askNic(model: Model, chain: Chain, packet: Packet, state: PathState): Ruling {
  return askChain(chain, packet, { device: "", broadcasts: model.broadcasts, state });
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
  const decider = { kind: "unfiltered", chain: "none", text, position } as const;
  return { hook, where, rule: () => ({ verdict: "accept", decider }), asks: NOTHING };
}
