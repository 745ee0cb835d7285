import type { Definitions, IpSet } from "../policy/proxmox/file.ts";
import { localNetworkOf, type Nic, type Node } from "../policy/proxmox/node.ts";
import { guestOptions } from "../policy/proxmox/options.ts";
import { parseReference, type RuleScope, resolveAlias } from "../policy/proxmox/scope.ts";
import type { IpVersion } from "./filter-table.ts";

/** Whose sets those of cluster.fw are. */
export const CLUSTER = "0";

/** A set's 31 characters, less `PVEFW-` and the `_swap` of the copy that takes its place. */
const LONGEST_ID = 20;

/** A set's name in the kernel: `PVEFW-0-management-v4`, `PVEFW-101-lan-v6`; a hash where that is too long. */
export function setName(owner: string, name: string, version: IpVersion): string {
  const id = `${owner}-${name}-v${version}`;
  return `PVEFW-${id.length > LONGEST_ID ? fnv31a(id).toString(16).toUpperCase() : id}`;
}

/** FNV-1a of the text's bytes, without the highest bit. */
function fnv31a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash & 0x7fffffff;
}

/** The set of addresses that a guest may send from, where one filters its NIC. */
export function ipfilterName({ index }: Nic): string {
  return `ipfilter-net${index}`;
}

interface Entry {
  /** As written: an address, a network, an alias. */
  readonly address: string;
  readonly nomatch?: boolean;
}

/** The sets of the cluster and of the node's guests as `ipset restore` takes them, for a namespace that has none. */
export function ipsetText(node: Node): string {
  const guestIds = new Set(node.nics.map(({ guestId }) => guestId));
  const texts = [...guestIds].flatMap((guestId) => guestSets(node, guestId));
  return [...texts, ...clusterSets(node)].join("");
}

/** `management` stands always, and always holds the local network. */
function clusterSets(node: Node): readonly string[] {
  const { cluster } = node;
  const management: Pick<IpSet, "name" | "entries"> = cluster.sets.get("management") ?? {
    name: "management",
    entries: [],
  };
  const entries = [...management.entries, { address: localNetworkOf(node) }];
  const others = [...cluster.sets.values()].filter(({ name }) => name !== "management");
  return [{ ...management, entries }, ...others].map((set) =>
    bothHalves(CLUSTER, set.name, set.entries, { place: "cluster", dc: cluster }),
  );
}

/** Also of a guest whose firewall is off. `ipfilter: 1` makes the set of each flagged NIC that has none. */
function guestSets({ cluster, guests, nics }: Node, guestId: string): readonly string[] {
  const file = guests.get(guestId);
  if (!file) return [];
  const flagged = nics.filter((nic) => nic.guestId === guestId && nic.flagged);
  const implicit = guestOptions(file).ipfilter ? flagged.map(ipfilterName) : [];
  const names = new Set([...file.sets.keys(), ...implicit]);
  const scope = { place: "guest", dc: cluster, guest: file } as const;
  return [...names].map((name) => {
    const nic = flagged.find((each) => ipfilterName(each) === name);
    return bothHalves(guestId, name, [...entriesOf(file, name), ...(nic ? ownAddresses(nic) : [])], scope);
  });
}

function entriesOf({ sets }: Definitions, name: string): readonly Entry[] {
  return sets.get(name)?.entries ?? [];
}

/** What a NIC may always send from: the link-local address of its MAC alone (RFC 4291, appendix A), its static addresses. */
function ownAddresses({ mac, addresses }: Nic): readonly Entry[] {
  const [first = "", ...rest] = mac.split(":");
  const [a = "", b = "", c = "", d = "", e = ""] = rest;
  const flipped = (Number.parseInt(first, 16) ^ 2).toString(16).padStart(2, "0");
  return [
    { address: `fe80::${flipped}${a}:${b}ff:fe${c}:${d}${e}` },
    { address: "fe80::/10", nomatch: true },
    ...addresses.map((address) => ({ address })),
  ];
}

/** Of two entries with one text the later holds; two that become one network when masked are the kernel's to refuse. */
function bothHalves(owner: string, name: string, entries: readonly Entry[], scope: RuleScope): string {
  const size = sizeFor(entries.length);
  const networks = entries.flatMap((entry) => {
    const text = written(entry.address, scope);
    return text === undefined ? [] : [{ text, nomatch: entry.nomatch === true }];
  });
  return ([4, 6] as const)
    .map((version) => {
      const set = setName(owner, name, version);
      const own = networks.filter(({ text }) => text.includes(":") === (version === 6));
      const lines = new Map(
        own.map(({ text, nomatch }) => [keyOf(text), `add ${set} ${text}${nomatch ? " nomatch" : ""}\n`]),
      );
      const family = version === 4 ? "inet" : "inet6";
      const create = `create ${set} hash:net family ${family} hashsize ${size} maxelem ${size}\n`;
      return create + [...lines.values()].join("");
    })
    .join("");
}

/** An entry whose alias its scope does not have is left out. */
function written(address: string, scope: RuleScope): string | undefined {
  const reference = parseReference(address);
  return reference ? resolveAlias(scope, reference)?.cidr : address;
}

/** One text an address, as Proxmox compares them: IPv6 compressed, no `/32` or `/128`. */
function keyOf(text: string): string {
  const [address = "", length] = text.split("/");
  const compressed = address.includes(":") ? new URL(`http://[${address}]`).hostname : address;
  return length === undefined || length === "32" || length === "128" ? compressed : `${compressed}/${length}`;
}

/** A power of two: the kernel takes no more than that many entries. */
function sizeFor(entries: number): number {
  return 2 ** Math.max(6, Math.ceil(Math.log2(entries)));
}
