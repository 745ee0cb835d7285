import type { Operator } from "./operator/operator.ts";

/** Where a value stands in the declaration: file relative to the estate's folder, line and column from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** RFC 6901 JSON pointer, e.g. `/lxc_configs/101/firewall/rules/0`. */
  readonly pointer: string;
}

export type Policy = "ACCEPT" | "DROP" | "REJECT";

/**
 * One declared firewall rule, as Proxmox's own vocabulary has it. Strings stay as written (a comma list, a range, an
 * alias, `+ipset`); `policy/match.ts` gives them meaning.
 */
export interface Rule {
  readonly type: "in" | "out";
  readonly action: Policy;
  /** `false` is Proxmox's `|`: kept, without effect. */
  readonly enabled: boolean;
  readonly proto?: string;
  readonly source?: string;
  readonly dest?: string;
  readonly port?: string;
  readonly sport?: string;
  readonly iface?: string;
  readonly macro?: string;
  readonly icmpType?: string;
  readonly log?: string;
  readonly comment?: string;
  readonly position: Position;
}

/** A firewall section; `policyIn` and `policyOut` are Proxmox's defaults (DROP, ACCEPT) where the files say nothing. */
export interface Firewall {
  readonly enabled: boolean;
  readonly policyIn: Policy;
  readonly policyOut: Policy;
  readonly rules: readonly Rule[];
  /** Where the files set these; what is absent is a default. */
  readonly keys?: Readonly<Partial<Record<"enabled" | "policyIn" | "policyOut", Position>>>;
  readonly position: Position;
}

export type Role = "gateway" | "mesh" | "ca" | "backend";

/** A guest with an address. LXC devices are named vethIDi0, VM devices tapIDi0. */
export interface Guest {
  readonly id: string;
  readonly kind: "lxc" | "vm";
  readonly name: string;
  readonly role: Role;
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway?: string;
  /** Lower case, colons. A VM's file names none: derived from its id (52:54:00 and the id's three low bytes). */
  readonly mac: string;
  readonly bridge: string;
  readonly nameservers: readonly string[];
  /** Absent: the guest has no firewall section, so nothing filters its port. */
  readonly firewall?: Firewall;
  readonly position: Position;
}

export interface Host {
  readonly name: string;
  readonly address: string;
  readonly prefixLength: number;
  /** The declared subnet in CIDR form, e.g. `10.0.0.0/24`: Proxmox's local_network too. */
  readonly subnet: string;
  readonly gateway: string;
  readonly bridge: string;
  readonly firewall: Firewall;
  readonly position: Position;
}

/** A hostname that Traefik routes: always an internal name. */
export interface Route {
  readonly hostname: string;
  readonly guestId: string;
  readonly address: string;
  readonly port: number;
  /** Traefik speaks https to the backend, verified against Step-CA's root. */
  readonly tls: boolean;
  readonly position: Position;
}

export interface DnsRecord {
  /** Fully qualified, lower case, no trailing dot. */
  readonly name: string;
  readonly address: string;
  readonly position: Position;
}

export interface Dns {
  readonly enabled: boolean;
  readonly upstreamServers: readonly string[];
  readonly externalZone: string;
  readonly internalZone: string;
  /** What an outsider may learn: records with `ip_external`, by name. */
  readonly external: readonly DnsRecord[];
  /** The internal zone's records. */
  readonly internal: readonly DnsRecord[];
  /** Names of the external zone that also carry `ip_internal`: their answer inside. */
  readonly externalInside: readonly DnsRecord[];
}

export interface CertificateAuthority {
  readonly guestId: string;
  readonly dnsName: string;
  readonly port: number;
  /** Name of the ACME provisioner. */
  readonly provisioner: string;
}

/** A public name and the internal one with the same first label that Nginx maps it to. */
export interface PublicName {
  readonly external: string;
  readonly internal: string;
  readonly position: Position;
}

/** Something about the files that does not stop the load: CFG-001 or a lint judges it. */
export interface Note {
  readonly control: "CFG-001" | "note";
  readonly message: string;
  readonly position: Position;
  readonly remedy: string;
  /** What the remedy makes of the value at that position; absent where more than one thing could be meant. */
  readonly change?: Change;
}

/** Another key for a value, or its removal. */
export type Change = { readonly kind: "rename"; readonly key: string } | { readonly kind: "remove" };

export interface SourceFile {
  /** Relative to the estate's folder. */
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Text with every secret replaced by `[redacted]`, positions kept line by line: what snippets are cut from. */
  readonly text: string;
}

/** What the declarative files say, with the source position of what a control may have to name. */
export interface Estate {
  readonly folder: string;
  readonly generation: "older" | "newer";
  readonly files: readonly SourceFile[];
  /** The servers' own files, where the checkout carries any. */
  readonly operator?: Operator;
  /** Where a secret stood, as `readEstate` tells it; the pointer's last segment names its key. */
  readonly secrets?: readonly Position[];
  readonly host: Host;
  /** Sorted by id, numerically. */
  readonly guests: readonly Guest[];
  readonly routes: readonly Route[];
  readonly publicNames: readonly PublicName[];
  readonly dns: Dns;
  readonly ca: CertificateAuthority;
  readonly notes: readonly Note[];
  /** Templates and guests on dhcp: listed, not part of the network. */
  readonly leftOut: readonly { readonly id: string; readonly name: string; readonly reason: string }[];
}

/** The guest that has this role; an estate has exactly one gateway, one mesh and one ca. */
export function guestOf(estate: Estate, role: Exclude<Role, "backend">): Guest {
  const guest = estate.guests.find((candidate) => candidate.role === role);
  if (!guest) throw new TypeError(`an estate without ${role}`);
  return guest;
}

/** The host-side device of a guest's only NIC, net0, as Proxmox names it. */
export function tapOf(guest: Guest): string {
  return guest.kind === "lxc" ? `veth${guest.id}i0` : `tap${guest.id}i0`;
}
