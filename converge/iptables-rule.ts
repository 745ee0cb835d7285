import type { Rule } from "../policy/estate.ts";
import { macroMatches } from "../policy/macros.ts";
import { NO_DEFINITIONS } from "../policy/proxmox/file.ts";
import { readRule } from "../policy/rule.ts";
import { servicePort } from "../policy/services.ts";

export type IpVersion = 4 | 6;

type Fields = Pick<Rule, "type" | "proto" | "source" | "dest" | "port" | "sport" | "iface" | "icmpType">;

/**
 * The iptables matches of a declared rule, one string an alternative, as pve-firewall's `ipt_rule_to_cmds` writes them.
 * Empty: the rule is disabled, in error, of the other family, or of another NIC. Addresses and ports go to the kernel's
 * own parser as they are written, not through the model's reading, so that the two can disagree.
 */
export function ruleMatches(rule: Rule, scope: "host" | "guest", version: IpVersion): readonly string[] {
  if (!rule.enabled || readRule(rule, { place: scope, dc: NO_DEFINITIONS }).errors.length > 0) return [];
  if (scope === "guest" && rule.iface !== undefined && rule.iface !== "net0") return [];
  const fields = rule.macro === undefined ? [rule] : fromMacro(rule, rule.macro, version);
  return fields
    .filter((each) => isOfVersion(each, version))
    .map((each) =>
      matchOf(each, scope)
        .filter((part) => part !== "")
        .join(" "),
    );
}

/** Ping and Trcrt ask for icmpv6 in the IPv6 half. */
function fromMacro(rule: Rule, macro: string, version: IpVersion): readonly Fields[] {
  return (macroMatches(macro) ?? []).map((fixed) => ({
    ...rule,
    ...fixed,
    ...(version === 6 && fixed.proto === "icmp" ? { proto: "icmpv6" } : {}),
  }));
}

/** ICMP by name and literal addresses fix a rule's family; all else is compiled for both. */
function isOfVersion({ proto, source, dest }: Fields, version: IpVersion): boolean {
  if (proto === "icmp" && version === 6) return false;
  if ((proto === "icmpv6" || proto === "ipv6-icmp") && version === 4) return false;
  return [source, dest].every(
    (address) => address === undefined || address.includes(":") === (version === 6),
  );
}

function matchOf(fields: Fields, scope: "host" | "guest"): readonly string[] {
  const { type, proto, source, dest, iface } = fields;
  return [
    scope === "host" && iface !== undefined ? `${type === "in" ? "-i" : "-o"} ${iface}` : "",
    addressMatch("src", source),
    addressMatch("dst", dest),
    ...(proto === undefined || proto === "0" ? [] : [`-p ${proto}`, ...protocolMatch(proto, fields)]),
  ];
}

function addressMatch(side: "src" | "dst", address: string | undefined): string {
  if (address === undefined) return "";
  return address.includes("-") ? `-m iprange --${side}-range ${address}` : `-${side.charAt(0)} ${address}`;
}

function protocolMatch(proto: string, { port, sport, icmpType }: Fields): readonly string[] {
  const type = given(icmpType) ?? given(port);
  if (proto === "icmp") return type === undefined ? [] : [`-m icmp --icmp-type ${type}`];
  if (proto === "icmpv6" || proto === "ipv6-icmp")
    return type === undefined ? [] : [`-m icmp6 --icmpv6-type ${type}`];
  return [portMatch("dport", given(port)), portMatch("sport", given(sport))];
}

/** Proxmox leaves a port of `0` out. */
function given(text: string | undefined): string | undefined {
  return text === "0" || text === "" ? undefined : text;
}

function portMatch(option: "dport" | "sport", ports: string | undefined): string {
  if (ports === undefined) return "";
  const numbers = ports
    .split(",")
    .map((part) => servicePort(part) ?? part)
    .join(",");
  return numbers.includes(",") ? `-m multiport --${option}s ${numbers}` : `--${option} ${numbers}`;
}
