import type { Estate, SourceFile } from "../estate.ts";
import type { Nic, Node } from "../proxmox/node.ts";
import { guestOptions } from "../proxmox/options.ts";

/** One side of a difference: a node, and what its files say beside it. */
export interface DiffSide {
  readonly node: Node;
  /** Absent: Proxmox's own files, which declare no names, routes and certificates. */
  readonly estate?: Estate;
  /** Of guests, by id, as far as they are known. */
  readonly names: ReadonlyMap<string, string>;
  readonly files: readonly SourceFile[];
  /** No file says who the host is: what the other side says of it holds here too. */
  readonly hostIsAssumed: boolean;
}

/** Both sides, each with what only the other knows of the machines: that a file is silent is no change. */
export function completed(base: DiffSide, head: DiffSide): readonly [DiffSide, DiffSide] {
  return [completedBy(base, head), completedBy(head, base)];
}

function completedBy(side: DiffSide, other: DiffSide): DiffSide {
  const { node, names, hostIsAssumed } = side;
  const nics = node.nics.map((nic) => {
    const known = other.node.nics.find(({ place }) => place === nic.place);
    return known ? nicBy(nic, known, isOn(node, nic) === isOn(other.node, known)) : nic;
  });
  const isSame = nics.every((nic, index) => nic === node.nics[index]);
  const hasHost = hostIsAssumed && !other.hostIsAssumed;
  if (isSame && !hasHost) return { ...side, names: new Map([...other.names, ...names]) };
  const host = hasHost ? other.node.host : node.host;
  return { ...side, names: new Map([...other.names, ...names]), node: { ...node, host, nics } };
}

function isOn({ guests }: Node, { guestId }: Nic): boolean {
  const file = guests.get(guestId);
  return file !== undefined && guestOptions(file).enable;
}

/** Hardware that is assumed from a rule file alone, and the addresses of a VM, which no Proxmox file has. */
function nicBy(nic: Nic, known: Nic, isAsOn: boolean): Nic {
  const isAssumed = nic.position.file.endsWith(".fw");
  if (isAssumed && !known.position.file.endsWith(".fw"))
    return { ...known, flagged: isAsOn ? known.flagged : nic.flagged, position: nic.position };
  return nic.addresses.length === 0 && known.addresses.length > 0
    ? { ...nic, addresses: known.addresses }
    : nic;
}
