import type { Estate, Guest, Host } from "../estate.ts";
import { describePosition } from "../position.ts";
import type { FirewallFile, IgnoredLine } from "./file.ts";
import { nodeOf } from "./node.ts";
import { printFirewallFile } from "./print.ts";

/** One of Proxmox's files: its name in a flat folder, and its text. */
export interface NodeFile {
  readonly name: string;
  readonly text: string;
}

/** An estate as a Proxmox node has it. */
export interface Export {
  readonly files: readonly NodeFile[];
  /** Rules that Proxmox would pass over; each is a comment in its file. */
  readonly refused: readonly IgnoredLine[];
}

/**
 * The .fw files of a declaration, and what of the machines they depend on: the host's address, and of each guest the hardware
 * line that says whether its NIC carries `firewall=1`.
 */
export function exportEstate(estate: Estate): Export {
  const { cluster, guests, nics } = nodeOf(estate);
  const flagged = new Set(nics.filter((nic) => nic.flagged).map(({ guestId }) => guestId));
  const files = estate.guests.flatMap((guest): NodeFile[] => {
    const file = guests.get(guest.id);
    const rules = file ? [{ name: `${guest.id}.fw`, text: firewallText(file, titleOf(guest)) }] : [];
    return [...rules, { name: `${guest.id}.conf`, text: hardwareText(guest, flagged.has(guest.id)) }];
  });
  return {
    files: [
      { name: "cluster.fw", text: firewallText(cluster, "the host") },
      { name: "interfaces", text: interfacesText(estate.host) },
      ...files,
    ],
    refused: [cluster, ...guests.values()].flatMap(({ ignored }) => ignored),
  };
}

function titleOf({ id, name }: Guest): string {
  return `guest ${id} (${name})`;
}

/** Names are relative to the estate's folder, so that no path of this machine is in it. */
function firewallText(file: FirewallFile, title: string): string {
  const { file: source, pointer } = file.position;
  const refused = file.ignored.map(
    ({ text, reason, position }) =>
      `# Proxmox would refuse it (${reason}), ${describePosition(position)}:\n# ${text}\n`,
  );
  return [
    `# ${title}: ${source} ${pointer}\n\n`,
    printFirewallFile(file),
    ...refused.map((text) => `\n${text}`),
  ].join("");
}

/** What Proxmox takes its local network from; not a whole file for a node, since the bridge's ports are not declared. */
function interfacesText({ address, subnet, gateway, bridge, position }: Host): string {
  const [, prefixLength] = subnet.split("/");
  const source = `# the host's bridge: ${position.file} ${position.pointer}\n`;
  return `${source}iface ${bridge} inet static\n\taddress ${address}/${prefixLength}\n\tgateway ${gateway}\n`;
}

/** As in Proxmox's own configuration of the guest, of which it is a part. */
function hardwareText(guest: Guest, isFlagged: boolean): string {
  const { kind, mac, bridge, address, prefixLength, gateway, position } = guest;
  const nic =
    kind === "vm"
      ? [`virtio=${mac.toUpperCase()}`, `bridge=${bridge}`]
      : [
          "name=eth0",
          `bridge=${bridge}`,
          ...(gateway === undefined ? [] : [`gw=${gateway}`]),
          `hwaddr=${mac.toUpperCase()}`,
          `ip=${address}/${prefixLength}`,
        ];
  const net0 = [...nic, ...(isFlagged ? ["firewall=1"] : [])].join(",");
  return `# ${titleOf(guest)}: ${position.file} ${position.pointer}\nnet0: ${net0}\n`;
}
