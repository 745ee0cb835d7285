import { type SideName, SIDES } from "../../policy/diff/hops.ts";
import type { PacketChange } from "../../policy/diff/packet-changes.ts";
import type { Estate } from "../../policy/estate.ts";
import type { Flow } from "../../policy/flow.ts";
import { firstState, flagBits, isOwnReply, packetOf } from "../../policy/packet.ts";
import type { FlowKey } from "../../probes/flow-key.ts";
import type { PacketProbe } from "../../probes/probe.ts";
import type { ChangeAsked, PairAsked } from "./ask.ts";
import { type Estates, hasPlace, labAddress } from "./ends.ts";
import { twinOf } from "./twin.ts";

/** The one packet that the difference gives as an example, where a lab can send it as it is. */
export function witnessAsked(
  estates: Estates,
  { witness, kind }: PacketChange,
  index: number,
): Pick<ChangeAsked, "pairs" | "untested"> {
  const own = kind === "denied" ? "base" : "head";
  const flow = witness[own]?.flow;
  const why = flow ? whyUnsendable(estates[own], flow) : "it has no example";
  if (!flow || why !== undefined) return { pairs: [], untested: [`its example: ${why}`] };
  const key = keyOf(flow);
  const probes: Partial<Record<SideName, PacketProbe>> = {};
  const twins: Partial<Record<SideName, PacketProbe>> = {};
  for (const side of SIDES) {
    const sent = witness[side]?.flow;
    if (!sent || whyUnsendable(estates[side], sent) !== undefined) continue;
    probes[side] = probeOf(estates[side], sent, `change ${index + 1}: ${sent.from} > ${sent.to}`, key);
    const twin = twinOf(estates[side], sent.to, 4);
    if (twin) twins[side] = twin;
  }
  const pair: PairAsked = {
    from: flow.from,
    to: flow.to,
    source: flow.source,
    inside: [key],
    border: [],
    probes,
    twins,
  };
  return { pairs: [pair], untested: ["all of it but its example"] };
}

/** Why no lab sends such a packet; undefined where it does. */
function whyUnsendable(estate: Estate, flow: Flow): string | undefined {
  const { from, to, source, dest } = flow;
  if (!hasPlace(estate, from) || !hasPlace(estate, to)) return "a place that no lab has";
  const packet = packetOf(flow);
  if (dest !== labAddress(estate, to, packet.family))
    return "to an address that is not the destination's own";
  if (packet.state !== firstState(packet)) return `a packet that is ${packet.state} though it begins a flow`;
  if (packet.icmpCode > 0) return `ICMP with code ${packet.icmpCode}`;
  if (isOwnReply(packet)) return "a packet that is its own reply";
  const isForged = source !== labAddress(estate, from, packet.family);
  if (from === "host" && (isForged || flow.sourceMac !== undefined)) return "the node sends as itself alone";
  return undefined;
}

const NAMED = new Map<Flow["proto"], string>([
  [132, "sctp"],
  [33, "dccp"],
  [136, "udplite"],
]);

function keyOf(flow: Flow): FlowKey {
  const { proto, dport = 0, icmpType } = flow;
  if (icmpType !== undefined) return `icmp/${icmpType}`;
  const name = typeof proto === "string" ? proto : NAMED.get(proto);
  return name === undefined ? `ip/${proto}` : `${name}/${dport}`;
}

function probeOf(estate: Estate, flow: Flow, id: string, key: FlowKey): PacketProbe {
  const { from, to, source, dest, sport, flags, sourceMac } = flow;
  return {
    kind: "packets",
    id,
    from,
    to,
    source,
    dest,
    forged: source !== labAddress(estate, from, packetOf(flow).family),
    keys: [key],
    ...(sport === undefined ? {} : { sport }),
    ...(flags === undefined ? {} : { flags: flagBits(flags) }),
    ...(sourceMac === undefined ? {} : { sourceMac }),
  };
}
