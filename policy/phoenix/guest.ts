import { z } from "zod";
import { Address, AddressWithPrefix, DnsName, Flag, GuestId, Port, PortNumber, Text, Word } from "./field.ts";
import { GuestFirewall } from "./rule.ts";

const Nameservers = z.union([z.string(), z.array(z.string())], "addresses of name servers").optional();

export const NetworkConfig = z.looseObject({
  name: Text.optional(),
  bridge: Word.optional(),
  ip: z.union(
    [z.literal("dhcp"), AddressWithPrefix],
    "an address with its prefix, e.g. 10.0.0.12/24, or dhcp",
  ),
  gw: Address.optional(),
  nameservers: Nameservers,
  nameserver: Nameservers,
});

export const TraefikService = z.looseObject({ name: DnsName, port: Port });

export const GuestRecord = z.looseObject({ hostname: DnsName, ip: Address });

/** `8000:8000`, `10.0.0.1:8000:8000`, `8000`, `8000/tcp`; host before guest. */
const MAPPING = "ports from 1 to 65535 as host:guest, e.g. 8000:8000";
const PortMapping = z
  .union([z.int(MAPPING), z.string().regex(/^([\d.]+:)?(\d{1,5}:)?\d{1,5}(\/\w+)?$/, MAPPING)], MAPPING)
  .transform((mapping) => [...String(mapping).matchAll(/(?<![\d.])\d+(?=[:/]|$)/g)].map(Number))
  .refine((ports) => ports.every((port) => PortNumber.safeParse(port).success), MAPPING)
  .transform((ports) => ports.at(-1) ?? 0);

/** Neither all zero nor a group's (IEEE 802: the first octet's lowest bit): no interface takes such a one. */
const UNICAST_MAC = /^(?!(00[:-]?){6}$)[\da-f][02468ace]([:-][\da-f]{2}){5}$/i;

/** What LXC guests and VMs have in common; both generations. */
const Guest = {
  name: Text.min(1, "a name"),
  is_template: Flag.optional(),
  network_config: NetworkConfig.optional(),
  mac_address: z.string().regex(UNICAST_MAC, "the MAC of one interface, e.g. 52:54:00:67:89:b3").optional(),
  features: z.array(z.string()).optional(),
  dependencies: z.array(GuestId).optional(),
  portainer_role: Text.optional(),
  ports: z.array(PortMapping).optional(),
  traefik_service: TraefikService.optional(),
  dns_records: z.array(GuestRecord).optional(),
  firewall: GuestFirewall.optional(),
};

export const LxcGuest = z.looseObject({ ...Guest, clone_from_ctid: GuestId.optional() });
export type LxcGuest = z.infer<typeof LxcGuest>;

const ProxmoxId = z.string().regex(/^[1-9]\d{2,8}$/, "an id from 100 to 999999999");

/** `phoenix_lxc_configs.json`. */
export const LxcFile = z.looseObject({ lxc_configs: z.record(ProxmoxId, LxcGuest) });
export type LxcFile = z.infer<typeof LxcFile>;

/** Older: name and environment. Newer: the name alone. */
const StackReference = z
  .union([z.string(), z.looseObject({ name: z.string(), environment: z.string().optional() })], "a stack")
  .transform((stack) => (typeof stack === "string" ? { name: stack } : stack));

export const Vm = z.looseObject({
  ...Guest,
  vmid: z
    .int("an id from 100 to 999999999")
    .min(100, "an id from 100 up")
    .max(999999999, "an id of 9 digits"),
  clone_from_vmid: GuestId.optional(),
  portainer_agent_hostname: DnsName.optional(),
  docker_stacks: z.array(StackReference).optional(),
});
export type Vm = z.infer<typeof Vm>;

export const VmDefaults = z.looseObject({ network_bridge: Word.optional() });

/** `phoenix_vm_configs.json`. */
export const VmFile = z.looseObject({
  vm_defaults: VmDefaults.optional(),
  vms: z.array(Vm),
});
export type VmFile = z.infer<typeof VmFile>;
