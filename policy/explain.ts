import type { Position } from "./estate.ts";
import type { Decider, Decision, Hop } from "./flow.ts";
import { describePosition } from "./position.ts";

/** A decision for a person: the verdict, then a line a hop with what decided it, where it stands and which chain counts it. */
export function explainDecision({ verdict, reject, hops }: Decision): string {
  const how = reject === undefined ? "" : ` (${reject})`;
  return [`${verdict}${how}`, ...hops.map((hop, index) => `  ${index + 1}. ${explainHop(hop)}`)].join("\n");
}

/** One hop in words: `FORWARD into guest 101: accept, by rule IN ACCEPT -p tcp ...`. */
export function explainHop({ hook, where, verdict, decider }: Hop): string {
  return `${hook} ${where}: ${verdict}, by ${describeDecider(decider)}`;
}

/** What decided, with its source position where the files have one, and the chain that counts it. */
export function describeDecider(decider: Decider): string {
  switch (decider.kind) {
    case "rule":
      return `rule "${decider.text}" ${placeOf(decider.position)}, chain ${decider.chain}`;
    case "policy": {
      const line = decider.text === undefined ? "" : ` (${decider.text})`;
      return `default policy ${decider.policy}${line} ${placeOf(decider.position)}, chain ${decider.chain}`;
    }
    case "standing":
      return `a standing accept of Proxmox (${decider.text}), chain ${decider.chain}`;
    case "builtin":
      return `a line of Proxmox's own (${decider.text}), chain ${decider.chain}`;
    case "gateway":
      return `the gateway (${decider.text})`;
    case "unfiltered":
      return `nothing: ${decider.text} ${placeOf(decider.position)}`;
  }
}

function placeOf(position: Position): string {
  return `at ${describePosition(position)}`;
}
