import type { RejectKind } from "./flow.ts";
import type { PortSpan } from "./match.ts";
import { FLAG, ICMP, ICMPV6, type Packet, TCP, UDP } from "./packet.ts";

/** What one of Proxmox's shared chains says of a packet; `chain` holds the line that counts it. */
export interface ChainRuling {
  readonly verdict: "accept" | "drop" | "reject";
  readonly reject?: RejectKind;
  readonly chain: string;
  readonly text: string;
}

/** The addresses that the host's routing table calls broadcast (for the addrtype matches), as numbers. */
export type Broadcasts = ReadonlySet<number | bigint>;

const MULTICAST_4 = 0xe0000000;
const MULTICAST_4_END = 0xefffffff;
const MULTICAST_6 = 0xff00n << 112n;

function isMulticast({ family }: Packet, ip: number | bigint): boolean {
  return family === 4 ? ip >= MULTICAST_4 && ip <= MULTICAST_4_END : ip >= MULTICAST_6;
}

/**
 * PVEFW-Drop and PVEFW-Reject, which a default policy asks before it acts (`pve-firewall.md` 6.1). `undefined`: none of
 * their lines took the packet, the policy's own line is next.
 */
export function beforePolicy(
  policy: "DROP" | "REJECT",
  packet: Packet,
  broadcasts: Broadcasts,
): ChainRuling | undefined {
  const chain = policy === "DROP" ? "PVEFW-Drop" : "PVEFW-Reject";
  const drop = (text: string): ChainRuling => ({ verdict: "drop", chain, text });
  if (packet.family === 6 && packet.proto === TCP && packet.dport === 43) return reject(packet, broadcasts);
  if (isMulticast(packet, packet.dest) || broadcasts.has(packet.dest))
    return { verdict: "drop", chain: "PVEFW-DropBroadcast", text: "broadcast or multicast destination" };
  if (isVitalIcmp(packet)) return { verdict: "accept", chain, text: "ICMP that a path needs" };
  if (packet.state === "INVALID") return drop("state INVALID");
  if (isNetbios(packet))
    return policy === "DROP" ? drop("NetBIOS and SMB ports") : reject(packet, broadcasts);
  if (packet.proto === UDP && packet.dport === 1900) return drop("udp 1900, UPnP");
  if (isStrayTcp(packet)) return drop("tcp that is not a SYN");
  if (packet.proto === UDP && packet.sport === 53) return drop("udp from port 53, late DNS answers");
  return undefined;
}

/** The destination ports by which PVEFW-Drop or PVEFW-Reject tell packets like this one apart. */
export function sharedPorts(packet: Packet): readonly PortSpan[] {
  const [endpoint, session, smb] = [span(135), span(139), span(445)];
  if (packet.proto === TCP) return [endpoint, session, smb, ...(packet.family === 6 ? [span(43)] : [])];
  if (packet.proto !== UDP) return [];
  const late = packet.sport === 137 ? [span(1024, 65_535)] : [];
  return [endpoint, span(137, 139), smb, span(1900), ...late];
}

function span(first: number, last = first): PortSpan {
  return { first, last };
}

/** IPv4: fragmentation-needed, time-exceeded. IPv6: destination-unreachable, packet-too-big, time-exceeded. */
function isVitalIcmp({ proto, icmpType, icmpCode }: Packet): boolean {
  if (proto === ICMP) return (icmpType === 3 && icmpCode === 4) || icmpType === 11;
  return proto === ICMPV6 && icmpType >= 1 && icmpType <= 3;
}

function isNetbios({ proto, sport, dport }: Packet): boolean {
  if (proto === TCP) return dport === 135 || dport === 139 || dport === 445;
  if (proto !== UDP) return false;
  return dport === 135 || dport === 445 || (dport >= 137 && dport <= 139) || (sport === 137 && dport >= 1024);
}

function isStrayTcp({ proto, flags }: Packet): boolean {
  return proto === TCP && (flags & (FLAG.FIN | FLAG.SYN | FLAG.RST | FLAG.ACK)) !== FLAG.SYN;
}

/** PVEFW-reject: what a REJECT, of a rule or a policy, does on the wire. ICMP is dropped in silence. */
export function reject(packet: Packet, broadcasts: Broadcasts): ChainRuling {
  const chain = "PVEFW-reject";
  if (packet.family === 4 && broadcasts.has(packet.dest))
    return { verdict: "drop", chain, text: "no answer to a broadcast" };
  if (packet.family === 4 && isMulticast(packet, packet.source))
    return { verdict: "drop", chain, text: "no answer to a multicast source" };
  if (packet.proto === (packet.family === 4 ? ICMP : ICMPV6))
    return { verdict: "drop", chain, text: "no answer to ICMP" };
  if (packet.proto === TCP)
    return { verdict: "reject", reject: "tcp-reset", chain, text: "answered by a RST" };
  if (packet.proto === UDP)
    return {
      verdict: "reject",
      reject: "icmp-port-unreachable",
      chain,
      text: "answered by port-unreachable",
    };
  if (packet.family === 6)
    return { verdict: "reject", reject: "icmp-admin-prohibited", chain, text: "answered by adm-prohibited" };
  return { verdict: "reject", reject: "icmp-host-prohibited", chain, text: "answered by host-prohibited" };
}

/** PVEFW-smurfs: a source that is a broadcast or multicast address. Asked for NEW and INVALID packets of IPv4. */
export function smurf(packet: Packet, broadcasts: Broadcasts): ChainRuling | undefined {
  const asked = packet.family === 4 && (packet.state === "NEW" || packet.state === "INVALID");
  if (!asked || packet.source === 0) return undefined;
  if (!broadcasts.has(packet.source) && !isMulticast(packet, packet.source)) return undefined;
  return {
    verdict: "drop",
    chain: "PVEFW-smurflog",
    text: "smurf: the source is a broadcast or multicast address",
  };
}

const { FIN, SYN, RST, PSH, ACK, URG } = FLAG;

/** PVEFW-tcpflags: combinations that no TCP sends. All but one are INVALID to conntrack before. */
export function illegalFlags({
  proto,
  flags,
  sport,
}: Pick<Packet, "proto" | "flags" | "sport">): ChainRuling | undefined {
  if (proto !== TCP) return undefined;
  const all = flags & (FIN | SYN | RST | PSH | ACK | URG);
  const has = (both: number) => (flags & both) === both;
  const synFromZero = sport === 0 && (flags & (FIN | SYN | RST | ACK)) === SYN;
  const illegal = all === (FIN | PSH | URG) || all === 0 || has(SYN | RST) || has(SYN | FIN) || synFromZero;
  return illegal ? { verdict: "drop", chain: "PVEFW-logflags", text: "illegal TCP flags" } : undefined;
}
