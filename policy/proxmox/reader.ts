import type { Position } from "../estate.ts";
import {
  type Alias,
  type Definitions,
  emptyFile,
  type FileKind,
  type FirewallFile,
  type FirewallRule,
  type Group,
  type IgnoredLine,
  type IpSet,
  type Option,
  type SetEntry,
} from "./file.ts";
import { ignoredLine, type Line } from "./line.ts";
import { ruleFault } from "./rule-parse.ts";
import type { RuleScope } from "./scope.ts";

interface Placed {
  readonly position: Position;
}

/** What a line came to, and its text, should a later line take it back. */
export interface Kept<T extends Placed> {
  readonly text: string;
  readonly value: T;
}

/** A set or a group while it is read. */
export interface Named<T extends Placed> {
  readonly name: string;
  readonly comment?: string;
  readonly header: Kept<Placed>;
  readonly items: Kept<T>[];
}

/** Where the next line belongs; `pointer` is what positions show of it. */
type Section = { readonly pointer: string } & (
  | { readonly section: "none"; readonly reason: string }
  | { readonly section: "options" | "aliases" | "rules" }
  | { readonly section: "ipset"; readonly set: Named<SetEntry>; readonly taken: Set<string> }
  | { readonly section: "group"; readonly group: Named<FirewallRule> }
);

/** A file as far as it is read. */
export interface Reader {
  readonly kind: FileKind;
  readonly name: string;
  /** Whole already. */
  readonly dc: Definitions;
  /** What is defined up to here. Sets have no entries in it: no check on reading looks at them. */
  readonly defined: { readonly aliases: Map<string, Alias>; readonly sets: Map<string, IpSet> };
  readonly options: Map<string, Kept<Option>>;
  readonly aliases: Map<string, Kept<Alias>>;
  readonly sets: Map<string, Named<SetEntry>>;
  readonly groups: Map<string, Named<FirewallRule>>;
  rules: Kept<FirewallRule>[];
  readonly ignored: IgnoredLine[];
  section: Section;
  /** An alias changed its family: a rule above it may have lost its meaning. */
  isFamilyChanged: boolean;
}

export function readerOf(kind: FileKind, name: string, dc: Definitions): Reader {
  const hollow = [...dc.sets].map(([key, set]) => [key, { ...set, entries: [] }] as const);
  return {
    kind,
    name,
    dc: { aliases: dc.aliases, sets: new Map(hollow) },
    defined: { aliases: new Map(), sets: new Map() },
    options: new Map(),
    aliases: new Map(),
    sets: new Map(),
    groups: new Map(),
    rules: [],
    ignored: [],
    section: { section: "none", pointer: "", reason: "no section stands above it" },
    isFamilyChanged: false,
  };
}

export function positionOf({ name, section }: Reader, { number, column }: Line): Position {
  return { file: name, line: number, column, pointer: section.pointer };
}

/** What a rule of this section can name up to here. */
export function scopeOf({ kind, defined, dc }: Reader, isGroup: boolean): RuleScope {
  if (kind === "cluster") return { place: isGroup ? "group" : kind, dc: defined };
  return kind === "host" ? { place: kind, dc } : { place: kind, dc, guest: defined };
}

/** Puts a value under its key; an earlier one is gone. */
export function put<T extends Placed>(reader: Reader, all: Map<string, Kept<T>>, key: string, kept: Kept<T>) {
  const earlier = all.get(key);
  if (earlier) forget(reader, [earlier], `${key} stands again on line ${kept.value.position.line}`);
  all.set(key, kept);
}

export function forget({ ignored }: Reader, lost: readonly Kept<Placed>[], reason: string): void {
  for (const { text, value } of lost) ignored.push(ignoredLine(text, reason, value.position));
}

/** What the reader kept, once the last line is read. */
export function fileOf(reader: Reader): FirewallFile {
  if (reader.isFamilyChanged) recheck(reader);
  const { kind, name, options, aliases, sets, groups, rules, ignored } = reader;
  return {
    ...emptyFile(kind, { file: name, line: 1, column: 1, pointer: "" }),
    options: valuesOf(options),
    aliases: valuesOf(aliases),
    sets: mapValues(sets, (set): IpSet => ({ ...nounOf(set), entries: set.items.map(({ value }) => value) })),
    groups: mapValues(groups, (group): Group => ({ ...nounOf(group), rules: groupRules(group) })),
    rules: rules.map(({ value }) => value),
    ignored: ignored.sort((a, b) => a.position.line - b.position.line),
  };
}

/**
 * Proxmox fixes a rule's family as it reads it. An alias that becomes another family's below it leaves a rule that the
 * kernel's tools refuse: here it has no effect.
 */
function recheck(reader: Reader): void {
  const reread = (kept: Kept<FirewallRule>, isGroup: boolean) => {
    const reason = ruleFault(kept.value, scopeOf(reader, isGroup));
    if (reason !== undefined) forget(reader, [kept], `by an alias further down: ${reason}`);
    return reason === undefined;
  };
  reader.rules = reader.rules.filter((kept) => reread(kept, false));
  for (const { items } of reader.groups.values())
    items.splice(0, items.length, ...items.filter((kept) => reread(kept, true)));
}

function nounOf({ name, comment, header }: Named<Placed>) {
  return { name, ...(comment === undefined ? {} : { comment }), position: header.value.position };
}

/** `readRule` refused a group in a group. */
function groupRules({ items }: Named<FirewallRule>): Group["rules"] {
  return items.flatMap(({ value }) => (value.type === "group" ? [] : [value]));
}

function valuesOf<T extends Placed>(all: ReadonlyMap<string, Kept<T>>): ReadonlyMap<string, T> {
  return mapValues(all, ({ value }) => value);
}

function mapValues<T, U>(all: ReadonlyMap<string, T>, change: (value: T) => U): ReadonlyMap<string, U> {
  return new Map([...all].map(([key, value]) => [key, change(value)]));
}
