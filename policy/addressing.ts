import { contains, parseCidr, parseIpv4, rangeOf } from "./address.ts";
import type { Host, Position } from "./estate.ts";
import type { Fault } from "./fault.ts";
import { at, type Declaration } from "./files.ts";
import { describePosition } from "./position.ts";

/** Ids and addresses that leave no single answer to "which guest?", over host, gateway and guests with an address. */
export function addressFaults(
  host: Host,
  all: readonly Declaration[],
  inside: readonly Declaration[],
): Fault[] {
  return [...idFaults(all), ...outside(host, inside), ...twice(host, inside)];
}

function idFaults(all: readonly Declaration[]): Fault[] {
  const first = new Map<string, Declaration>();
  return all.flatMap((guest) => {
    const earlier = first.get(guest.id);
    first.set(guest.id, earlier ?? guest);
    if (!earlier) return [];
    const position = guest.kind === "vm" ? at(guest, "vmid") : at(guest);
    const actual = `${guest.id} again (first at ${describePosition(at(earlier))})`;
    const remedy = "Give each guest an id of its own: Proxmox numbers LXC guests and VMs together.";
    return [{ code: "json-duplicate-key", position, expected: "each id once", actual, remedy } as const];
  });
}

function outside(host: Host, inside: readonly Declaration[]): Fault[] {
  const subnet = parseCidr(host.subnet);
  if (!subnet) return [];
  const { first, last } = rangeOf(subnet);
  const places = [
    { address: host.address, position: host.position },
    { address: host.gateway, position: host.position },
    ...inside.map((guest) => ({ address: addressOf(guest), position: at(guest, "network_config", "ip") })),
  ];
  return places.flatMap(({ address, position }) => {
    const ip = parseIpv4(address);
    const reserved = subnet.prefixLength < 31 && (ip === first || ip === last);
    if (ip === undefined || (contains(subnet, ip) && !reserved)) return [];
    const actual = reserved ? `${address}, its ${ip === first ? "network" : "broadcast"} address` : address;
    return [{ code: "address-outside", position, expected: `an address of ${host.subnet}`, actual } as const];
  });
}

function twice(host: Host, inside: readonly Declaration[]): Fault[] {
  const owners = new Map<string, { title: string; position: Position }>([
    [host.gateway, { title: "the gateway", position: host.position }],
    [host.address, { title: "the host", position: host.position }],
  ]);
  return inside.flatMap((guest) => {
    const address = addressOf(guest);
    const position = at(guest, "network_config", "ip");
    const owner = owners.get(address);
    owners.set(address, owner ?? { title: `${guest.id} ${guest.value.name}`, position });
    if (!owner) return [];
    const actual = `${address}, which is ${owner.title}'s (${describePosition(owner.position)})`;
    return [
      { code: "address-twice", position, expected: "an address that no one else has", actual } as const,
    ];
  });
}

function addressOf({ value }: Declaration): string {
  return (value.network_config?.ip ?? "").split("/")[0] ?? "";
}
