import { decide } from "../policy/decide.ts";
import type { Estate } from "../policy/estate.ts";
import type { Decision, Flow } from "../policy/flow.ts";
import { addressOf } from "../policy/place.ts";
import { type FlowKey, parseFlowKey } from "../probes/flow-key.ts";

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
): Decision {
  return decide(estate, flowOf(from, to, key, source, addressOf(estate, to), sport));
}

function flowOf(from: string, to: string, key: FlowKey, source: string, dest: string, sport: number): Flow {
  const { proto, first } = parseFlowKey(key);
  const common = { from, to, source, dest };
  switch (proto) {
    case "tcp":
    case "udp":
      return { ...common, proto, sport, dport: first };
    case "icmp":
      return { ...common, proto, icmpType: first, icmpCode: 0 };
    case "ip":
      return { ...common, proto: first };
  }
}
