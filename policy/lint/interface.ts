import type { Nic } from "../proxmox/node.ts";
import type { Place } from "./ground.ts";
import type { Reach } from "./reach.ts";

/** A guest's port of a bridge, of which the host's own rules see only the bridge. */
const PORT = /^(?:tap|veth|fwln)\d+i\d+$|^fwpr\d+p\d+$/;

/** Why no packet comes by the interface that a rule names. */
export function interfaceReason({ iface }: Reach, place: Place): string | undefined {
  if (place.kind === "guest") return nicReason(iface, place.nics, place.title);
  if (iface === "lo") return "loopback is accepted before any rule";
  return iface !== undefined && PORT.test(iface)
    ? `${iface} is a port of a bridge: -i sees the bridge`
    : undefined;
}

/** Nothing is said of a guest whose NICs are not known, nor of one that has none with a filter. */
function nicReason(iface: string | undefined, nics: readonly Nic[], guest: string): string | undefined {
  if (iface === undefined || nics.length === 0) return undefined;
  const nic = nics.find(({ index }) => `net${index}` === iface);
  if (!nic) return `${guest} has no ${iface}`;
  return nic.flagged ? undefined : `${iface} of ${guest} has no firewall=1`;
}
