import type { Rule } from "./estate.ts";

/** What one alternative of a macro fixes; the rule's own options are added to it. */
export type MacroMatch = Pick<Rule, "proto" | "port" | "sport" | "icmpType">;

/**
 * The 86 macros of pve-firewall 6.0.4, in its order: each alternative becomes one rule. `NeighborDiscovery` and `DHCPv6`
 * are IPv6 only; `Ping` and `Trcrt` swap icmp for icmpv6 in the IPv6 half.
 */
export const MACROS: Readonly<Record<string, readonly MacroMatch[]>> = {
  Amanda: [
    { proto: "udp", port: "10080" },
    { proto: "tcp", port: "10080" },
  ],
  Auth: [{ proto: "tcp", port: "113" }],
  BGP: [{ proto: "tcp", port: "179" }],
  BitTorrent: [
    { proto: "tcp", port: "6881:6889" },
    { proto: "udp", port: "6881" },
  ],
  BitTorrent32: [
    { proto: "tcp", port: "6881:6999" },
    { proto: "udp", port: "6881" },
  ],
  Ceph: [
    { proto: "tcp", port: "6789" },
    { proto: "tcp", port: "3300" },
    { proto: "tcp", port: "6800:7300" },
  ],
  Citrix: [
    { proto: "tcp", port: "1494" },
    { proto: "udp", port: "1604" },
    { proto: "tcp", port: "2598" },
  ],
  CVS: [{ proto: "tcp", port: "2401" }],
  DAAP: [
    { proto: "tcp", port: "3689" },
    { proto: "udp", port: "3689" },
  ],
  DCC: [{ proto: "tcp", port: "6277" }],
  DHCPfwd: [{ proto: "udp", port: "67:68", sport: "67:68" }],
  DHCPv6: [{ proto: "udp", port: "546:547", sport: "546:547" }],
  Distcc: [{ proto: "tcp", port: "3632" }],
  DNS: [
    { proto: "udp", port: "53" },
    { proto: "tcp", port: "53" },
  ],
  Finger: [{ proto: "tcp", port: "79" }],
  FTP: [{ proto: "tcp", port: "21" }],
  Git: [{ proto: "tcp", port: "9418" }],
  GNUnet: [
    { proto: "tcp", port: "2086" },
    { proto: "udp", port: "2086" },
    { proto: "tcp", port: "1080" },
    { proto: "udp", port: "1080" },
  ],
  GRE: [{ proto: "47" }],
  HKP: [{ proto: "tcp", port: "11371" }],
  HTTP: [{ proto: "tcp", port: "80" }],
  HTTPS: [{ proto: "tcp", port: "443" }],
  ICPV2: [{ proto: "udp", port: "3130" }],
  ICQ: [{ proto: "tcp", port: "5190" }],
  IMAP: [{ proto: "tcp", port: "143" }],
  IMAPS: [{ proto: "tcp", port: "993" }],
  IPIP: [{ proto: "94" }],
  IPsec: [{ proto: "udp", port: "500", sport: "500" }, { proto: "50" }],
  IPsecah: [{ proto: "udp", port: "500", sport: "500" }, { proto: "51" }],
  IPsecnat: [{ proto: "udp", port: "500" }, { proto: "udp", port: "4500" }, { proto: "50" }],
  IRC: [{ proto: "tcp", port: "6667" }],
  Jetdirect: [{ proto: "tcp", port: "9100" }],
  L2TP: [{ proto: "udp", port: "1701" }],
  LDAP: [{ proto: "tcp", port: "389" }],
  LDAPS: [{ proto: "tcp", port: "636" }],
  Mail: [
    { proto: "tcp", port: "25" },
    { proto: "tcp", port: "465" },
    { proto: "tcp", port: "587" },
  ],
  MDNS: [{ proto: "udp", port: "5353" }],
  MSNP: [{ proto: "tcp", port: "1863" }],
  MSSQL: [{ proto: "tcp", port: "1433" }],
  Munin: [{ proto: "tcp", port: "4949" }],
  MySQL: [{ proto: "tcp", port: "3306" }],
  NeighborDiscovery: [
    { proto: "icmpv6", icmpType: "router-solicitation" },
    { proto: "icmpv6", icmpType: "router-advertisement" },
    { proto: "icmpv6", icmpType: "neighbor-solicitation" },
    { proto: "icmpv6", icmpType: "neighbor-advertisement" },
  ],
  NNTP: [{ proto: "tcp", port: "119" }],
  NNTPS: [{ proto: "tcp", port: "563" }],
  NTP: [{ proto: "udp", port: "123" }],
  OpenVPN: [{ proto: "udp", port: "1194" }],
  OSPF: [{ proto: "89" }],
  PCA: [
    { proto: "udp", port: "5632" },
    { proto: "tcp", port: "5631" },
  ],
  Ping: [{ proto: "icmp", icmpType: "echo-request" }],
  PMG: [{ proto: "tcp", port: "8006" }],
  POP3: [{ proto: "tcp", port: "110" }],
  POP3S: [{ proto: "tcp", port: "995" }],
  PostgreSQL: [{ proto: "tcp", port: "5432" }],
  PPtP: [{ proto: "47" }, { proto: "tcp", port: "1723" }],
  Printer: [{ proto: "tcp", port: "515" }],
  Razor: [{ proto: "tcp", port: "2703" }],
  Rdate: [{ proto: "tcp", port: "37" }],
  RDP: [{ proto: "tcp", port: "3389" }],
  RIP: [{ proto: "udp", port: "520" }],
  RNDC: [{ proto: "tcp", port: "953" }],
  Rsync: [{ proto: "tcp", port: "873" }],
  SANE: [{ proto: "tcp", port: "6566" }],
  SixXS: [
    { proto: "tcp", port: "3874" },
    { proto: "udp", port: "3740" },
    { proto: "41" },
    { proto: "udp", port: "5072,8374" },
  ],
  SMB: [
    { proto: "udp", port: "135,445" },
    { proto: "udp", port: "137:139" },
    { proto: "udp", port: "1024:65535", sport: "137" },
    { proto: "tcp", port: "135,139,445" },
  ],
  SMBswat: [{ proto: "tcp", port: "901" }],
  SMTP: [{ proto: "tcp", port: "25" }],
  SMTPS: [{ proto: "tcp", port: "465" }],
  SNMP: [
    { proto: "udp", port: "161:162" },
    { proto: "tcp", port: "161" },
  ],
  SPAMD: [{ proto: "tcp", port: "783" }],
  SPICEproxy: [{ proto: "tcp", port: "3128" }],
  Squid: [{ proto: "tcp", port: "3128" }],
  SSH: [{ proto: "tcp", port: "22" }],
  Submission: [{ proto: "tcp", port: "587" }],
  SVN: [{ proto: "tcp", port: "3690" }],
  Syslog: [
    { proto: "udp", port: "514" },
    { proto: "tcp", port: "514" },
  ],
  Telnet: [{ proto: "tcp", port: "23" }],
  Telnets: [{ proto: "tcp", port: "992" }],
  TFTP: [{ proto: "udp", port: "69" }],
  Time: [{ proto: "tcp", port: "37" }],
  Trcrt: [
    { proto: "udp", port: "33434:33524" },
    { proto: "icmp", icmpType: "echo-request" },
  ],
  VNC: [{ proto: "tcp", port: "5900:5999" }],
  VNCL: [{ proto: "tcp", port: "5500" }],
  Web: [
    { proto: "tcp", port: "80" },
    { proto: "tcp", port: "443" },
  ],
  Webcache: [{ proto: "tcp", port: "8080" }],
  Webmin: [{ proto: "tcp", port: "10000" }],
  Whois: [{ proto: "tcp", port: "43" }],
};

const BY_LOWER_CASE = new Map(Object.entries(MACROS).map(([name, matches]) => [name.toLowerCase(), matches]));

/** A macro's alternatives; its name in any case. Undefined: no such macro. */
export function macroMatches(name: string): readonly MacroMatch[] | undefined {
  return BY_LOWER_CASE.get(name.toLowerCase());
}
