import type { IpVersion } from "./iptables-rule.ts";

/** A chain and its lines, in order, without `-A NAME`. */
export interface IptablesChain {
  readonly name: string;
  readonly lines: readonly string[];
}

/** The bit of the packet's mark that says "a guest's OUT chain, or a group, accepted it". */
const MARK = "0x80000000";
export const CLEAR_MARK = `-j MARK --set-xmark 0x0/${MARK}`;
export const ACCEPT_MARK = "-g PVEFW-SET-ACCEPT-MARK";

/** The chains that pve-firewall calls standard: what policies, REJECT and the inbound filters jump to (6.1). */
export function sharedChains(version: IpVersion): readonly IptablesChain[] {
  return [
    { name: "PVEFW-SET-ACCEPT-MARK", lines: [`-j MARK --set-xmark ${MARK}/${MARK}`] },
    { name: "PVEFW-DropBroadcast", lines: DROP_BROADCAST[version] },
    { name: "PVEFW-reject", lines: REJECT[version] },
    { name: "PVEFW-Drop", lines: beforePolicy(version, "-j DROP") },
    { name: "PVEFW-Reject", lines: beforePolicy(version, "-g PVEFW-reject") },
    { name: "PVEFW-tcpflags", lines: TCP_FLAGS },
    { name: "PVEFW-logflags", lines: ["-j DROP"] },
    ...(version === 4 ? SMURFS : []),
  ];
}

const DROP_BROADCAST: Readonly<Record<IpVersion, readonly string[]>> = {
  4: [
    "-m addrtype --dst-type BROADCAST -j DROP",
    "-m addrtype --dst-type MULTICAST -j DROP",
    "-m addrtype --dst-type ANYCAST -j DROP",
    "-d 224.0.0.0/4 -j DROP",
  ],
  6: ["-d ff00::/8 -j DROP"],
};

const REJECT: Readonly<Record<IpVersion, readonly string[]>> = {
  4: [
    "-m addrtype --dst-type BROADCAST -j DROP",
    "-s 224.0.0.0/4 -j DROP",
    "-p icmp -j DROP",
    "-p tcp -j REJECT --reject-with tcp-reset",
    "-p udp -j REJECT --reject-with icmp-port-unreachable",
    "-j REJECT --reject-with icmp-host-prohibited",
  ],
  6: [
    "-p icmpv6 -j DROP",
    "-p tcp -j REJECT --reject-with tcp-reset",
    "-p udp -j REJECT --reject-with icmp6-port-unreachable",
    "-j REJECT --reject-with icmp6-adm-prohibited",
  ],
};

const VITAL_ICMP: Readonly<Record<IpVersion, readonly string[]>> = {
  4: [
    "-p icmp -m icmp --icmp-type fragmentation-needed -j ACCEPT",
    "-p icmp -m icmp --icmp-type time-exceeded -j ACCEPT",
  ],
  6: [
    "-p icmpv6 -m icmp6 --icmpv6-type destination-unreachable -j ACCEPT",
    "-p icmpv6 -m icmp6 --icmpv6-type time-exceeded -j ACCEPT",
    "-p icmpv6 -m icmp6 --icmpv6-type packet-too-big -j ACCEPT",
  ],
};

/** PVEFW-Drop and PVEFW-Reject differ only in what they do with NetBIOS and SMB. */
function beforePolicy(version: IpVersion, netbios: string): readonly string[] {
  return [
    ...(version === 6 ? ["-p tcp --dport 43 -g PVEFW-reject"] : []),
    "-j PVEFW-DropBroadcast",
    ...VITAL_ICMP[version],
    "-m conntrack --ctstate INVALID -j DROP",
    `-p udp -m multiport --dports 135,445 ${netbios}`,
    `-p udp --dport 137:139 ${netbios}`,
    `-p udp --sport 137 --dport 1024:65535 ${netbios}`,
    `-p tcp -m multiport --dports 135,139,445 ${netbios}`,
    "-p udp --dport 1900 -j DROP",
    "-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -j DROP",
    "-p udp --sport 53 -j DROP",
  ];
}

/** Compiled as Proxmox does, and jumped to only where `tcpflags: 1`, which the JSON files can't set. */
const TCP_FLAGS = [
  "-p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG FIN,PSH,URG -g PVEFW-logflags",
  "-p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE -g PVEFW-logflags",
  "-p tcp -m tcp --tcp-flags SYN,RST SYN,RST -g PVEFW-logflags",
  "-p tcp -m tcp --tcp-flags FIN,SYN FIN,SYN -g PVEFW-logflags",
  "-p tcp -m tcp --sport 0 --tcp-flags FIN,SYN,RST,ACK SYN -g PVEFW-logflags",
];

const SMURFS: readonly IptablesChain[] = [
  {
    name: "PVEFW-smurfs",
    lines: [
      "-s 0.0.0.0/32 -j RETURN",
      "-m addrtype --src-type BROADCAST -g PVEFW-smurflog",
      "-s 224.0.0.0/4 -g PVEFW-smurflog",
    ],
  },
  { name: "PVEFW-smurflog", lines: ["-j DROP"] },
];
