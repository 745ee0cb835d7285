import { HarnessError } from "../../errors.ts";

/** Texts of a folder's files by their path in it, `/` between its parts. */
export type FolderTexts = ReadonlyMap<string, string>;

/** One file, by its path in the folder. */
export interface Place {
  readonly path: string;
  readonly text: string;
}

/** Which file of a folder says what. */
export interface Layout {
  readonly cluster?: Place;
  readonly hostFile?: Place;
  /** By guest's id. */
  readonly rules: ReadonlyMap<string, Place>;
  readonly hardware: ReadonlyMap<string, Place & { readonly kind?: "lxc" | "vm" }>;
  /** Guests whose hardware stands with another node. */
  readonly elsewhere: ReadonlyMap<string, string>;
  readonly interfaces?: Place;
  readonly corosync?: Place;
  /** The node's name, where the tree has it. */
  readonly nodeName?: string;
  /** /etc/pve's tree: a guest without hardware is no guest. */
  readonly isWhole: boolean;
}

const RULES = /^(?:firewall\/)?([1-9]\d{2,8})\.fw$/;
const FLAT_HARDWARE = /^([1-9]\d{2,8})\.conf$/;
const HARDWARE = /^nodes\/([^/]+)\/(lxc|qemu-server)\/([1-9]\d{2,8})\.conf$/;

/**
 * Finds what belongs to one node, in a flat folder (`cluster.fw`, `101.fw`, `101.conf`) or in /etc/pve's tree
 * (`firewall/`, `nodes/NODE/`).
 * @throws HarnessError (`estate-ambiguous`) where the tree has several nodes and none is named, or not the one named.
 */
export function layoutOf(texts: FolderTexts, folder: string, nodeName?: string): Layout {
  const node = nodeIn(texts, folder, nodeName);
  const place = (...paths: readonly string[]): Place | undefined => {
    const path = paths.find((each) => texts.has(each));
    return path === undefined ? undefined : { path, text: texts.get(path) ?? "" };
  };
  const [corosync, cluster, hostFile, interfaces] = [
    place("corosync.conf"),
    place("cluster.fw", "firewall/cluster.fw"),
    place(...(node === undefined ? [] : [`nodes/${node}/host.fw`]), "host.fw"),
    place(...(node === undefined ? [] : [`nodes/${node}/interfaces`]), "interfaces", "network/interfaces"),
  ];
  return {
    ...(cluster && { cluster }),
    ...(hostFile && { hostFile }),
    ...(interfaces && { interfaces }),
    ...(corosync && { corosync }),
    ...(node !== undefined && { nodeName: node }),
    ...guestFiles(texts, node),
  };
}

/** Names of the nodes whose folders have files. */
function nodesIn(texts: FolderTexts): string[] {
  const names = [...texts.keys()].flatMap((path) => /^nodes\/([^/]+)\//.exec(path)?.[1] ?? []);
  return [...new Set(names)].sort();
}

function nodeIn(texts: FolderTexts, folder: string, named: string | undefined): string | undefined {
  const nodes = nodesIn(texts);
  const [only, second] = nodes;
  if (named !== undefined && nodes.includes(named)) return named;
  if (named === undefined && second === undefined) return only;
  throw new HarnessError("estate-ambiguous", {
    subject: folder,
    expected: named === undefined ? "one node, or the name of one" : `the node ${named}`,
    actual: nodes.length === 0 ? "no nodes/ in it" : nodes.join(", "),
    remedy: "Name one of the nodes found.",
  });
}

function guestFiles(texts: FolderTexts, node: string | undefined) {
  const rules = new Map<string, Place>();
  const hardware = new Map<string, Place & { readonly kind?: "lxc" | "vm" }>();
  const elsewhere = new Map<string, string>();
  for (const [path, text] of texts) {
    const ruled = RULES.exec(path)?.[1];
    const flat = FLAT_HARDWARE.exec(path)?.[1];
    const [, owner = "", folder, id = ""] = HARDWARE.exec(path) ?? [];
    if (ruled !== undefined) rules.set(ruled, { path, text });
    if (flat !== undefined) hardware.set(flat, { path, text });
    if (folder !== undefined && owner !== node) elsewhere.set(id, owner);
    if (folder !== undefined && owner === node)
      hardware.set(id, { path, text, kind: folder === "lxc" ? "lxc" : "vm" });
  }
  return { rules, hardware, elsewhere, isWhole: [...texts.keys()].some((path) => HARDWARE.test(path)) };
}
