import { HarnessError } from "../errors.ts";
import type { PathState } from "./chain.ts";
import type { Estate } from "./estate.ts";
import type { Decision, Flow, Hop, Place } from "./flow.ts";
import { fromWan, toWan } from "./gateway.ts";
import { type Model, modelOf, type NicModel } from "./model.ts";
import { isOwnReply, packetOf, unsummed } from "./packet.ts";
import { across, input, into, outOf, output, type Pass, unfiltered } from "./passes.ts";
import { type NicFlags, type Node, nodeOf } from "./proxmox/node.ts";

/** What the declaration does with this packet: `decideOn` for the node that it asks for. */
export function decide(estate: Estate, flow: Flow, nicFlags: NicFlags = "declared"): Decision {
  return decideOn(nodeOf(estate, nicFlags), flow);
}

/**
 * What a node does with this packet, and the whole path on which it was decided (`pve-firewall.md` section 7). A flow of
 * `wan` passes the gateway first, one to `wan` last; the first hop that does not accept ends it. The deciding `chain` is
 * the iptables chain whose line counts the packet.
 */
export function decideOn(node: Node, flow: Flow): Decision {
  const hops: Hop[] = [];
  const state: PathState = { marked: false };
  let packet = packetOf(flow);
  for (const { hook, where, rule } of pathOf(modelOf(node), flow.from, flow.to)) {
    const { verdict, reject, decider } = rule(hook === "OUTPUT" ? unsummed(packet) : packet, state);
    hops.push({ hook, where, verdict, decider });
    if (verdict !== "accept") return { verdict, ...(reject === undefined ? {} : { reject }), decider, hops };
    if (packet.state === "NEW" && hook !== "GATEWAY" && isOwnReply(packet))
      packet = { ...packet, state: "ESTABLISHED" };
  }
  return { verdict: "accept", decider: lastOf(hops).decider, hops };
}

function lastOf(hops: readonly Hop[]): Hop {
  const last = hops.at(-1);
  if (!last) throw new TypeError("a path without hops");
  return last;
}

/** The hops of a packet between two places, in order. */
export function pathOf(model: Model, from: Place, to: Place): readonly Pass[] {
  const sender = nicAt(model, from);
  const target = nicAt(model, to);
  const once = passesOf(model);
  if (from === to && from !== "host")
    return [once(`inside ${from}`, () => unfiltered(model, `inside ${from}`, "it never leaves its sender"))];
  const [out, onto] = [sender, target].map((nic) => nic?.nic.bridge ?? "");
  return [
    ...(from === "wan" ? [once("from wan", () => fromWan(model))] : []),
    ...(from === "host" ? [once(`output ${onto} ${to === "host"}`, () => output(model, to))] : []),
    ...(sender ? [once(`out ${from}`, () => outOf(model, sender))] : []),
    ...(from !== "host" && to === "host" ? [once(`input ${out}`, () => input(model, sender))] : []),
    ...(from !== "host" && to !== "host"
      ? [once(`across ${out} ${onto}`, () => across(model, sender, target))]
      : []),
    ...(from === "host" && to === "host" ? [once("input lo", () => input(model, undefined, "lo"))] : []),
    ...(target ? [once(`into ${to}`, () => into(model, target))] : []),
    ...(to === "wan" ? [once("to wan", () => toWan(model))] : []),
  ];
}

const PASSES = new WeakMap<Model, Map<string, Pass>>();

/** Each hop is made once: all paths that have it share it, of which 10,000 guests have a hundred million. */
function passesOf(model: Model): (name: string, make: () => Pass) => Pass {
  const passes = PASSES.get(model) ?? new Map<string, Pass>();
  PASSES.set(model, passes);
  return (name, make) => {
    const pass = passes.get(name) ?? make();
    passes.set(name, pass);
    return pass;
  };
}

/** Ports of the host's bridge that are no guest's. */
const PLAIN_PLACES = new Set(["wan", "lan", "outside"]);

function nicAt(model: Model, place: Place): NicModel | undefined {
  const nic = model.nics.get(place);
  const isPlain = PLAIN_PLACES.has(place) && (place !== "wan" || model.node.host.gateway !== undefined);
  if (nic || place === "host" || isPlain) return nic;
  const expected = `host, lan, outside, wan behind a gateway, or one of ${[...model.nics.keys()].join(", ")}`;
  throw new HarnessError("harness-bug", { subject: "place of a flow", expected, actual: place });
}
