import { z } from "zod";
import { Address, AddressWithPrefix, Cidr, DnsName, Flag, HostName, Port, Text, ZoneName } from "./field.ts";
import { HostFirewall } from "./rule.ts";

export const Interface = z.looseObject({
  name: Text.optional(),
  address: AddressWithPrefix,
  gateway: Address,
  dns_nameservers: z.unknown().optional(),
});

export const Network = z.looseObject({
  interfaces: Interface,
  default_subnet: Cidr.optional(),
  portainer_server_ip: Text.optional(),
  portainer_server_port: Port.optional(),
  portainer_agent_port: Port.optional(),
});

/** `@` is the zone itself. */
const RecordName = z.union([z.literal("@"), DnsName], "a DNS name, relative to its zone");

export const ZoneRecord = z.looseObject({
  hostname: RecordName,
  ip_external: Address.optional(),
  ip_internal: Address.optional(),
});

export const Zone = z.looseObject({ zone_name: ZoneName, records: z.array(ZoneRecord).optional() });
export type Zone = z.infer<typeof Zone>;

export const DnsServer = z.looseObject({
  enabled: Flag.optional(),
  upstream_servers: z.array(z.union([Address, z.ipv6()], "an IP address")).optional(),
  authoritative_zones: z.array(Zone).optional(),
});

/** Newer generation; the older one's CA is `ca.internal.<domain>`, port 9000. */
export const StepCa = z.looseObject({
  root_ca_name: Text.optional(),
  intermediate_ca_name: Text.optional(),
  dns_name: HostName.optional(),
  port: Port.optional(),
  provisioner_name: Text.optional(),
});

export const SharedVolumes = z.looseObject({ firewall: HostFirewall.optional() });

export const PortainerApi = z.looseObject({ portainer_hostname: DnsName.optional() });

/** `phoenix_hypervisor_config.json`. The firewall stands in one of two places, never in both. */
export const HostFile = z.looseObject({
  hostname: Text.optional(),
  domain_name: ZoneName.optional(),
  network: Network,
  firewall: HostFirewall.optional(),
  shared_volumes: SharedVolumes.optional(),
  dns_server: DnsServer.optional(),
  step_ca: StepCa.optional(),
  portainer_api: PortainerApi.optional(),
});
export type HostFile = z.infer<typeof HostFile>;
