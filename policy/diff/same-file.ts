import type { FirewallFile, FirewallRule } from "../proxmox/file.ts";

/**
 * Whether two guests' files surely do the same wherever they stand: their options and rules are the same, and no rule names
 * what is defined elsewhere. False says nothing.
 */
export function areSurelySame(base: FirewallFile | undefined, head: FirewallFile | undefined): boolean {
  if (!base || !head) return base === head;
  if (hasNames(base) || hasNames(head) || base.rules.length !== head.rules.length) return false;
  return haveSameOptions(base, head) && base.rules.every((rule, index) => isSame(rule, head.rules[index]));
}

function hasNames({ aliases, sets }: FirewallFile): boolean {
  return aliases.size > 0 || sets.size > 0;
}

function haveSameOptions({ options: base }: FirewallFile, { options: head }: FirewallFile): boolean {
  return base.size === head.size && [...base].every(([key, { value }]) => head.get(key)?.value === value);
}

function isSame(base: FirewallRule, head: FirewallRule | undefined): boolean {
  if (!head || base.type === "group" || head.type === "group") return false;
  if (isName(base.source) || isName(base.dest)) return false;
  return (
    base.type === head.type &&
    base.enabled === head.enabled &&
    base.action === head.action &&
    base.proto === head.proto &&
    base.source === head.source &&
    base.dest === head.dest &&
    base.port === head.port &&
    base.sport === head.sport &&
    base.macro === head.macro &&
    base.icmpType === head.icmpType &&
    base.iface === head.iface
  );
}

/** Addresses begin with a digit, or with a colon. */
function isName(end: string | undefined): boolean {
  return end !== undefined && !/^[\d:]/.test(end);
}
