import { formatCidr, parseCidr } from "./address.ts";
import type { Guest, Role } from "./estate.ts";
import { at, type Declaration } from "./files.ts";
import { guestFirewallOf } from "./firewall.ts";

/** The guest as the network has it. `whyLeftOut` said that it has an address. */
export function guestOfDeclaration(declaration: Declaration, role: Role, defaultBridge: string): Guest {
  const { id, kind, value, source, path } = declaration;
  const network = value.network_config;
  const [address = "", prefix] = (network?.ip ?? "").split("/");
  return {
    id,
    kind,
    name: value.name,
    role,
    address,
    prefixLength: Number(prefix),
    ...(network?.gw && { gateway: network.gw }),
    mac: value.mac_address?.toLowerCase().replaceAll("-", ":") ?? macOf(id),
    bridge: network?.bridge || defaultBridge,
    nameservers: listOf(network?.nameservers ?? network?.nameserver),
    ...(value.firewall && { firewall: guestFirewallOf(source, value.firewall, [...path, "firewall"]) }),
    position: at(declaration),
  };
}

/** For a guest whose file names none: QEMU's prefix and the id's three low bytes. */
export function macOf(id: string): string {
  const hex = (Number(id) & 0xffffff).toString(16).padStart(6, "0");
  return `52:54:00:${hex.slice(0, 2)}:${hex.slice(2, 4)}:${hex.slice(4)}`;
}

/** The network of an address with prefix: `10.0.0.13/24` gives `10.0.0.0/24`. */
export function networkOf(addressWithPrefix: string): string {
  const cidr = parseCidr(addressWithPrefix);
  return cidr ? formatCidr(cidr) : addressWithPrefix;
}

function listOf(value: string | readonly string[] | undefined): string[] {
  return [value ?? []].flat().flatMap((text) => text.split(/[\s,]+/).filter((word) => word !== ""));
}
