import type { JSONPath } from "jsonc-parser";
import type { Firewall, Rule } from "./estate.ts";
import type { GuestFirewall, HostFirewall, PhoenixRule } from "./phoenix/rule.ts";
import { nodeAt, positionOf, type Source } from "./source.ts";

/** The host's firewall; where the files have none it is off, as Proxmox has it. */
export function hostFirewallOf(source: Source, declared: HostFirewall | undefined, path: JSONPath): Firewall {
  const rules = declared?.global_firewall_rules ?? [];
  return firewallOf(source, declared ?? {}, path, rules, "global_firewall_rules");
}

export function guestFirewallOf(source: Source, declared: GuestFirewall, path: JSONPath): Firewall {
  return firewallOf(source, declared, path, declared.rules ?? [], "rules");
}

function firewallOf(
  source: Source,
  declared: Pick<GuestFirewall, "enabled" | "default_input_policy" | "default_output_policy">,
  path: JSONPath,
  rules: readonly PhoenixRule[],
  rulesKey: string,
): Firewall {
  return {
    enabled: declared.enabled ?? false,
    policyIn: declared.default_input_policy ?? "DROP",
    policyOut: declared.default_output_policy ?? "ACCEPT",
    rules: rules.map((rule, index) => ruleOf(source, rule, [...path, rulesKey, index])),
    keys: keysOf(source, path),
    position: positionOf(source, path),
  };
}

function keysOf(source: Source, path: JSONPath): NonNullable<Firewall["keys"]> {
  const at = (key: string) =>
    nodeAt(source, [...path, key]) ? positionOf(source, [...path, key]) : undefined;
  const [enabled, policyIn, policyOut] = ["enabled", "default_input_policy", "default_output_policy"].map(at);
  return { ...(enabled && { enabled }), ...(policyIn && { policyIn }), ...(policyOut && { policyOut }) };
}

/** Empty values are absent: Phoenix's own generator leaves them out of the line. */
function ruleOf(source: Source, rule: PhoenixRule, path: JSONPath): Rule {
  return {
    type: rule.type,
    action: rule.action,
    enabled: rule.enable ?? true,
    ...(rule.proto && { proto: rule.proto }),
    ...(rule.source && { source: rule.source }),
    ...(rule.dest && { dest: rule.dest }),
    ...(rule.port && { port: rule.port }),
    ...(rule.sport && { sport: rule.sport }),
    ...(rule.iface && { iface: rule.iface }),
    ...(rule.macro && { macro: rule.macro }),
    ...(rule.icmp_type && { icmpType: rule.icmp_type }),
    ...(rule.log && { log: rule.log }),
    ...(rule.comment && { comment: rule.comment }),
    position: positionOf(source, path),
  };
}
