import { z } from "zod";
import { parseNic } from "./proxmox/nic.ts";
import type { Nic, Node } from "./proxmox/node.ts";

const NicLines = z.record(z.string().regex(/^net\d+$/, "a NIC's key: netN"), z.string());
const Guests = z.record(z.string().regex(/^[1-9]\d{2,8}$/, "a guest's id"), NicLines);

/** A node without its rules: `vectors/world.json`. A NIC is Proxmox's own line, `virtio=MAC,bridge=vmbr0,firewall=1`. */
export const World = z.object({ qemu: Guests, lxc: Guests, host_ip: z.string(), localnet: z.string() });
export type World = z.infer<typeof World>;

/** A node's machine: its host and all NICs. */
export type Hardware = Pick<Node, "host" | "nics">;

/** The host has its address on vmbr0. Throws a TypeError for a NIC's line without a MAC or a bridge. */
export function hardwareOf({ qemu, lxc, host_ip: address, localnet: localNetwork }: World): Hardware {
  const nics = [...nicsOf("vm", qemu), ...nicsOf("lxc", lxc)];
  return { host: { address, bridge: "vmbr0", localNetwork }, nics };
}

function nicsOf(kind: Nic["kind"], guests: World["qemu"]): Nic[] {
  return Object.entries(guests).flatMap(([guestId, lines]) =>
    Object.entries(lines).map(([key, line]) => nicOf(kind, guestId, Number(key.slice(3)), line)),
  );
}

function nicOf(kind: Nic["kind"], guestId: string, index: number, line: string): Nic {
  const pointer = `/${kind === "vm" ? "qemu" : "lxc"}/${guestId}`;
  const nic = parseNic({ guestId, kind }, index, line, { file: "world", line: 1, column: 1, pointer });
  if ("reason" in nic) throw new TypeError(`a NIC with MAC and bridge, not ${line}: ${nic.reason}`);
  return nic;
}
