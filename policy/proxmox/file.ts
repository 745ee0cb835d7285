import type { Position, Rule } from "../estate.ts";
import type { Family } from "../ip.ts";

export type FileKind = "cluster" | "host" | "guest";

/** An option as Proxmox accepted it. */
export interface Option {
  readonly value: string;
  readonly position: Position;
}

/** One address or network under a name. References may be in any case, keys of `aliases` are lower case. */
export interface Alias {
  /** As written. */
  readonly name: string;
  /** An address, or a CIDR with its host bits; `/32` and `/128` are dropped. */
  readonly cidr: string;
  readonly family: Family;
  readonly comment?: string;
  readonly position: Position;
}

export interface SetEntry {
  /** An address, a CIDR with its host bits as written, or an alias with or without `dc/` or `guest/`. */
  readonly address: string;
  /** `!`: where this is the longest prefix that holds an address, the set does not. */
  readonly nomatch: boolean;
  readonly comment?: string;
  readonly position: Position;
}

export interface IpSet {
  /** Lower case. */
  readonly name: string;
  readonly entries: readonly SetEntry[];
  readonly comment?: string;
  readonly position: Position;
}

/** A rule for what the host forwards. The classic firewall reads it and compiles nothing of it. */
export type ForwardRule = Omit<Rule, "type"> & { readonly type: "forward" };

/** `GROUP name`: the group's rules at this place; `iface` is a bridge of the host, or `netN` of the guest. */
export interface GroupUse {
  readonly type: "group";
  readonly group: string;
  readonly enabled: boolean;
  readonly iface?: string;
  readonly comment?: string;
  readonly position: Position;
}

export type FirewallRule = Rule | ForwardRule | GroupUse;

/** A security group of cluster.fw. */
export interface Group {
  /** Lower case. */
  readonly name: string;
  readonly rules: readonly (Rule | ForwardRule)[];
  readonly comment?: string;
  readonly position: Position;
}

/** A line that Proxmox leaves without effect. */
export interface IgnoredLine {
  /** Without blanks around it. */
  readonly text: string;
  /** Why, as pve-firewall has it. */
  readonly reason: string;
  readonly position: Position;
}

/**
 * What one .fw file says once Proxmox has read it (`pve-firewall.md` section 2): only what has an effect, or would have
 * one if it were enabled, used or forwarded. A missing or empty file has none of it.
 */
export interface FirewallFile {
  /** As in positions: `cluster.fw`, `101.fw`; of a JSON declaration its file. */
  readonly name: string;
  readonly kind: FileKind;
  /** By key, lower case. */
  readonly options: ReadonlyMap<string, Option>;
  /** By name, lower case. */
  readonly aliases: ReadonlyMap<string, Alias>;
  readonly sets: ReadonlyMap<string, IpSet>;
  readonly groups: ReadonlyMap<string, Group>;
  /** In order, disabled ones included. */
  readonly rules: readonly FirewallRule[];
  readonly ignored: readonly IgnoredLine[];
  /** The file's beginning, or the section of a JSON declaration. */
  readonly position: Position;
}

/** What a rule can name: aliases and sets of a file. */
export type Definitions = Pick<FirewallFile, "aliases" | "sets">;

export const NO_DEFINITIONS: Definitions = { aliases: new Map(), sets: new Map() };

/** A file that says nothing. */
export function emptyFile(kind: FileKind, position: Position): FirewallFile {
  return {
    name: position.file,
    kind,
    options: new Map(),
    ...NO_DEFINITIONS,
    groups: new Map(),
    rules: [],
    ignored: [],
    position,
  };
}
