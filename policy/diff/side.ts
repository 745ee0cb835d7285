import type { Estate, SourceFile } from "../estate.ts";
import type { Place } from "../flow.ts";
import type { Nic, Node } from "../proxmox/node.ts";
import { guestOptions } from "../proxmox/options.ts";
import type { FolderDeclaration } from "../read.ts";

/** One side of a difference: a node, and what its files say beside it. */
export interface DiffSide {
  readonly node: Node;
  /** Absent: Proxmox's own files, which declare no names, routes and certificates. */
  readonly estate?: Estate;
  /** Of guests, by id, as far as they are known. */
  readonly names: ReadonlyMap<string, string>;
  /** Of NICs, as far as they are known. */
  readonly addresses: ReadonlyMap<Place, readonly string[]>;
  readonly files: readonly SourceFile[];
  /** No file says who the host is: what the other side says of it holds here too. */
  readonly hostIsAssumed: boolean;
}

export function sideOf(declaration: FolderDeclaration): DiffSide {
  const { node } = declaration;
  switch (declaration.kind) {
    case "phoenix": {
      const { estate } = declaration;
      const names = new Map(estate.guests.map(({ id, name }) => [id, name]));
      const addresses = new Map(estate.guests.map(({ id, address }) => [id, [address]]));
      return { node, estate, names, addresses, files: estate.files, hostIsAssumed: false };
    }
    case "proxmox": {
      const { names, files, assumedHost } = declaration;
      const known = node.nics.filter(({ addresses }) => addresses.length > 0);
      const addresses = new Map(known.map(({ place, addresses: own }) => [place, own]));
      return { node, names, addresses, files, hostIsAssumed: assumedHost !== undefined };
    }
  }
}

/** Both sides, each with what only the other knows of the machines: that a file is silent is no change. */
export function completed(base: DiffSide, head: DiffSide): readonly [DiffSide, DiffSide] {
  return [completedBy(base, head), completedBy(head, base)];
}

function completedBy(side: DiffSide, other: DiffSide): DiffSide {
  const { node } = side;
  const names = new Map([...other.names, ...side.names]);
  const addresses = new Map([...other.addresses, ...side.addresses]);
  const theirs = new Map(other.node.nics.map((nic) => [nic.place, nic]));
  const nics = node.nics.map((nic) => {
    const known = theirs.get(nic.place);
    return known && isAssumed(nic) && !isAssumed(known) ? nicBy(nic, known, node, other.node) : nic;
  });
  const isKnown = nics.every((nic, index) => nic === node.nics[index]);
  const hasHost = side.hostIsAssumed && !other.hostIsAssumed;
  if (isKnown && !hasHost) return { ...side, names, addresses };
  const host = hasHost ? other.node.host : node.host;
  return { ...side, names, addresses, node: { ...node, host, nics } };
}

/** Its hardware is told by a rule file alone. */
function isAssumed({ position }: Nic): boolean {
  return position.file.endsWith(".fw");
}

/** The other side's hardware; its `firewall=1` only where the guest's firewall is as it is there. */
function nicBy(nic: Nic, known: Nic, node: Node, other: Node): Nic {
  const flagged = isOn(node, nic) === isOn(other, known) ? known.flagged : nic.flagged;
  return { ...known, flagged, position: nic.position };
}

function isOn({ guests }: Node, { guestId }: Nic): boolean {
  const file = guests.get(guestId);
  return file !== undefined && guestOptions(file).enable;
}
