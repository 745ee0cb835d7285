import { type Estate, type Guest, type Host, type Policy, type Rule, tapOf } from "../policy/estate.ts";
import { type IpVersion, ruleMatches } from "./iptables-rule.ts";
import { ACCEPT_MARK, CLEAR_MARK, type IptablesChain, sharedChains } from "./iptables-shared.ts";

/**
 * The compiled firewall as text. Load `ipset` first (`ipset restore -exist`), then `iptables` and `ip6tables` with
 * `iptables-legacy-restore` and `ip6tables-legacy-restore`: each replaces the whole filter table of its namespace in one
 * step, so that loading it twice changes nothing and no moment is unfiltered.
 */
export interface CompiledFirewall {
  readonly ipset: string;
  readonly iptables: string;
  readonly ip6tables: string;
}

/** The estate's firewall as pve-firewall compiles it: chains, order and device names of `pve-firewall.md` section 6. */
export function compileFirewall(estate: Estate): CompiledFirewall {
  return {
    ipset: managementSet(4, [estate.host.subnet]) + managementSet(6, []),
    iptables: filterTable(estate, 4),
    ip6tables: filterTable(estate, 6),
  };
}

/** Filled beside the live set and swapped in: no moment without its entries, no stale entry left. */
function managementSet(version: IpVersion, networks: readonly string[]): string {
  const name = managementName(version);
  const options = `hash:net family ${version === 4 ? "inet" : "inet6"} hashsize 64 maxelem 64`;
  return [
    `create ${name} ${options}`,
    `create ${name}_swap ${options}`,
    `flush ${name}_swap`,
    ...networks.map((network) => `add ${name}_swap ${network}`),
    `swap ${name}_swap ${name}`,
    `destroy ${name}_swap`,
  ]
    .map((line) => `${line}\n`)
    .join("");
}

function managementName(version: IpVersion): string {
  return `PVEFW-0-management-v${version}`;
}

function filterTable(estate: Estate, version: IpVersion): string {
  const chains = estate.host.firewall.enabled ? allChains(estate, version) : [];
  return [
    "*filter",
    ...["INPUT", "FORWARD", "OUTPUT"].map((name) => `:${name} ACCEPT [0:0]`),
    ...chains.map(({ name }) => `:${name} - [0:0]`),
    ...(chains.length > 0 ? HOOKS : []),
    ...chains.flatMap(({ name, lines }) => lines.map((line) => `-A ${name} ${line}`)),
    "COMMIT",
    "",
  ].join("\n");
}

const HOOKS = ["INPUT", "FORWARD", "OUTPUT"].map((hook) => `-A ${hook} -j PVEFW-${hook}`);

function allChains(estate: Estate, version: IpVersion): readonly IptablesChain[] {
  const filtered = estate.guests.filter((guest) => guest.firewall?.enabled === true);
  return [
    { name: "PVEFW-INPUT", lines: ["-j PVEFW-HOST-IN"] },
    { name: "PVEFW-OUTPUT", lines: ["-j PVEFW-HOST-OUT"] },
    { name: "PVEFW-FORWARD", lines: FORWARD },
    { name: "PVEFW-HOST-IN", lines: hostIn(estate.host, version) },
    { name: "PVEFW-HOST-OUT", lines: hostOut(estate.host, version) },
    { name: "PVEFW-FWBR-IN", lines: [...smurfs(version), ...filtered.map(toTap)] },
    { name: "PVEFW-FWBR-OUT", lines: filtered.map(fromTap) },
    ...filtered.flatMap((guest) => [
      { name: `${tapOf(guest)}-IN`, lines: tapIn(guest, version) },
      { name: `${tapOf(guest)}-OUT`, lines: tapOut(guest, version) },
    ]),
    ...sharedChains(version),
  ];
}

const INVALID = "-m conntrack --ctstate INVALID -j DROP";
const ESTABLISHED = "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT";

const FORWARD = [
  INVALID,
  ESTABLISHED,
  "-m physdev --physdev-is-bridged --physdev-in fwln+ -j PVEFW-FWBR-IN",
  "-m physdev --physdev-is-bridged --physdev-out fwln+ -j PVEFW-FWBR-OUT",
];

function toTap(guest: Guest): string {
  return `-m physdev --physdev-is-bridged --physdev-out ${tapOf(guest)} -j ${tapOf(guest)}-IN`;
}

function fromTap(guest: Guest): string {
  return `-m physdev --physdev-is-bridged --physdev-in ${tapOf(guest)} -j ${tapOf(guest)}-OUT`;
}

function smurfs(version: IpVersion): readonly string[] {
  return version === 4 ? ["-m conntrack --ctstate INVALID,NEW -j PVEFW-smurfs"] : [];
}

/** Neighbour discovery of IPv6: each type accepted by its own line. */
function discovery(version: IpVersion, types: readonly string[], target: string): readonly string[] {
  if (version === 4) return [];
  return types.map((type) => `-p icmpv6 -m icmp6 --icmpv6-type ${type} ${target}`);
}

const ASKED = ["router-solicitation", "neighbor-solicitation", "neighbor-advertisement"];
const HEARD = [
  "router-solicitation",
  "router-advertisement",
  "neighbor-solicitation",
  "neighbor-advertisement",
];

function hostIn({ firewall }: Host, version: IpVersion): readonly string[] {
  const management = `-m set --match-set ${managementName(version)} src -p tcp`;
  return [
    "-i lo -j ACCEPT",
    INVALID,
    ESTABLISHED,
    ...discovery(version, HEARD, "-j RETURN"),
    ...smurfs(version),
    "-p igmp -j RETURN",
    ...declared(firewall.rules, "in", "host", version, "-j RETURN"),
    ...["8006", "5900:5999", "3128", "22", "60000:60050"].map(
      (port) => `${management} --dport ${port} -j RETURN`,
    ),
    ...policyLines(firewall.policyIn, "-j RETURN"),
  ];
}

function hostOut({ firewall, subnet }: Host, version: IpVersion): readonly string[] {
  const standard = version === 4 ? ["8006", "22", "5900:5999", "3128"] : [];
  return [
    "-o lo -j ACCEPT",
    INVALID,
    ESTABLISHED,
    ...discovery(version, ASKED, "-j RETURN"),
    "-p igmp -j RETURN",
    ...declared(firewall.rules, "out", "host", version, "-j RETURN"),
    ...standard.map((port) => `-d ${subnet} -p tcp --dport ${port} -j RETURN`),
    ...policyLines(firewall.policyOut, "-j RETURN"),
  ];
}

function tapIn(guest: Guest, version: IpVersion): readonly string[] {
  const { rules = [], policyIn = "DROP" } = guest.firewall ?? {};
  return [
    `-j CONNMARK --set-xmark ${guest.id}`,
    version === 4 ? "-p udp --sport 67 --dport 68 -j ACCEPT" : "-p udp --sport 547 --dport 546 -j ACCEPT",
    ...discovery(version, HEARD, "-j ACCEPT"),
    ...declared(rules, "in", "guest", version, "-j ACCEPT"),
    ...policyLines(policyIn, "-j ACCEPT"),
  ];
}

function tapOut(guest: Guest, version: IpVersion): readonly string[] {
  const { rules = [], policyOut = "ACCEPT" } = guest.firewall ?? {};
  return [
    `-j CONNMARK --set-xmark ${guest.id}`,
    `-p udp ${version === 4 ? "--sport 68 --dport 67" : "--sport 546 --dport 547"} ${ACCEPT_MARK}`,
    `-m mac ! --mac-source ${guest.mac} -j DROP`,
    ...discovery(version, ["router-advertisement"], "-j DROP"),
    CLEAR_MARK,
    ...discovery(version, ASKED, ACCEPT_MARK),
    ...declared(rules, "out", "guest", version, ACCEPT_MARK),
    ...policyLines(policyOut, ACCEPT_MARK),
  ];
}

function declared(
  rules: readonly Rule[],
  type: Rule["type"],
  scope: "host" | "guest",
  version: IpVersion,
  accept: string,
): readonly string[] {
  const targets = { ACCEPT: accept, DROP: "-j DROP", REJECT: "-g PVEFW-reject" } as const;
  return rules
    .filter((rule) => rule.type === type)
    .flatMap((rule) =>
      ruleMatches(rule, scope, version).map((match) => `${match} ${targets[rule.action]}`.trimStart()),
    );
}

function policyLines(policy: Policy, accept: string): readonly string[] {
  switch (policy) {
    case "ACCEPT":
      return [accept];
    case "DROP":
      return ["-j PVEFW-Drop", "-j DROP"];
    case "REJECT":
      return ["-j PVEFW-Reject", "-g PVEFW-reject"];
  }
}
