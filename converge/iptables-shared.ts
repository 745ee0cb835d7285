import type { Policy } from "../policy/estate.ts";
import type { Node } from "../policy/proxmox/node.ts";
import { hostOptions } from "../policy/proxmox/options.ts";
import type { FilterTable, IptablesChain, IpVersion } from "./filter-table.ts";
import { CLUSTER, setName } from "./ipset.ts";
import type { Targets } from "./iptables-rule.ts";

/** The bit of the packet's mark that says "a guest's OUT chain, or a group, accepted it". */
const MARK = "0x80000000";
export const CLEAR_MARK = `-j MARK --set-xmark 0x0/${MARK}`;
export const IS_MARKED = `-m mark --mark ${MARK}/${MARK}`;
export const ACCEPT_MARK = "-g PVEFW-SET-ACCEPT-MARK";

export const INVALID_DROP = "-m conntrack --ctstate INVALID -j DROP";
export const ESTABLISHED_ACCEPT = "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT";

/** What the actions of declared rules become in a chain that accepts in its own way. */
export function targets(accept: string): Targets {
  return { ACCEPT: accept, DROP: "-j DROP", REJECT: "-j PVEFW-reject" };
}

/** The policy at a chain's end: DROP and REJECT first ask the chain that keeps the log quiet. */
export function policyLines(policy: Policy, accept: string): readonly string[] {
  switch (policy) {
    case "ACCEPT":
      return [accept];
    case "DROP":
      return ["-j PVEFW-Drop", "-j DROP"];
    case "REJECT":
      return ["-j PVEFW-Reject", "-g PVEFW-reject"];
  }
}

/** What IPv6 needs to find its neighbours: in the IPv4 half nothing. */
export function discoveryLines(
  version: IpVersion,
  direction: "IN" | "OUT",
  radv: boolean,
  accept: string,
): readonly string[] {
  if (version === 4) return [];
  const advertisement = direction === "IN" || radv ? ["router-advertisement"] : [];
  return ["router-solicitation", ...advertisement, "neighbor-solicitation", "neighbor-advertisement"].map(
    (type) => `-p icmpv6 -m icmp6 --icmpv6-type ${type} ${accept}`,
  );
}

/** Blacklist, smurfs and TCP flags: what the host and every flagged NIC filter inbound before any rule. */
export function addInboundFilters(table: FilterTable, chain: string, { cluster, hostFile }: Node): void {
  const { nosmurfs, tcpflags } = hostOptions(hostFile);
  if (cluster.sets.has("blacklist")) {
    if (!table.has("PVEFW-blacklist")) table.begin("PVEFW-blacklist", "-j DROP");
    const set = setName(CLUSTER, "blacklist", table.version);
    table.append(chain, `-m set --match-set ${set} src -j PVEFW-blacklist`);
  }
  if (nosmurfs && table.version === 4)
    table.append(chain, "-m conntrack --ctstate INVALID,NEW -j PVEFW-smurfs");
  if (tcpflags) table.append(chain, "-p tcp -j PVEFW-tcpflags");
}

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

/** Compiled always, and jumped to only where `tcpflags: 1`. */
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
