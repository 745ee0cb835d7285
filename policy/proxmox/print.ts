import { ruleLine } from "../rule-line.ts";
import type { Alias, FirewallFile, FirewallRule, Group, IpSet, SetEntry } from "./file.ts";
import { trimSpace } from "./line.ts";

/**
 * The .fw file that says this and nothing more, in Proxmox's own order: aliases and sets stand before the rules that name
 * them, since names are checked from top to bottom. What Proxmox ignored is left out.
 */
export function printFirewallFile({ options, aliases, sets, groups, rules }: FirewallFile): string {
  const sections = [
    section(
      "[OPTIONS]",
      [...options].map(([key, { value }]) => `${key}: ${value}`.trimEnd()),
    ),
    section("[ALIASES]", [...aliases.values()].map(aliasLine)),
    ...[...sets.values()].map(setSection),
    ...[...groups.values()].map(groupSection),
    section("[RULES]", rules.map(lineOf)),
  ];
  return sections.filter((text) => text !== "").join("\n");
}

function section(header: string, lines: readonly string[]): string {
  return lines.length > 0 ? [header, "", ...lines, ""].join("\n") : "";
}

/** An empty set is something: a rule may name it. */
function setSection({ name, comment, entries }: IpSet): string {
  return [commented(`[IPSET ${name}]`, comment), "", ...entries.map(entryLine), ""].join("\n");
}

function groupSection({ name, comment, rules }: Group): string {
  return [commented(`[group ${name}]`, comment), "", ...rules.map(lineOf), ""].join("\n");
}

function aliasLine({ name, cidr, comment }: Alias): string {
  return commented(`${name} ${cidr}`, comment);
}

function entryLine({ address, nomatch, comment }: SetEntry): string {
  return commented(`${nomatch ? "!" : ""}${address}`, comment);
}

function lineOf(rule: FirewallRule): string {
  return commented(ruleLine(rule), rule.comment);
}

/** A comment of a JSON declaration may have line ends. */
function commented(line: string, comment = ""): string {
  const text = trimSpace(comment.replaceAll("\n", " "));
  return text === "" ? line : `${line} # ${text}`;
}
