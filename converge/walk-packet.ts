import type { Flow } from "../policy/flow.ts";
import type { Nic, Node } from "../policy/proxmox/node.ts";

/** A flow's first packet as the node's hooks see it, in words of iptables. Nothing here is of the model. */
export interface Seen {
  readonly flow: Flow;
  readonly isIpv6: boolean;
  readonly number: number;
  readonly sport: number | undefined;
  readonly dport: number | undefined;
  readonly icmp: readonly [type: number, code: number] | undefined;
  readonly flags: readonly string[];
  readonly ctstate: string;
  readonly mac: string;
}

/** One pass through a hook. */
export interface Pass {
  readonly hook: "INPUT" | "OUTPUT" | "FORWARD";
  readonly i?: string;
  readonly o?: string;
  /** Of a packet that a bridge forwards. */
  readonly physIn?: string;
  readonly physOut?: string;
}

const NUMBERS = { tcp: 6, udp: 17, icmp: 1 } as const;
const HAVE_PORTS = [6, 17, 33, 132, 136];

export function seenOf(flow: Flow, node: Node): Seen {
  const isIpv6 = flow.source.includes(":");
  const named = typeof flow.proto === "number" ? flow.proto : NUMBERS[flow.proto];
  const number = flow.proto === "icmp" && isIpv6 ? 58 : named;
  const hasPorts = HAVE_PORTS.includes(number);
  const type = flow.icmpType ?? (isIpv6 ? 128 : 8);
  const seen = {
    flow,
    isIpv6,
    number,
    sport: hasPorts ? (flow.sport ?? 40000) : undefined,
    dport: hasPorts ? (flow.dport ?? 0) : undefined,
    icmp: number === 1 || number === 58 ? ([type, flow.icmpCode ?? 0] as const) : undefined,
    flags: number === 6 ? (flow.flags ?? ["SYN"]) : [],
    mac: (flow.sourceMac ?? nicAt(node, flow.from)?.mac ?? "").toLowerCase(),
  };
  return { ...seen, ctstate: flow.state ?? stateOf(seen) };
}

/** conntrack's word for a packet of no known flow (`pve-firewall.md` section 8). */
function stateOf({ number, icmp, flags }: Pick<Seen, "number" | "icmp" | "flags">): string {
  const [type = 0] = icmp ?? [];
  if (number === 1) return [8, 13, 15, 17].includes(type) ? "NEW" : "INVALID";
  if (number === 58 && ((type >= 130 && type <= 137) || type === 143)) return "UNTRACKED";
  if (number === 58) return type === 128 || type === 139 ? "NEW" : "INVALID";
  const decisive = flags.filter((flag) => flag !== "PSH" && flag !== "URG");
  return number !== 6 || ["SYN", "ACK"].includes(decisive.toSorted().join()) ? "NEW" : "INVALID";
}

/** Its source is its destination, port and all: once a hop accepted it, conntrack has it as its own reply. */
export function answersItself({ flow, number, sport, dport }: Seen): boolean {
  return flow.source === flow.dest && sport === dport && number !== 1 && number !== 58;
}

function nicAt({ nics }: Node, place: string): Nic | undefined {
  return nics.find((nic) => nic.place === place);
}

/** The hooks on the way, in order: a guest's firewall bridge, the node's bridge or its routing, the other's firewall bridge. */
export function passesOf({ from, to }: Flow, node: Node): readonly Pass[] {
  const [source, target] = [nicAt(node, from), nicAt(node, to)];
  const fromBridge = source?.bridge ?? node.host.bridge;
  const toBridge = target?.bridge ?? node.host.bridge;
  return [
    ...(from === "host" ? [{ hook: "OUTPUT", o: toBridge } as const] : []),
    ...(source?.flagged ? [bridged(`fwbr${source.place}`, source.tap, linkOf(source))] : []),
    ...(to === "host" ? [{ hook: "INPUT", i: fromBridge } as const] : []),
    ...(from === "host" || to === "host"
      ? []
      : fromBridge === toBridge
        ? [bridged(fromBridge, portOf(source), portOf(target))]
        : [{ hook: "FORWARD", i: fromBridge, o: toBridge } as const]),
    ...(target?.flagged ? [bridged(`fwbr${target.place}`, linkOf(target), target.tap)] : []),
  ];
}

function bridged(bridge: string, physIn: string, physOut: string): Pass {
  return { hook: "FORWARD", i: bridge, o: bridge, physIn, physOut };
}

function linkOf({ guestId, index }: Nic): string {
  return `fwln${guestId}i${index}`;
}

function portOf(nic: Nic | undefined): string {
  if (!nic) return "eth0";
  return nic.flagged ? `fwpr${nic.guestId}p${nic.index}` : nic.tap;
}
