/** Protocol names of Debian 12's /etc/protocols, and `icmpv6`, which Proxmox adds. */
const PROTOCOL_TABLE = `
ip=0 hopopt=0 icmp=1 igmp=2 ggp=3 ipencap=4 st=5 tcp=6 egp=8 igp=9 pup=12 udp=17 hmp=20 xns-idp=22 rdp=27
iso-tp4=29 dccp=33 xtp=36 ddp=37 idpr-cmtp=38 ipv6=41 ipv6-route=43 ipv6-frag=44 idrp=45 rsvp=46 gre=47
esp=50 ah=51 skip=57 ipv6-icmp=58 ipv6-nonxt=59 ipv6-opts=60 rspf=73 vmtp=81 eigrp=88 ospf=89 ax.25=93
ipip=94 etherip=97 encap=98 pim=103 ipcomp=108 vrrp=112 l2tp=115 isis=124 sctp=132 fc=133
mobility-header=135 udplite=136 mpls-in-ip=137 manet=138 hip=139 shim6=140 wesp=141 rohc=142 ethernet=143
icmpv6=58
`;

/** ICMP names that iptables knows, `name=type` or `name=type/code`. */
const ICMP4_TABLE = `
echo-reply=0 destination-unreachable=3 network-unreachable=3/0 host-unreachable=3/1
protocol-unreachable=3/2 port-unreachable=3/3 fragmentation-needed=3/4 source-route-failed=3/5
network-unknown=3/6 host-unknown=3/7 network-prohibited=3/9 host-prohibited=3/10
TOS-network-unreachable=3/11 TOS-host-unreachable=3/12 communication-prohibited=3/13
host-precedence-violation=3/14 precedence-cutoff=3/15 source-quench=4 redirect=5 network-redirect=5/0
host-redirect=5/1 TOS-network-redirect=5/2 TOS-host-redirect=5/3 echo-request=8 router-advertisement=9
router-solicitation=10 time-exceeded=11 ttl-zero-during-transit=11/0 ttl-zero-during-reassembly=11/1
parameter-problem=12 ip-header-bad=12/0 required-option-missing=12/1 timestamp-request=13
timestamp-reply=14 address-mask-request=17 address-mask-reply=18
`;

/** ICMPv6 names that ip6tables knows. */
const ICMP6_TABLE = `
destination-unreachable=1 no-route=1/0 communication-prohibited=1/1 beyond-scope=1/2
address-unreachable=1/3 port-unreachable=1/4 failed-policy=1/5 reject-route=1/6 packet-too-big=2
time-exceeded=3 ttl-zero-during-transit=3/0 ttl-zero-during-reassembly=3/1 parameter-problem=4
bad-header=4/0 unknown-header-type=4/1 unknown-option=4/2 echo-request=128 echo-reply=129
router-solicitation=133 router-advertisement=134 neighbor-solicitation=135 neighbour-solicitation=135
neighbor-advertisement=136 neighbour-advertisement=136 redirect=137
`;

/** An ICMP type, and its code where the name stands for one. */
export interface IcmpKind {
  readonly type: number;
  readonly code?: number;
}

const PROTOCOLS = new Map(entriesOf(PROTOCOL_TABLE).map(([name, number]) => [name, Number(number)]));
const PROTOCOL_NUMBERS = new Set(PROTOCOLS.values());
const ICMP = { 4: icmpTable(ICMP4_TABLE), 6: icmpTable(ICMP6_TABLE) };

function entriesOf(table: string): [string, string][] {
  return table
    .trim()
    .split(/\s+/)
    .map((entry) => entry.split("=") as [string, string]);
}

function icmpTable(table: string): ReadonlyMap<string, IcmpKind> {
  const kindOf = (value: string): IcmpKind => {
    const [type, code] = value.split("/");
    return code === undefined ? { type: Number(type) } : { type: Number(type), code: Number(code) };
  };
  return new Map(entriesOf(table).map(([name, value]) => [name, kindOf(value)]));
}

/** The number of a protocol, by a name or a number of /etc/protocols; undefined where it has neither. */
export function protocolNumber(text: string): number | undefined {
  const number = PROTOCOLS.get(text) ?? (/^\d+$/.test(text) ? Number(text) : undefined);
  return number !== undefined && PROTOCOL_NUMBERS.has(number) ? number : undefined;
}

const PROTOCOL_NAMES = new Map([...PROTOCOLS].toReversed().map(([name, number]) => [number, name]));

/** The first name that /etc/protocols has for a number other than 0; `protocol N` where it has none. */
export function protocolName(number: number): string {
  return number === 0 ? "protocol 0" : (PROTOCOL_NAMES.get(number) ?? `protocol ${number}`);
}

/** The type that an ICMP name stands for in that family; undefined where iptables has no such name. */
export function icmpKind(name: string, family: 4 | 6): IcmpKind | undefined {
  return ICMP[family].get(name);
}

/** The name that iptables has for an ICMP type of any code; undefined where it has none. */
export function icmpName(type: number, family: 4 | 6): string | undefined {
  for (const [name, kind] of ICMP[family]) if (kind.type === type && kind.code === undefined) return name;
  return undefined;
}
