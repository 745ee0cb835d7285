import type { Policy, Position, Rule } from "../estate.ts";
import { interfaceErrors, readRule } from "../rule.ts";
import type { FirewallRule, ForwardRule } from "./file.ts";
import { cutComment, lowerCase } from "./line.ts";
import type { RuleScope } from "./scope.ts";

/** Longer than any word that iptables could take; the API stops at 512. */
const LONGEST_WORD = 65_536;

type Field = "iface" | "proto" | "source" | "dest" | "port" | "sport" | "icmpType" | "log";

/** Each option with the one blank behind it. They are not words of their own: `-log info-p tcp` is two of them. */
const OPTIONS: readonly (readonly [Field, RegExp])[] = [
  ["iface", /-i ([^ \t\n\r\f\v]+)[ \t\n\r\f\v]*/y],
  ["proto", /(?:-p|--?proto) ([^ \t\n\r\f\v]+)[ \t\n\r\f\v]*/y],
  ["port", /--?dport ([^ \t\n\r\f\v]+)[ \t\n\r\f\v]*/y],
  ["sport", /--?sport ([^ \t\n\r\f\v]+)[ \t\n\r\f\v]*/y],
  ["source", /--?source ([^ \t\n\r\f\v]+)[ \t\n\r\f\v]*/y],
  ["dest", /--?dest ([^ \t\n\r\f\v]+)[ \t\n\r\f\v]*/y],
  ["log", /--?log (emerg|alert|crit|err|warning|notice|info|debug|nolog)[ \t\n\r\f\v]*/y],
  ["icmpType", /--?icmp-type ([^ \t\n\r\f\v]+)[ \t\n\r\f\v]*/y],
];
const HEAD = /^([^ \t\n\r\f\v]+)[ \t\n\r\f\v]+([^ \t\n\r\f\v]+)[ \t\n\r\f\v]*/;
const NEEDS_ONE_SPACE =
  /^(?:-i|-p|--?(?:proto|dport|sport|source|dest|log|icmp-type))(?:[\t\n\r\f\v]| [ \t\n\r\f\v]|$)/;

type Fields = Partial<Record<Field, string>>;

/**
 * A line of `[RULES]` or of a group, or why Proxmox passes it over. Aliases and sets must be in `scope` already: names
 * are checked while the file is read.
 */
export function parseRule(
  text: string,
  position: Position,
  scope: RuleScope,
): FirewallRule | { readonly reason: string } {
  const { body, comment } = cutComment(text);
  const enabled = !body.startsWith("|");
  const line = enabled ? body : body.slice(1);
  const [head, type = "", action = ""] = HEAD.exec(line) ?? [];
  if (head === undefined) return { reason: parseFault(line, enabled) };
  const fields = parseOptions(line, head.length, lowerCase(type) === "group");
  if (typeof fields === "string") return { reason: fields };
  if (type.length > LONGEST_WORD || action.length > LONGEST_WORD) return { reason: TOO_LONG };
  const common = { enabled, ...(comment === undefined ? {} : { comment }), position };
  const rule = ruleOf(lowerCase(type), action, fields, common);
  if (typeof rule === "string") return { reason: rule };
  const reason = ruleFault(rule, scope);
  return reason === undefined ? rule : { reason };
}

/** Why a rule whose words are known has no effect in that scope; undefined where it has one. */
export function ruleFault(rule: FirewallRule, scope: RuleScope): string | undefined {
  const errors = rule.type === "group" ? groupErrors(rule.iface, scope) : readRule(rule, scope).errors;
  return errors.length > 0 ? errors.join("; ") : undefined;
}

const TOO_LONG = `a word of more than ${LONGEST_WORD} characters`;

function parseFault(line: string, enabled: boolean): string {
  if (enabled) return "a rule has a type and an action";
  return /^[ \t]/.test(line)
    ? "`|` must touch the type: with a blank behind it the line is no rule"
    : "a rule has a type and an action behind the `|`";
}

function parseOptions(line: string, start: number, isGroup: boolean): Fields | string {
  const fields: Fields = {};
  const known = isGroup ? OPTIONS.slice(0, 1) : OPTIONS;
  for (let at = start; at < line.length; ) {
    const found = optionAt(line, at, known);
    if (!found) return leftover(line.slice(at, at + 80), isGroup);
    if (found.value.length > LONGEST_WORD) return TOO_LONG;
    fields[found.field] = found.value;
    at = found.end;
  }
  return fields;
}

function optionAt(line: string, at: number, known: typeof OPTIONS) {
  for (const [field, pattern] of known) {
    pattern.lastIndex = at;
    const value = pattern.exec(line)?.[1];
    if (value !== undefined) return { field, value, end: pattern.lastIndex };
  }
  return undefined;
}

function leftover(text: string, isGroup: boolean): string {
  if (isGroup) return `behind a group's name only \`-i INTERFACE\` may follow, not ${text}`;
  if (NEEDS_ONE_SPACE.test(text)) return `exactly one space stands between an option and its value: ${text}`;
  return `unknown from here on: ${text}`;
}

type Common = Pick<Rule, "enabled" | "comment" | "position">;

function ruleOf(type: string, action: string, fields: Fields, common: Common): FirewallRule | string {
  const iface = fields.iface === "0" ? {} : fields.iface === undefined ? {} : { iface: fields.iface };
  if (type === "group") {
    if (!/^[A-Za-z][A-Za-z0-9_-]+$/.test(action)) return `${action} is no name of a group`;
    return { type, group: action, ...iface, ...common };
  }
  if (type !== "in" && type !== "out" && type !== "forward") return `unknown type of rule ${type}`;
  const verdict = verdictOf(action);
  if (typeof verdict === "string") return verdict;
  const rule: Rule | ForwardRule = { type, ...verdict, ...withoutAbsent(fields), ...common };
  return rule;
}

const POLICIES: readonly Policy[] = ["ACCEPT", "DROP", "REJECT"];

function verdictOf(action: string): Pick<Rule, "action" | "macro"> | string {
  for (const policy of POLICIES) {
    if (action === policy) return { action: policy };
    const end = `(${policy})`;
    if (!action.endsWith(end) || action === end) continue;
    const macro = action.slice(0, -end.length);
    // biome-ignore lint: control characters are part of a name's bytes
    return /^[\x20-\x7e]+$/.test(macro) ? { action: policy, macro } : `unknown macro ${macro}`;
  }
  const hint = action.toUpperCase() === "DENY" ? ": the word is DROP" : "";
  return `unknown action ${action}${hint || ": ACCEPT, DROP, REJECT or MACRO(ACCEPT), in upper case"}`;
}

/** A `0` is false in Perl: such an interface or address is none. (`0` as a port stays: it is worth a remark.) */
function withoutAbsent(fields: Fields): Fields {
  const kept = Object.entries(fields).filter(
    ([field, value]) => value !== "0" || !["iface", "source", "dest"].includes(field),
  );
  return Object.fromEntries(kept);
}

function groupErrors(iface: string | undefined, { place }: RuleScope): readonly string[] {
  if (place === "group") return ["a group may not use a group"];
  return iface === undefined ? [] : interfaceErrors(iface, place);
}
