import { decide } from "../policy/decide.ts";
import type { Estate } from "../policy/estate.ts";
import type { Decision, Flow } from "../policy/flow.ts";
import { addressOf } from "../policy/place.ts";
import { type FlowKey, type FlowKeyParts, parseFlowKey } from "../probes/flow-key.ts";

/** The source port that the model assumes: a client's, as the probes choose one. */
export const CLIENT_PORT = 20_000;

/** What the declaration says of a first packet of this flow; `source` is the sender's own address unless forged. */
export function expectation(
  estate: Estate,
  from: string,
  to: string,
  key: FlowKey,
  source = addressOf(estate, from),
  sport = CLIENT_PORT,
  dest = addressOf(estate, to),
): Decision {
  const { proto, first } = parseFlowKey(key);
  return expectations(estate, { from, to, source, dest, sport })(proto, first);
}

const NUMBERS = { sctp: 132, dccp: 33, udplite: 136 } as const;

/** What a flow's packets have in common; `dest` is the destination's own address where it is left out. */
type Ends = Pick<Flow, "from" | "to" | "source" | "sourceMac" | "flags"> & {
  readonly sport: number;
  readonly dest?: string;
};

/** The same for many flows between two ends, without a key written out for each. */
export function expectations(
  estate: Estate,
  { flags, sport, ...ends }: Ends,
): (proto: FlowKeyParts["proto"], number: number) => Decision {
  const common = { dest: addressOf(estate, ends.to), ...ends };
  const flowOf = (proto: FlowKeyParts["proto"], number: number): Flow => {
    switch (proto) {
      case "tcp":
        return { ...common, proto, sport, dport: number, ...(flags === undefined ? {} : { flags }) };
      case "udp":
        return { ...common, proto, sport, dport: number };
      case "icmp":
        return { ...common, proto, icmpType: number, icmpCode: 0 };
      case "sctp":
      case "dccp":
      case "udplite":
        return { ...common, proto: NUMBERS[proto], sport, dport: number };
      case "ip":
        return { ...common, proto: number };
    }
  };
  return (proto, number) => decide(estate, flowOf(proto, number));
}
