import type { Rule } from "./estate.ts";
import { type Family, type IpSpan, parseSpan, parseSpanRange } from "./ip.ts";
import { macroMatches } from "./macros.ts";
import type { Match, PortSpan } from "./match.ts";
import { type IcmpKind, icmpKind, protocolNumber } from "./names.ts";
import { servicePort } from "./services.ts";

/** Where a rule stands: its `iface` is a bridge of the host, or `netN` of the guest. */
export type RuleScope = "host" | "guest";

/** What a rule says once its words are understood: one match an alternative, or why Proxmox leaves it without effect. */
export interface Reading {
  readonly matches: readonly Match[];
  readonly errors: readonly string[];
}

type Fields = Pick<Rule, "proto" | "source" | "dest" | "port" | "sport" | "iface" | "icmpType">;

const WITH_PORTS = new Set(["tcp", "6", "udp", "17", "sctp", "132", "dccp", "33", "udplite", "136"]);
const ICMP_FAMILY: Readonly<Record<string, Family>> = { icmp: 4, icmpv6: 6, "ipv6-icmp": 6 };
const MAX_PORTS = 15;

/**
 * Reads a rule as pve-firewall does. A rule with errors has no effect there (`pve-firewall.md` 2.6 and 2.7). The JSON
 * files define no alias and no ipset, so a rule that names one is such a rule.
 */
export function readRule(rule: Rule, scope: RuleScope): Reading {
  const errors: string[] = [];
  const matches = alternatives(rule, errors).map((fields) => matchOf(fields, scope, errors));
  return errors.length > 0 ? { matches: [], errors: [...new Set(errors)] } : { matches, errors };
}

/** The rule as a line of a Proxmox rule file: `IN ACCEPT -p tcp -source 10.0.0.12 -dport 8000`. */
export function ruleLine(rule: Rule): string {
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
  return `${rule.enabled ? "" : "|"}${[rule.type.toUpperCase(), action, ...options].join(" ")}`;
}

function alternatives(rule: Rule, errors: string[]): readonly Fields[] {
  if (rule.macro === undefined) return [rule];
  if (rule.proto === undefined && (present(rule.port) || present(rule.sport))) errors.push(PORT_ALONE);
  const macro = macroMatches(rule.macro);
  if (!macro) errors.push(`unknown macro ${rule.macro}`);
  return (macro ?? []).flatMap((fixed) => withFamilies(fixed)).map((fixed) => combine(rule, fixed, errors));
}

const PORT_ALONE = "a port needs a protocol: tcp, udp, sctp, dccp or udplite";

/** Ping and Trcrt ask for echo-request in both families. */
function withFamilies(fixed: Fields): readonly Fields[] {
  return fixed.proto === "icmp" ? [fixed, { ...fixed, proto: "icmpv6" }] : [fixed];
}

function combine(rule: Rule, fixed: Fields, errors: string[]): Fields {
  for (const key of ["proto", "port", "sport", "icmpType"] as const) {
    const own = rule[key];
    if (own !== undefined && fixed[key] !== undefined && own !== fixed[key])
      errors.push(`${key} ${own} contradicts the macro's ${fixed[key]}`);
  }
  return { ...rule, ...fixed };
}

function matchOf(fields: Fields, scope: RuleScope, errors: string[]): Match {
  const sources = addresses(fields.source, "source", errors);
  const dests = addresses(fields.dest, "dest", errors);
  const family = oneFamily([...(sources ?? []), ...(dests ?? [])], fields.proto, errors);
  return compact({
    family,
    proto: protocol(fields.proto, errors),
    sources,
    dests,
    sports: ports(fields.sport, "sport", fields.proto, errors),
    device: device(fields.iface, scope, errors),
    ...(fields.proto !== undefined && isIcmp(fields.proto)
      ? icmp(fields, errors)
      : withPorts(fields, errors)),
  });
}

/** `0` and `ip` are any protocol; `all` is refused. */
function protocol(text: string | undefined, errors: string[]): number | undefined {
  if (!present(text) || text === "ip") return undefined;
  const number = protocolNumber(text);
  if (number === undefined) errors.push(`unknown protocol ${text}`);
  return number;
}

function addresses(text: string | undefined, field: string, errors: string[]): readonly IpSpan[] | undefined {
  if (text === undefined) return undefined;
  const range = parseSpanRange(text);
  const spans = range ? [range] : text.split(",").map((part) => parseSpan(part));
  const known = spans.filter((span) => span !== undefined);
  if (known.length < spans.length)
    errors.push(`${field} ${text} is no address, network without host bits, range, or list of these`);
  return known;
}

function oneFamily(
  spans: readonly IpSpan[],
  proto: string | undefined,
  errors: string[],
): Family | undefined {
  const icmpFamily = proto === undefined ? undefined : ICMP_FAMILY[proto];
  const families = new Set([...spans.map((span) => span.family), ...(icmpFamily ? [icmpFamily] : [])]);
  if (families.size > 1) errors.push("IPv4 and IPv6 in one rule");
  return [...families][0];
}

/** `iface` of a guest's rule must be `netN`, and only net0 exists: another one compiles to nothing. */
function device(iface: string | undefined, scope: RuleScope, errors: string[]): string | undefined {
  if (iface === undefined || (scope === "guest" && iface === "net0")) return undefined;
  const form = scope === "guest" ? /^net\d+$/ : /^[a-zA-Z][a-zA-Z0-9_]{1,20}([:.]\d+)?$/;
  if (!form.test(iface)) errors.push(`iface ${iface} is no ${scope === "guest" ? "netN" : "interface"}`);
  return iface;
}

/** Perl's truth: an option that is `0` counts as absent (trap 3: `-dport 0` is any port). */
function present(text: string | undefined): text is string {
  return text !== undefined && text !== "0" && text !== "";
}

function withPorts(fields: Fields, errors: string[]): Partial<Match> {
  if (present(fields.icmpType)) errors.push("icmp-type needs the protocol icmp or ipv6-icmp");
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

/** With icmp by name, `port` may carry the type too, as a name or a number; 255 and `any` are every type (IPv4). */
function icmp(fields: Fields, errors: string[]): Partial<Match> {
  const family = ICMP_FAMILY[fields.proto ?? ""] ?? 4;
  if (present(fields.icmpType) && present(fields.port)) errors.push("icmp-type and port exclude each other");
  const name = present(fields.icmpType) ? fields.icmpType : fields.port;
  if (!present(name) || (family === 4 && name === "any")) return {};
  const kind = icmpKind(name, family) ?? numericKind(name, fields);
  if (!kind) errors.push(`unknown ICMP type ${name}`);
  if (!kind || (family === 4 && kind.type === 255)) return {};
  return compact({ icmpTypes: [kind.type], icmpCode: kind.code });
}

function numericKind(text: string, fields: Fields): IcmpKind | undefined {
  const allowed = !present(fields.icmpType) && /^\d{1,3}$/.test(text) && Number(text) <= 255;
  return allowed ? { type: Number(text) } : undefined;
}

type Given<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Without the keys whose value is undefined. */
function compact<T extends object>(value: T): Given<T> {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as Given<T>;
}
