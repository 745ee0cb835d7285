import type { Policy, Rule } from "../policy/estate.ts";
import { macroMatches } from "../policy/macros.ts";
import { icmpKind } from "../policy/names.ts";
import type { FirewallRule, ForwardRule } from "../policy/proxmox/file.ts";
import {
  parseReference,
  type Reference,
  type RuleScope,
  resolveAlias,
  resolveSet,
} from "../policy/proxmox/scope.ts";
import { readRule } from "../policy/rule.ts";
import { servicePort } from "../policy/services.ts";
import { type IpVersion, NotWritten } from "./filter-table.ts";
import { CLUSTER, setName } from "./ipset.ts";

/** Where a rule stands: what it can name, and whose sets those of its guest are. */
export interface RuleSite extends RuleScope {
  readonly guestId?: string;
}

type Fields = Pick<
  Rule | ForwardRule,
  "type" | "proto" | "source" | "dest" | "port" | "sport" | "iface" | "icmpType"
>;

/** What a chain does with a packet that a rule's action names. */
export type Targets = Readonly<Record<Policy, string>>;

const WITH_PORTS = new Set(["tcp", "6", "udp", "17", "sctp", "132", "dccp", "33", "udplite", "136"]);
/** Macros that the IPv4 half leaves out. */
const IPV6_MACROS = new Set(["neighbordiscovery", "dhcpv6"]);

/**
 * A declared rule's lines, as pve-firewall's `ipt_rule_to_cmds` has them: none where it is disabled, in error, or of the
 * other family. Addresses go to the kernel's own parser as they are written, not through the model's reading, so that
 * the two can disagree. @throws NotWritten where only writing shows that it can't be
 */
export function ruleLines(
  rule: Exclude<FirewallRule, { type: "group" }>,
  site: RuleSite,
  version: IpVersion,
  targets: Targets,
): readonly string[] {
  if (!rule.enabled || readRule(rule, site).errors.length > 0) return [];
  if ((familyOf(rule, site) ?? version) !== version) return [];
  return alternatives(rule, version).map((fields) =>
    [...matchOf(fields, site, version), targets[rule.action]].filter((part) => part !== "").join(" "),
  );
}

/** ICMP by name, literal addresses and aliases fix the family; all else is written for both. */
function familyOf({ proto, source, dest }: Fields, site: RuleSite): IpVersion | undefined {
  if (proto === "icmp") return 4;
  if (proto === "icmpv6" || proto === "ipv6-icmp") return 6;
  return addressFamily(source, site) ?? addressFamily(dest, site);
}

function addressFamily(text: string | undefined, site: RuleSite): IpVersion | undefined {
  if (text === undefined) return undefined;
  const reference = parseReference(text);
  if (!reference) return text.includes(":") ? 6 : 4;
  return reference.kind === "alias" ? resolveAlias(site, reference)?.family : undefined;
}

/** Ping and Trcrt ask for icmpv6 in the IPv6 half. */
function alternatives(rule: Rule | ForwardRule, version: IpVersion): readonly Fields[] {
  const { macro } = rule;
  if (macro === undefined) return [rule];
  if (version === 4 && IPV6_MACROS.has(macro.toLowerCase())) return [];
  return (macroMatches(macro) ?? []).map((fixed) => ({
    ...rule,
    ...fixed,
    ...(version === 6 && fixed.proto === "icmp" ? { proto: "icmpv6" } : {}),
  }));
}

function matchOf(fields: Fields, site: RuleSite, version: IpVersion): readonly string[] {
  const { type, proto, source, dest, iface } = fields;
  return [
    site.place !== "guest" && iface !== undefined ? `${type === "in" ? "-i" : "-o"} ${iface}` : "",
    addressMatch("src", source, site, version),
    addressMatch("dst", dest, site, version),
    ...(proto === undefined || proto === "0" ? [] : [`-p ${proto}`, ...protocolMatches(proto, fields)]),
  ];
}

function addressMatch(
  side: "src" | "dst",
  text: string | undefined,
  site: RuleSite,
  version: IpVersion,
): string {
  if (text === undefined) return "";
  const option = side === "src" ? "-s" : "-d";
  const reference = parseReference(text);
  if (!reference) return text.includes("-") ? `-m iprange --${side}-range ${text}` : `${option} ${text}`;
  if (reference.kind === "set") return `-m set --match-set ${writtenSet(reference, site, version)} ${side}`;
  const alias = resolveAlias(site, reference);
  if (!alias) throw new NotWritten(`no alias ${text} in that scope`);
  return `${option} ${alias.cidr}`;
}

function writtenSet(reference: Reference, site: RuleSite, version: IpVersion): string {
  const found = resolveSet(site, reference);
  if (!found) throw new NotWritten(`no set ${reference.name} in that scope`);
  const owner = found.owner === "guest" ? site.guestId : CLUSTER;
  if (owner === undefined) throw new TypeError("a guest's set, and no guest");
  return setName(owner, found.set.name, version);
}

/** A single port before a multiport, whose options iptables takes an unknown `--sport` for. */
function protocolMatches(proto: string, { port, sport, icmpType }: Fields): readonly string[] {
  const ports = [portMatch("dport", proto, port), portMatch("sport", proto, sport)];
  return [
    icmpType === undefined ? "" : icmpMatch(proto, icmpType),
    ...ports.toSorted((a, b) => Number(a.includes("multiport")) - Number(b.includes("multiport"))),
  ];
}

/** With icmp by name, `-dport` carries the type. Elsewhere a port of `0` is left out, where the protocol has ports. */
function portMatch(option: "dport" | "sport", proto: string, ports: string | undefined): string {
  if (ports === undefined || (option === "sport" && ports === "0")) return "";
  if (option === "dport" && (proto === "icmp" || proto === "icmpv6")) return icmpPort(proto, ports);
  if (!WITH_PORTS.has(proto)) throw new NotWritten(`the protocol ${proto} has no ports`);
  if (ports === "0") return "";
  const numbers = ports
    .split(",")
    .map((part) => servicePort(part) ?? part)
    .join(",");
  return numbers.includes(",") ? `-m multiport --${option}s ${numbers}` : `--${option} ${numbers}`;
}

function icmpPort(proto: "icmp" | "icmpv6", type: string): string {
  const family = proto === "icmp" ? 4 : 6;
  const isNumber = /^\d+$/.test(type) && Number(type) <= 255;
  const isAny = family === 4 && type === "any";
  if (!isNumber && !isAny && !icmpKind(type, family)) throw new NotWritten(`no ICMP type ${type}`);
  return icmpMatch(proto, type);
}

function icmpMatch(proto: string, type: string): string {
  if (proto === "icmp") return `-m icmp --icmp-type ${type}`;
  if (proto === "icmpv6" || proto === "ipv6-icmp") return `-m icmp6 --icmpv6-type ${type}`;
  throw new NotWritten(`the protocol ${proto} has no ICMP types`);
}
