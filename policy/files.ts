import type { JSONPath } from "jsonc-parser";
import type { Position } from "./estate.ts";
import type { LxcFile, LxcGuest, Vm, VmFile } from "./phoenix/guest.ts";
import type { HostFile } from "./phoenix/host.ts";
import type { StacksFile } from "./phoenix/stacks.ts";
import { positionOf, type Source } from "./source.ts";

export const FILE_NAMES = {
  host: "phoenix_hypervisor_config.json",
  lxc: "phoenix_lxc_configs.json",
  vm: "phoenix_vm_configs.json",
  stacks: "phoenix_stacks_config.json",
} as const;

/** A file as its schema has it, and the source that knows where each value stands. */
export interface Declared<T> {
  readonly source: Source;
  readonly value: T;
}

/** The files of one estate, each valid by itself. */
export interface PhoenixFiles {
  readonly host: Declared<HostFile>;
  readonly lxc: Declared<LxcFile>;
  readonly vm: Declared<VmFile>;
  /** Optional: without it no Docker stack is known. */
  readonly stacks?: Declared<StacksFile>;
}

/** A guest of either file, template or not, with an address or not. */
export type Declaration = { readonly id: string; readonly source: Source; readonly path: JSONPath } & (
  | { readonly kind: "lxc"; readonly value: LxcGuest }
  | { readonly kind: "vm"; readonly value: Vm }
);

/** All guests of both files, by id, numerically. */
export function declarationsOf({ lxc, vm }: PhoenixFiles): Declaration[] {
  const containers = Object.entries(lxc.value.lxc_configs).map(
    ([id, value]): Declaration => ({ kind: "lxc", id, value, source: lxc.source, path: ["lxc_configs", id] }),
  );
  const machines = vm.value.vms.map(
    (value, index): Declaration => ({
      kind: "vm",
      id: String(value.vmid),
      value,
      source: vm.source,
      path: ["vms", index],
    }),
  );
  return [...containers, ...machines].sort((a, b) => Number(a.id) - Number(b.id));
}

/** Where a value of the guest stands, e.g. `at(guest, "network_config", "ip")`. */
export function at({ source, path }: Declaration, ...below: JSONPath): Position {
  return positionOf(source, [...path, ...below]);
}

/** Why a guest is no part of the network; undefined where it is one. */
export function whyLeftOut({ value }: Declaration): string | undefined {
  if (value.is_template) return "a template";
  return value.network_config?.ip === "dhcp" ? "its address comes by DHCP" : undefined;
}
