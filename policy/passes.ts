import { applyPolicy, builtin, type Ruling, tryLines } from "./chain.ts";
import type { Hop, Place } from "./flow.ts";
import type { Chain, GuestModel, Model } from "./model.ts";
import type { Packet } from "./packet.ts";
import { smurf } from "./shared-chains.ts";

/** One pass of the packet through a hook, and what that hook's chains say of a packet. */
export interface Pass {
  readonly hook: Hop["hook"];
  readonly where: string;
  readonly rule: (packet: Packet) => Ruling;
}

export function output(model: Model, to: Place): Pass {
  const device = to === "host" ? "lo" : (model.guests.get(to)?.guest.bridge ?? model.estate.host.bridge);
  return hostPass(model, "OUTPUT", "out of the host", model.host.out, device);
}

export function input(model: Model, sender: GuestModel | undefined, lo?: "lo"): Pass {
  const device = lo ?? sender?.guest.bridge ?? model.estate.host.bridge;
  return hostPass(model, "INPUT", "into the host", model.host.in, device);
}

function hostPass(model: Model, hook: "INPUT" | "OUTPUT", where: string, chain: Chain, device: string): Pass {
  if (!model.enabled) return unfiltered(model, where, OFF, hook);
  return { hook, where, rule: (packet) => hostRuling(model, hook, chain, packet, device) };
}

/** PVEFW-HOST-IN and PVEFW-HOST-OUT. */
function hostRuling(
  model: Model,
  hook: "INPUT" | "OUTPUT",
  chain: Chain,
  packet: Packet,
  device: string,
): Ruling {
  const { name, lines, policy } = chain;
  if (device === "lo")
    return { verdict: "accept", decider: { kind: "standing", chain: name, text: "loopback" } };
  if (packet.state === "INVALID") return builtin("drop", name, "state INVALID");
  if (isTracked(packet)) return builtin("accept", name, "state RELATED or ESTABLISHED");
  const smurfed = hook === "INPUT" ? smurf(packet, model.broadcasts) : undefined;
  if (smurfed) return builtin("drop", smurfed.chain, smurfed.text);
  return tryLines(lines, packet, device, model.broadcasts) ?? applyPolicy(policy, packet, model.broadcasts);
}

function isTracked({ state }: Packet): boolean {
  return state === "ESTABLISHED" || state === "RELATED";
}

/** A pass through PVEFW-FORWARD: its own two lines, then what hangs on the port's firewall bridge. */
function forward(where: string, beyond: (packet: Packet) => Ruling): Pass {
  const rule = (packet: Packet): Ruling => {
    if (packet.state === "INVALID") return builtin("drop", "PVEFW-FORWARD", "state INVALID");
    if (isTracked(packet)) return builtin("accept", "PVEFW-FORWARD", "state RELATED or ESTABLISHED");
    return beyond(packet);
  };
  return { hook: "FORWARD", where, rule };
}

/** Over the bridge itself, between two ports that are no firewall bridge's: only PVEFW-FORWARD's first lines. */
export function across(model: Model, sender: GuestModel | undefined, target: GuestModel | undefined): Pass {
  const from = sender?.guest.bridge ?? model.estate.host.bridge;
  const to = target?.guest.bridge ?? model.estate.host.bridge;
  const where = from === to ? `across ${from}` : `routed from ${from} to ${to}`;
  if (!model.enabled) return unfiltered(model, where, OFF);
  return forward(where, () => builtin("accept", "PVEFW-FORWARD", `no guest's chain hangs on ${to}`));
}

export function outOf(model: Model, sender: GuestModel): Pass {
  const where = `out of guest ${sender.guest.id}`;
  if (!model.enabled) return unfiltered(model, where, OFF);
  const open = nothingFilters(sender);
  if (!sender.flagged) return { hook: "FORWARD", where, rule: () => open };
  return forward(where, (packet) => {
    if (!sender.chains) return open;
    const { name, first, lines, policy } = sender.chains.out;
    const { broadcasts } = model;
    const early = tryLines(first, packet, "net0", broadcasts);
    if (early) return early;
    if (packet.mac !== undefined && packet.mac !== sender.guest.mac)
      return builtin("drop", name, `MAC filter: the sender's MAC is not ${sender.guest.mac}`);
    if (isRouterAdvertisement(packet))
      return builtin("drop", name, "IPv6 router advertisements are off (radv: 0)");
    return tryLines(lines, packet, "net0", broadcasts) ?? applyPolicy(policy, packet, broadcasts);
  });
}

function isRouterAdvertisement({ family, icmpType }: Packet): boolean {
  return family === 6 && icmpType === 134;
}

export function into(model: Model, target: GuestModel): Pass {
  const where = `into guest ${target.guest.id}`;
  if (!model.enabled) return unfiltered(model, where, OFF);
  const open = nothingFilters(target);
  if (!target.flagged) return { hook: "FORWARD", where, rule: () => open };
  return forward(where, (packet) => {
    const { broadcasts } = model;
    const smurfed = smurf(packet, broadcasts);
    if (smurfed) return builtin("drop", smurfed.chain, smurfed.text);
    if (!target.chains) return open;
    const { first, lines, policy } = target.chains.in;
    return (
      tryLines(first, packet, "net0", broadcasts) ??
      tryLines(lines, packet, "net0", broadcasts) ??
      applyPolicy(policy, packet, broadcasts)
    );
  });
}

const OFF = "the whole firewall is off";

function nothingFilters({ guest, position }: GuestModel): Ruling {
  const text = guest.firewall
    ? `the firewall of guest ${guest.id} is off`
    : `guest ${guest.id} has no firewall section`;
  return { verdict: "accept", decider: { kind: "unfiltered", chain: "none", text, position } };
}

export function unfiltered(
  { estate }: Model,
  where: string,
  text: string,
  hook: Hop["hook"] = "FORWARD",
): Pass {
  const { position } = estate.host.firewall;
  const decider = { kind: "unfiltered", chain: "none", text, position } as const;
  return { hook, where, rule: () => ({ verdict: "accept", decider }) };
}
