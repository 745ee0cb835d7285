import type { FirewallRule } from "./proxmox/file.ts";

/** The rule as a line of a Proxmox rule file, without its comment: `IN ACCEPT -p tcp -source 10.0.0.12 -dport 8000`. */
export function ruleLine(rule: FirewallRule): string {
  const start = rule.enabled ? "" : "|";
  if (rule.type === "group")
    return `${start}GROUP ${rule.group}${rule.iface === undefined ? "" : ` -i ${rule.iface}`}`;
  const action = rule.macro === undefined ? rule.action : `${rule.macro}(${rule.action})`;
  const options = [
    ["-i", rule.iface],
    ["-p", rule.proto],
    ["-source", rule.source],
    ["-dest", rule.dest],
    ["-dport", rule.port],
    ["-sport", rule.sport],
    ["-icmp-type", rule.icmpType],
    ["-log", rule.log],
  ].flatMap(([option, value]) => (value === undefined ? [] : [`${option} ${value}`]));
  return `${start}${[rule.type.toUpperCase(), action, ...options].join(" ")}`;
}
