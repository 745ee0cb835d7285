import type { Policy, Position } from "./estate.ts";

/**
 * A vantage point: `wan` (an internet user behind the gateway), `lan` (a device of the subnet that is neither host nor
 * guest), `host` (the Proxmox node), or a guest's NIC (its id for net0, `100i1` for net1). `outside` is a sender behind the
 * uplink with no gateway in between: the vectors' world.
 */
export type Place = string;

/** conntrack's word for the packet. */
export type ConntrackState = "NEW" | "ESTABLISHED" | "RELATED" | "INVALID" | "UNTRACKED";

/** One packet between two places. */
export interface Flow {
  readonly from: Place;
  readonly to: Place;
  /** `tcp`, `udp`, `icmp`, or an IP protocol number. */
  readonly proto: "tcp" | "udp" | "icmp" | number;
  readonly source: string;
  readonly dest: string;
  /** Default: an ordinary client port (40000). */
  readonly sport?: number;
  readonly dport?: number;
  /** Default: echo-request. */
  readonly icmpType?: number;
  readonly icmpCode?: number;
  /** Default: what conntrack calls it as a first packet; NEW for a SYN, a datagram, an echo-request. */
  readonly state?: ConntrackState;
  /** TCP flags of a NEW packet; default SYN. */
  readonly flags?: readonly ("SYN" | "ACK" | "RST" | "FIN" | "PSH" | "URG")[];
  /** Default: the MAC of the sending NIC. */
  readonly sourceMac?: string;
}

export type RejectKind =
  | "tcp-reset"
  | "icmp-port-unreachable"
  | "icmp-host-prohibited"
  | "icmp-admin-prohibited";

/** What decided: a declared rule, a default policy, a standing accept, or one of Proxmox's built-in lines. */
export type Decider =
  | { readonly kind: "rule"; readonly chain: string; readonly position: Position; readonly text: string }
  /** `text`: the line of Proxmox's shared chains that took the packet on the policy's behalf, where one did. */
  | {
      readonly kind: "policy";
      readonly chain: string;
      readonly policy: Policy;
      readonly position: Position;
      readonly text?: string;
    }
  | { readonly kind: "standing"; readonly chain: string; readonly text: string }
  | { readonly kind: "builtin"; readonly chain: string; readonly text: string }
  /** The gateway's strict reverse path filter dropped a forged source. */
  | { readonly kind: "gateway"; readonly chain: string; readonly text: string }
  /** Nothing filters here: the guest's firewall is off, or the whole firewall is. */
  | {
      readonly kind: "unfiltered";
      readonly chain: string;
      readonly text: string;
      readonly position: Position;
    };

/** One pass through a hook of the node (or the gateway), and what it said. */
export interface Hop {
  readonly hook: "GATEWAY" | "INPUT" | "OUTPUT" | "FORWARD";
  /** In words: "out of guest 101", "onto vmbr0", "into guest 102". */
  readonly where: string;
  readonly verdict: "accept" | "drop" | "reject";
  readonly decider: Decider;
}

export interface Decision {
  readonly verdict: "accept" | "drop" | "reject";
  readonly reject?: RejectKind;
  /** The hop that ended it; for an accept the last one. `chain` is the iptables chain that holds the deciding line. */
  readonly decider: Decider;
  readonly hops: readonly Hop[];
}
