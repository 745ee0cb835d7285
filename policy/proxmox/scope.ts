import type { Alias, Definitions, FileKind, IpSet } from "./file.ts";

/** Where a rule stands, and what it can name there: its guest's definitions before the cluster's. */
export interface RuleScope {
  readonly place: FileKind | "group";
  readonly dc: Definitions;
  readonly guest?: Definitions;
}

/** A reference to a set or an alias: `+dc/management`, `guest/web`; the name of an alias lower case, a set's as written. */
export interface Reference {
  readonly kind: "set" | "alias";
  readonly from?: "dc" | "guest" | "sdn";
  readonly name: string;
}

const NAME = "[A-Za-z][A-Za-z0-9_-]+";
const SET = new RegExp(`^\\+(?:(dc|guest|sdn)/)?(${NAME})$`);
const ALIAS = new RegExp(`^(?:(dc|guest)/)?(${NAME})$`);

/** What a rule's address refers to; undefined where it is no reference. */
export function parseReference(text: string): Reference | undefined {
  const kind = text.startsWith("+") ? "set" : "alias";
  const found = (kind === "set" ? SET : ALIAS).exec(text);
  const [, from, name = ""] = found ?? [];
  if (!found) return undefined;
  return {
    kind,
    ...(from === undefined ? {} : { from: from as "dc" | "guest" | "sdn" }),
    name: kind === "alias" ? name.toLowerCase() : name,
  };
}

/** Whether the check on reading is content: any definition of that name, whatever scope the reference asks for. */
export function isDefined({ dc, guest }: RuleScope, { kind, name }: Reference): boolean {
  const of = (definitions: Definitions | undefined) =>
    kind === "set" ? definitions?.sets.has(name) : definitions?.aliases.has(name);
  return of(guest) === true || of(dc) === true;
}

/** The alias that the compiler takes; undefined where its scope has none of that name. */
export function resolveAlias(scope: RuleScope, { from, name }: Reference): Alias | undefined {
  const own = from === "dc" ? undefined : scope.guest?.aliases.get(name);
  return own ?? (from === "guest" ? undefined : scope.dc.aliases.get(name));
}

/** The set that the compiler takes, and whose file defines it; undefined where its scope has none of that name. */
export function resolveSet(
  scope: RuleScope,
  { from, name }: Reference,
): { readonly owner: "dc" | "guest"; readonly set: IpSet } | undefined {
  const own = from === undefined || from === "guest" ? scope.guest?.sets.get(name) : undefined;
  if (own) return { owner: "guest", set: own };
  const shared = from === undefined || from === "dc" ? scope.dc.sets.get(name) : undefined;
  return shared && { owner: "dc", set: shared };
}
