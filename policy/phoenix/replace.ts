import { findNodeAtLocation, getNodeValue, type JSONPath, type Node } from "jsonc-parser";
import type { PhoenixFirewalls } from "../proxmox/phoenix-json.ts";
import { type PropertyValue, treeOf, withProperties } from "./json-edit.ts";
import { GuestFirewall, HostFirewall, type PhoenixRule } from "./rule.ts";

/** The three files of an estate as they are on disk, secrets and all: for writing, never for printing. */
export interface RawTexts {
  readonly host: string;
  readonly lxc: string;
  readonly vm: string;
}

export interface Replaced {
  readonly texts: RawTexts;
  /** `host` or a guest's id: the section now says something else, it is new, or it is gone. */
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  /** Guests of the firewalls that the files do not declare. */
  readonly undeclared: readonly string[];
}

/** A section of a file, as it is and as it shall be. */
interface Change extends PropertyValue {
  readonly owner: string;
  readonly given: unknown;
}

/**
 * The files with these firewall sections in place of their own, and every other byte as it was. A section that means the
 * same already stays as it is written; a declared guest without one in `firewalls` has none afterwards.
 */
export function replaceFirewalls(texts: RawTexts, { host, guests }: PhoenixFirewalls): Replaced {
  const wantedOf = (id: string): unknown => guests.get(id);
  const changes = {
    host: hostChange(texts.host, host),
    lxc: lxcGuests(texts.lxc).map((guest) => changeOf(guest, wantedOf(guest.id))),
    vm: vms(texts.vm).map((guest) => changeOf(guest, wantedOf(guest.id))),
  };
  const [lxc, vm] = [changes.lxc.filter(isChange), changes.vm.filter(isChange)];
  const declared = new Set([...changes.lxc, ...changes.vm].map(({ owner }) => owner));
  const all = [...changes.host, ...lxc, ...vm];
  return {
    texts: {
      host: withProperties(texts.host, changes.host),
      lxc: withProperties(texts.lxc, lxc),
      vm: withProperties(texts.vm, vm),
    },
    changed: all.filter(({ value }) => value !== undefined).map(({ owner }) => owner),
    removed: all.filter(({ value }) => value === undefined).map(({ owner }) => owner),
    undeclared: [...guests.keys()].filter((id) => !declared.has(id)),
  };
}

/** Where the file's own section stands, in either of its two places; where it has none, at `/firewall`. */
function hostChange(text: string, wanted: PhoenixFirewalls["host"]): readonly Change[] {
  const root = treeOf(text);
  const places = [["firewall"], ["shared_volumes", "firewall"]];
  const path = places.find((place) => findNodeAtLocation(root, place)) ?? ["firewall"];
  const change = { owner: "host", path, given: valueAt(root, path), value: wanted };
  return hostMeaning(change.given) === hostMeaning(wanted) ? [] : [change];
}

interface DeclaredGuest {
  readonly id: string;
  readonly path: JSONPath;
  readonly given: unknown;
}

function lxcGuests(text: string): readonly DeclaredGuest[] {
  const root = treeOf(text);
  return (findNodeAtLocation(root, ["lxc_configs"])?.children ?? []).map(({ children }) => {
    const id = String(children?.[0]?.value);
    const path = ["lxc_configs", id, "firewall"];
    return { id, path, given: valueAt(root, path) };
  });
}

function vms(text: string): readonly DeclaredGuest[] {
  const root = treeOf(text);
  return (findNodeAtLocation(root, ["vms"])?.children ?? []).map((vm, index) => ({
    id: String(valueAt(vm, ["vmid"])),
    path: ["vms", index, "firewall"],
    given: valueAt(vm, ["firewall"]),
  }));
}

function changeOf({ id, path, given }: DeclaredGuest, value: unknown): Change {
  return { owner: id, path, given, value };
}

function isChange({ given, value }: Change): boolean {
  return given === undefined || value === undefined
    ? given !== value
    : guestMeaning(given) !== guestMeaning(value);
}

function hostMeaning(section: unknown): string | undefined {
  const { data } = HostFirewall.safeParse(section);
  return data && meaning(data, data.global_firewall_rules);
}

function guestMeaning(section: unknown): string | undefined {
  const { data } = GuestFirewall.safeParse(section);
  return data && meaning(data, data.rules);
}

type Policies = Pick<GuestFirewall, "enabled" | "default_input_policy" | "default_output_policy">;

/** What a section comes to with its defaults, to be compared. */
function meaning(section: Policies, rules: readonly PhoenixRule[] = []): string {
  const { enabled = false, default_input_policy = "DROP", default_output_policy = "ACCEPT" } = section;
  return JSON.stringify([enabled, default_input_policy, default_output_policy, rules.map(ruleMeaning)]);
}

/** Empty values are absent. */
function ruleMeaning(rule: PhoenixRule) {
  const {
    type,
    action,
    enable = true,
    macro,
    proto,
    source,
    dest,
    port,
    sport,
    icmp_type,
    iface,
    log,
    comment,
  } = rule;
  const words = [macro, proto, source, dest, port, sport, icmp_type, iface, log, comment];
  return [type, action, enable, ...words.map((word) => word ?? "")];
}

function valueAt(node: Node, path: JSONPath): unknown {
  const found = findNodeAtLocation(node, path);
  return found && (getNodeValue(found) as unknown);
}
