import { type AddressSet, addressSet, parseSetNetwork, type SetNetwork } from "./address-set.ts";
import { type Family, type IpSpan, parseSpan, parseSpanRange } from "./ip.ts";
import { type IpSet, NO_DEFINITIONS } from "./proxmox/file.ts";
import {
  isDefined,
  parseReference,
  type Reference,
  type RuleScope,
  resolveAlias,
  resolveSet,
} from "./proxmox/scope.ts";

/** What reading a rule found so far. */
export interface Problems {
  readonly errors: string[];
  readonly failures: string[];
}

export const MIXED_FAMILIES = "IPv4 and IPv6 in one rule";

/** One end's condition. */
interface RuleEnd {
  readonly family?: Family | undefined;
  readonly spans?: readonly IpSpan[] | undefined;
  readonly set?: AddressSet | undefined;
}

/** What a rule's `source` or `dest` says: addresses, an alias or a set; no condition where it is absent. */
export function ruleEnd(
  text: string | undefined,
  field: string,
  scope: RuleScope,
  problems: Problems,
): RuleEnd {
  if (text === undefined) return {};
  const reference = parseReference(text);
  if (!reference) return literal(text, field, problems.errors);
  if (!isDefined(scope, reference)) {
    problems.errors.push(`${field} ${text}: no such ${reference.kind === "set" ? "ipset" : "alias"}`);
    return {};
  }
  const found = reference.kind === "set" ? ofSet(reference, scope) : ofAlias(reference, scope);
  if (!found) problems.failures.push(`${field} ${text} is not defined in that scope`);
  return found ?? {};
}

function ofAlias(reference: Reference, scope: RuleScope): RuleEnd | undefined {
  const network = parseSetNetwork(resolveAlias(scope, reference)?.cidr ?? "");
  return network && { family: network.family, spans: [network] };
}

function ofSet(reference: Reference, scope: RuleScope): RuleEnd | undefined {
  const found = resolveSet(scope, reference);
  return (
    found && {
      set: resolvedSet(found.set, found.owner === "guest" ? scope : { ...scope, guest: NO_DEFINITIONS }),
    }
  );
}

/** The last reading of a set: a hundred thousand rules may name one of a thousand entries. */
const RESOLVED = new WeakMap<IpSet, Pick<RuleScope, "dc" | "guest"> & { readonly set: AddressSet }>();

/** A declared set with its aliases resolved; an entry whose alias its scope does not have is left out. */
export function resolvedSet(declared: IpSet, scope: RuleScope): AddressSet {
  const { dc, guest } = scope;
  const known = RESOLVED.get(declared);
  if (known && known.dc === dc && known.guest === guest) return known.set;
  const set = addressSet(
    declared.name,
    declared.entries.flatMap(({ address, nomatch }): readonly SetNetwork[] => {
      const reference = parseReference(address);
      const text = reference ? resolveAlias(scope, reference)?.cidr : address;
      const network = parseSetNetwork(text ?? "", nomatch);
      return network ? [network] : [];
    }),
  );
  RESOLVED.set(declared, { dc, ...(guest && { guest }), set });
  return set;
}

function literal(text: string, field: string, errors: string[]): RuleEnd {
  const range = text.includes("-") ? parseSpanRange(text) : undefined;
  const spans = range ? [range] : text.split(",").map((part) => parseSpan(part));
  const known = spans.filter((span) => span !== undefined);
  if (known.length < spans.length)
    errors.push(`${field} ${text} is no address, network without host bits, range, or list of these`);
  const families = new Set(known.map(({ family }) => family));
  if (families.size > 1) errors.push(MIXED_FAMILIES);
  return { family: known[0]?.family, spans: known };
}
