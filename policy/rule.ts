import type { Rule } from "./estate.ts";
import type { Family } from "./ip.ts";
import { macroMatches } from "./macros.ts";
import type { Match, PortSpan } from "./match.ts";
import { type IcmpKind, icmpKind, protocolNumber } from "./names.ts";
import type { ForwardRule } from "./proxmox/file.ts";
import type { RuleScope } from "./proxmox/scope.ts";
import { MIXED_FAMILIES, type Problems, ruleEnd } from "./rule-end.ts";
import { servicePort } from "./services.ts";

/**
 * What a rule says once its words are understood: one match an alternative, or why it has none. Proxmox checks a rule when
 * it reads it (`errors`: the rule is without effect), and again when it writes the rules of one family (`failure`).
 */
export interface Reading {
  readonly matches: readonly Match[];
  readonly errors: readonly string[];
  /** What no check on reading sees: alone the rule is lost, in a group also what comes after it (trap 1). */
  readonly failure?: { readonly reason: string; readonly family?: Family };
}

type Fields = Pick<Rule, "proto" | "source" | "dest" | "port" | "sport" | "iface" | "icmpType">;

const WITH_PORTS = new Set(["tcp", "6", "udp", "17", "sctp", "132", "dccp", "33", "udplite", "136"]);
const ICMP_FAMILY: Readonly<Record<string, Family>> = { icmp: 4, icmpv6: 6, "ipv6-icmp": 6 };
const MAX_PORTS = 15;
/** Only these: the line of another is no rule. */
const LOG_LEVELS = new Set("emerg alert crit err warning notice info debug nolog".split(" "));

const READ = new WeakMap<object, { readonly place: RuleScope["place"]; readonly reading: Reading }>();
/** Ends that no definition of a scope can change: names begin with a letter, uses of sets with a plus sign. */
const LITERAL = /^[\d.,/-]*$/;

/**
 * Reads a rule as pve-firewall does (`pve-firewall.md` 2.6 and 2.7). Proofs and lints read each more than once: what names
 * nothing is read anew for another kind of place only.
 */
export function readRule(rule: Rule | ForwardRule, scope: RuleScope): Reading {
  if (!LITERAL.test(rule.source ?? "") || !LITERAL.test(rule.dest ?? "")) return read(rule, scope);
  const known = READ.get(rule);
  if (known?.place === scope.place) return known.reading;
  const reading = read(rule, scope);
  READ.set(rule, { place: scope.place, reading });
  return reading;
}

function read(rule: Rule | ForwardRule, scope: RuleScope): Reading {
  const problems: Problems = { errors: [], failures: [] };
  const { errors, failures } = problems;
  if (scope.place === "guest" && rule.type === "forward") errors.push("a guest has no forward rules");
  if (rule.iface !== undefined) errors.push(...interfaceErrors(rule.iface, scope.place));
  if (rule.log !== undefined && !LOG_LEVELS.has(rule.log)) errors.push(`unknown log level ${rule.log}`);
  const own = matchOf(rule, undefined, scope, problems);
  // Of a macro only its alternatives are written.
  if (rule.macro !== undefined) failures.length = 0;
  const matches = rule.macro === undefined ? [own] : macroOf(rule, own.family, scope, problems);
  if (errors.length > 0) return { matches: [], errors: [...new Set(errors)] };
  const [reason] = failures;
  if (reason === undefined) return { matches, errors };
  const [family, ...others] = new Set(matches.map((match) => match.family));
  const isOne = family !== undefined && others.length === 0;
  return { matches: [], errors, failure: { reason, ...(isOne ? { family } : {}) } };
}

/** What is wrong with the interface of a rule or of a group's use: `netN` in a guest's file, none inside a group. */
export function interfaceErrors(iface: string, place: RuleScope["place"]): readonly string[] {
  if (place === "group") return ["no interface may be named inside a group"];
  const form = place === "guest" ? /^net\d+$/ : /^[a-zA-Z][a-zA-Z0-9_]{1,20}([:.]\d+)?$/;
  return form.test(iface) ? [] : [`iface ${iface} is no ${place === "guest" ? "netN" : "interface"}`];
}

/** The macro's alternatives with the rule's own words, which were read before: an error in them ends it here. */
function macroOf(
  rule: Rule | ForwardRule,
  family: Family | undefined,
  scope: RuleScope,
  problems: Problems,
): readonly Match[] {
  const { errors } = problems;
  const macro = macroMatches(rule.macro ?? "");
  if (!macro) errors.push(`unknown macro ${rule.macro}`);
  if (!macro || errors.length > 0) return [];
  return macro
    .flatMap((fixed) => inFamilies(rule.macro ?? "", fixed, family))
    .map((fixed) => matchOf(combine(rule, fixed, errors), fixed.family, scope, problems));
}

const PORT_ALONE = "a port needs a protocol: tcp, udp, sctp, dccp or udplite";
const ONLY_IPV6 = new Set(["neighbordiscovery", "dhcpv6"]);

/**
 * Ping and Trcrt ask for echo-request in the family's own words; NeighborDiscovery and DHCPv6 have nothing in IPv4. The
 * family is the rule's own: without one, both.
 */
function inFamilies(
  macro: string,
  fixed: Fields,
  family: Family | undefined,
): readonly (Fields & { readonly family?: Family })[] {
  if (ONLY_IPV6.has(macro.toLowerCase())) return family === 4 ? [] : [{ ...fixed, family: 6 }];
  if (fixed.proto !== "icmp") return [fixed];
  const both = [fixed, { ...fixed, proto: "icmpv6" }] as const;
  return family === undefined ? both : [family === 4 ? both[0] : both[1]];
}

function combine(rule: Rule | ForwardRule, fixed: Fields, errors: string[]): Fields {
  for (const key of ["proto", "port", "sport", "icmpType"] as const) {
    const own = rule[key];
    if (own !== undefined && fixed[key] !== undefined && own !== fixed[key])
      errors.push(`${key} ${own} contradicts the macro's ${fixed[key]}`);
  }
  return { ...rule, ...fixed };
}

function matchOf(fields: Fields, fixed: Family | undefined, scope: RuleScope, problems: Problems): Match {
  const { errors } = problems;
  const source = ruleEnd(fields.source, "source", scope, problems);
  const dest = ruleEnd(fields.dest, "dest", scope, problems);
  return compact({
    family: oneFamily([source.family, dest.family, fixed], fields.proto, errors),
    proto: protocol(fields.proto, errors),
    sources: source.spans,
    dests: dest.spans,
    sourceSet: source.set,
    destSet: dest.set,
    sports: ports(fields.sport, "sport", fields.proto, errors),
    device: scope.place === "guest" ? undefined : fields.iface,
    ...(fields.proto !== undefined && isIcmp(fields.proto)
      ? icmp(fields, problems)
      : withPorts(fields, problems)),
  });
}

/** `0` and `ip` are any protocol; `all` is refused. */
function protocol(text: string | undefined, errors: string[]): number | undefined {
  if (!present(text) || text === "ip") return undefined;
  const number = protocolNumber(text);
  if (number === undefined) errors.push(`unknown protocol ${text}`);
  return number;
}

function oneFamily(
  ends: readonly (Family | undefined)[],
  proto: string | undefined,
  errors: string[],
): Family | undefined {
  const icmpFamily = proto === undefined ? undefined : ICMP_FAMILY[proto];
  const families = new Set([...ends, icmpFamily].filter((family) => family !== undefined));
  if (families.size > 1) errors.push(MIXED_FAMILIES);
  return [...families][0];
}

/** Perl's truth: an option that is `0` counts as absent (trap 3: `-dport 0` is any port). */
function present(text: string | undefined): text is string {
  return text !== undefined && text !== "0" && text !== "";
}

/** What is `0` counts as absent on reading. Writing stumbles over it where the protocol has nothing of the kind. */
function withPorts(fields: Fields, { errors, failures }: Problems): Partial<Match> {
  const { proto, icmpType, port } = fields;
  if (present(icmpType)) errors.push("icmp-type needs the protocol icmp or ipv6-icmp");
  if (present(proto) && icmpType === "0") failures.push(`the protocol ${proto} has no ICMP types`);
  if (present(proto) && port === "0" && !WITH_PORTS.has(proto))
    failures.push(`the protocol ${proto} has no ports`);
  const dports = ports(fields.port, "port", fields.proto, errors);
  return dports ? { dports } : {};
}

function ports(
  text: string | undefined,
  field: string,
  proto: string | undefined,
  errors: string[],
): readonly PortSpan[] | undefined {
  if (!present(text)) return undefined;
  if (proto === undefined || !WITH_PORTS.has(proto)) errors.push(PORT_ALONE);
  const spans = text.split(",").map((part) => portSpan(part));
  const known = spans.filter((span) => span !== undefined);
  const count = known.reduce((sum, { first, last }) => sum + (first === last ? 1 : 2), 0);
  if (known.length < spans.length)
    errors.push(`${field} ${text} is no port, range N:M, service, or list of these`);
  if (count > MAX_PORTS)
    errors.push(`${field} names ${count} ports, more than ${MAX_PORTS} (a range counts two)`);
  return known;
}

/** Whether Proxmox can read it where a protocol has ports; `0` is absent there, so it can. */
export function arePorts(text: string): boolean {
  return !present(text) || text.split(",").every((part) => portSpan(part) !== undefined);
}

/** A name of ICMP frees `port` for an ICMP type. */
export function isIcmp(proto: string): boolean {
  return Object.hasOwn(ICMP_FAMILY, proto);
}

function portSpan(text: string): PortSpan | undefined {
  const numbers = /^(\d{1,5})(?::(\d{1,5}))?$/.exec(text);
  const first = numbers ? Number(numbers[1]) : servicePort(text);
  const last = numbers?.[2] === undefined ? first : Number(numbers[2]);
  if (first === undefined || last === undefined || first > last || last > 65535) return undefined;
  return { first, last };
}

/**
 * With icmp or icmpv6 by name, `port` may carry the type too, as a name or a number; 255 and `any` are every type (IPv4). On
 * reading it passes as a port or as an ICMP name of either family. Type 0 is one, though a port of `0` is none.
 */
function icmp(fields: Fields, { errors, failures }: Problems): Partial<Match> {
  const family = ICMP_FAMILY[fields.proto ?? ""] ?? 4;
  const byType = fields.icmpType !== undefined;
  if (present(fields.icmpType) && present(fields.port)) errors.push("icmp-type and port exclude each other");
  if (fields.port !== undefined && fields.proto === "ipv6-icmp")
    failures.push("the protocol ipv6-icmp has no ports");
  const name = byType ? fields.icmpType : fields.port;
  if (name === undefined || (family === 4 && name === "any")) return {};
  const kind = icmpKind(name, family) ?? numericKind(name, fields);
  if (!kind && byType) errors.push(`unknown ICMP type ${name}`);
  if (!kind && !byType) (passesAsPort(name) ? failures : errors).push(`unknown ICMP type ${name}`);
  if (!kind || (family === 4 && kind.type === 255)) return {};
  return compact({ icmpTypes: [kind.type], icmpCode: kind.code });
}

function passesAsPort(name: string): boolean {
  const isKind = name === "any" || icmpKind(name, 4) !== undefined || icmpKind(name, 6) !== undefined;
  return isKind || arePorts(name);
}

function numericKind(text: string, fields: Fields): IcmpKind | undefined {
  const allowed = !present(fields.icmpType) && /^\d{1,3}$/.test(text) && Number(text) <= 255;
  return allowed ? { type: Number(text) } : undefined;
}

type Given<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Without the keys whose value is undefined. */
function compact<T extends object>(value: T): Given<T> {
  const given: Partial<T> = {};
  for (const key of Object.keys(value) as (keyof T)[]) if (value[key] !== undefined) given[key] = value[key];
  return given as Given<T>;
}
