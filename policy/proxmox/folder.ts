import type { Note, Position } from "../estate.ts";
import { macOf, networkOf } from "../guest.ts";
import { remark } from "../note.ts";
import { placeNameNotes } from "../place-name.ts";
import { comparePositions } from "../position.ts";
import { parseCorosync } from "./corosync.ts";
import {
  type Alias,
  type Definitions,
  emptyFile,
  type FileKind,
  type FirewallFile,
  type IgnoredLine,
} from "./file.ts";
import { parseInterfaces } from "./interfaces.ts";
import { type FolderTexts, type Layout, layoutOf, type Place } from "./layout.ts";
import { kindOfGuest, nameOfGuest, parseNics } from "./nic.ts";
import type { Corosync, Nic, Node, NodeHost } from "./node.ts";
import { parseFirewallFile } from "./parse.ts";

/** What a Proxmox folder declares. */
export interface ProxmoxFolder {
  readonly node: Node;
  /** By guest's id; a guest without a name, or whose hardware is not known, has no entry. */
  readonly names: ReadonlyMap<string, string>;
  /** What Proxmox ignores in all of its files, by position. */
  readonly ignored: readonly IgnoredLine[];
  /** What the files leave open, and what is assumed there. */
  readonly notes: readonly Note[];
  /** That one of `notes` by which the host is assumed. */
  readonly assumedHost?: Note;
}

/**
 * The node that the files of a folder describe. Where they say nothing of the machine (no hardware, no interfaces),
 * something ordinary is assumed, with a note.
 * @throws HarnessError (`estate-ambiguous`) where there are several nodes and none is named.
 */
export function parseFolder(texts: FolderTexts, folder: string, nodeName?: string): ProxmoxFolder {
  const layout = layoutOf(texts, folder, nodeName);
  const notes: Note[] = [];
  const cluster = fileOf("cluster", "cluster.fw", layout.cluster);
  const hostFile = fileOf("host", "host.fw", layout.hostFile, cluster);
  const { nics, ignored } = nicsOf(layout, notes);
  const ids = new Set(nics.map(({ guestId }) => guestId));
  const guests = new Map(
    [...layout.rules]
      .filter(([id, { text }]) => text !== "" && (ids.has(id) || layout.hardware.has(id)))
      .map(([id, place]) => [id, fileOf("guest", place.path, place, cluster)]),
  );
  const files = [cluster, hostFile, ...guests.values()];
  const known = layout.interfaces && parseInterfaces(layout.interfaces.text);
  const { host, note: assumedHost } = known ? { host: known } : assumeHost(layout, cluster);
  if (assumedHost) notes.push(assumedHost);
  const corosync = corosyncOf(layout, host, notes);
  const names = namesOf(layout);
  const named = [...names].map(([id, name]) => ({
    id,
    name,
    position: startOf(layout.hardware.get(id)?.path ?? ""),
  }));
  notes.push(...placeNameNotes(named));
  return {
    node: { host, nics, cluster, hostFile, guests, ...(corosync && { corosync }) },
    names,
    ignored: [...ignored, ...files.flatMap((file) => file.ignored)].sort((a, b) =>
      comparePositions(a.position, b.position),
    ),
    notes,
    ...(assumedHost && { assumedHost }),
  };
}

function namesOf({ hardware }: Layout): ReadonlyMap<string, string> {
  return new Map(
    [...hardware].flatMap(([id, { text }]): [string, string][] => {
      const name = nameOfGuest(text);
      return name === undefined ? [] : [[id, name]];
    }),
  );
}

function fileOf(kind: FileKind, missing: string, place: Place | undefined, dc?: Definitions): FirewallFile {
  return place ? parseFirewallFile(kind, place.path, place.text, dc) : emptyFile(kind, startOf(missing));
}

function startOf(file: string): Position {
  return { file, line: 1, column: 1, pointer: "" };
}

function nicsOf({ hardware, rules, elsewhere, isWhole }: Layout, notes: Note[]) {
  const nics: Nic[] = [];
  const ignored: IgnoredLine[] = [];
  for (const [guestId, { path, text, kind = kindOfGuest(text) }] of hardware) {
    const read = parseNics({ guestId, kind }, text, path);
    nics.push(...read.nics);
    ignored.push(...read.ignored);
  }
  for (const [guestId, { path }] of rules) {
    if (hardware.has(guestId)) continue;
    const node = elsewhere.get(guestId);
    if (node !== undefined) notes.push(leftOut(path, `guest ${guestId} is on the node ${node}`));
    else if (isWhole) notes.push(leftOut(path, `no node has a guest ${guestId}`));
    else nics.push(assumedNic(guestId, path, notes));
  }
  return { nics: nics.sort((a, b) => Number(a.guestId) - Number(b.guestId) || a.index - b.index), ignored };
}

function corosyncOf(
  { corosync: place, nodeName }: Layout,
  { address }: NodeHost,
  notes: Note[],
): Corosync | undefined {
  if (!place) return undefined;
  const { corosync, unresolved } = parseCorosync(place.text, nodeName, address);
  const remedy = "Give the link by its address.";
  for (const name of unresolved)
    notes.push(
      remark(startOf(place.path), `the link ${name} is a name that nothing here resolves: left out`, remedy),
    );
  return corosync;
}

function leftOut(path: string, why: string): Note {
  return remark(startOf(path), `not of this node: ${why}`, "Nothing need be done.");
}

function assumedNic(guestId: string, path: string, notes: Note[]): Nic {
  const position = startOf(path);
  const mac = macOf(guestId);
  notes.push(
    remark(
      position,
      `the hardware of guest ${guestId} is not known: assumed a VM with net0 on vmbr0, firewall=1 and MAC ${mac}`,
      `Put ${guestId}.conf of the node beside it.`,
    ),
  );
  const place = { place: guestId, guestId, index: 0, tap: `tap${guestId}i0` };
  return { ...place, kind: "vm", mac, bridge: "vmbr0", flagged: true, addresses: [], position };
}

/** TEST-NET-1 of RFC 5737: nobody's. */
const ASSUMED = { address: "192.0.2.2", bridge: "vmbr0", localNetwork: "192.0.2.0/24" } as const;

function assumeHost(
  { interfaces, cluster: place }: Layout,
  cluster: FirewallFile,
): { host: NodeHost; note: Note } {
  const alias = cluster.aliases.get("local_network");
  const localNetwork = alias ? networkOf(withPrefix(alias)) : ASSUMED.localNetwork;
  const source = alias ? "as the alias local_network says" : "assumed too";
  const note = remark(
    startOf(interfaces?.path ?? place?.path ?? "cluster.fw"),
    `the host's address is not known: assumed ${ASSUMED.address} on vmbr0; its network ${localNetwork} is ${source}`,
    "Put the node's /etc/network/interfaces into the folder, as `interfaces`.",
  );
  return { host: { ...ASSUMED, localNetwork }, note };
}

function withPrefix({ cidr, family }: Alias): string {
  return cidr.includes("/") ? cidr : `${cidr}/${family === 4 ? 32 : 128}`;
}
