import type { Estate } from "../policy/estate.ts";
import type { Decision } from "../policy/flow.ts";
import { flagNames } from "../policy/packet.ts";
import { type FlowKey, foldFlowKeys, parseFlowKey } from "../probes/flow-key.ts";
import type { Account, PacketObservation, PacketOutcome } from "../probes/observation.ts";
import type { PacketProbe } from "../probes/probe.ts";
import { expectations } from "./expectation.ts";

/** Flows with which the same thing happened, though the model says the same other thing of all of them. */
interface Disagreement {
  readonly keys: readonly FlowKey[];
  readonly outcome: PacketOutcome;
  readonly decision: Decision;
}

/** How many flows a chain stopped: as the model says, as the kernel counted. */
export interface ChainCount {
  readonly chain: string;
  readonly model: number;
  readonly kernel: number;
}

/** One observation beside the model, flow by flow. What is `unknown` neither agrees nor disagrees. */
export interface Agreement {
  readonly agreed: number;
  readonly disagreements: readonly Disagreement[];
  /** Every chain that either of the two names for a flow that did not arrive. */
  readonly chains: readonly ChainCount[];
}

const AGREES: Readonly<Record<Decision["verdict"], ReadonlySet<PacketOutcome>>> = {
  accept: new Set(["delivered", "no-listener"]),
  drop: new Set(["dropped"]),
  reject: new Set(["rejected"]),
};
const STOPPED: ReadonlySet<PacketOutcome> = new Set(["dropped", "rejected"]);

interface Group extends Disagreement {
  readonly keys: FlowKey[];
}

/** What was chosen of a probe's packets that its observation does not tell. */
type Chosen = Pick<PacketProbe, "flags" | "sourceMac">;

/** Holds each flow of an observation against the model's decision of it. */
export function agreementOf(estate: Estate, seen: PacketObservation, chosen: Chosen = {}): Agreement {
  const { from, to, source, dest, sport, accounts, outcomes } = seen;
  const { flags, sourceMac } = chosen;
  const apart = new Map<string, Group>();
  const model = new Map<string, number>();
  const decisionOf = expectations(estate, {
    from,
    to,
    source,
    dest,
    sport,
    ...(flags === undefined ? {} : { flags: flagNames(flags) }),
    ...(sourceMac === undefined ? {} : { sourceMac }),
  });
  let agreed = 0;
  for (const [outcome, keys = []] of Object.entries(outcomes) as [PacketOutcome, FlowKey[]][]) {
    if (outcome === "unknown") continue;
    for (const { proto, first, last } of keys.map(parseFlowKey))
      for (let number = first; number <= last; number++) {
        const decision = decisionOf(proto, number);
        if (STOPPED.has(outcome)) add(model, chainOf(decision), 1);
        if (AGREES[decision.verdict].has(outcome)) agreed++;
        else groupOf(apart, outcome, decision).keys.push(`${proto}/${number}`);
      }
  }
  const disagreements = [...apart.values()].map((each) => ({ ...each, keys: foldFlowKeys(each.keys) }));
  return { agreed, disagreements, chains: chainCounts(model, accounts) };
}

/** The group of this outcome and decision; equal decisions print alike, hop by hop. */
function groupOf(apart: Map<string, Group>, outcome: PacketOutcome, decision: Decision): Group {
  const name = `${outcome} ${JSON.stringify(decision)}`;
  const group = apart.get(name) ?? { keys: [], outcome, decision };
  apart.set(name, group);
  return group;
}

/** The chain that should have counted it. */
function chainOf({ verdict, decider }: Decision): string {
  return verdict === "accept" ? "none" : decider.chain;
}

function chainCounts(model: ReadonlyMap<string, number>, accounts: readonly Account[]): ChainCount[] {
  const kernel = new Map<string, number>();
  for (const { chain, effect, gain } of accounts) if (effect !== "no-route") add(kernel, chain, gain);
  const chains = [...new Set([...model.keys(), ...kernel.keys()])].sort();
  return chains.map((chain) => ({ chain, model: model.get(chain) ?? 0, kernel: kernel.get(chain) ?? 0 }));
}

function add(counts: Map<string, number>, name: string, count: number): void {
  counts.set(name, (counts.get(name) ?? 0) + count);
}
