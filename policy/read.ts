import { join } from "node:path";
import { HarnessError, HarnessErrors } from "../errors.ts";
import type { Estate } from "./estate.ts";
import type { FileTree } from "./file-tree.ts";
import { FILE_NAMES } from "./files.ts";
import { type FileText, loadEstate } from "./load.ts";
import { passedOver } from "./operator/passed-over.ts";
import { readOperator } from "./operator/read.ts";
import { describePosition, linesOf, positionAt } from "./position.ts";
import { type Node, nodeOf } from "./proxmox/node.ts";
import { DISK, decodeStrictly, sha256Of, validPrefix } from "./read-file.ts";
import { isProxmoxFolder, type ProxmoxDeclaration, readProxmox } from "./read-proxmox.ts";

/** A checkout's root is 4 folders above its files. */
const DEEPEST = 8;
const MOST_FOLDERS = 20_000;

/** What a folder declares, in either form, and the node that this asks for. */
export type FolderDeclaration =
  | { readonly kind: "phoenix"; readonly folder: string; readonly estate: Estate; readonly node: Node }
  | ({ readonly kind: "proxmox" } & ProxmoxDeclaration);

/**
 * Reads a folder of Phoenix files (as `readEstate` finds them) or of Proxmox's own: `.fw` files in it or in its
 * `firewall/`. `nodeName` chooses among the nodes of a cluster.
 * @throws HarnessError or HarnessErrors (exit 2); `estate-ambiguous` where both kinds lie there.
 */
export function readDeclaration(folder: string, nodeName?: string, tree: FileTree = DISK): FolderDeclaration {
  const root = tree.resolve(folder);
  const [phoenix] = candidatesBelow(tree, root);
  if (!isProxmoxFolder(root, tree)) {
    if (phoenix === undefined) throw missing(tree, root, `${PHOENIX_FILES}, or Proxmox's .fw files`, EITHER);
    const estate = readEstate(root, tree);
    return { kind: "phoenix", folder: estate.folder, estate, node: nodeOf(estate) };
  }
  if (phoenix === undefined) return { kind: "proxmox", ...readProxmox(root, nodeName, tree) };
  throw new HarnessError("estate-ambiguous", {
    subject: root,
    expected: "Phoenix files or Proxmox's .fw files",
    actual: `both: ${FILE_NAMES.host} in ${phoenix}, .fw files in ${root}`,
    remedy: "Give each kind a folder of its own, and name one of them.",
  });
}

const PHOENIX_FILES = `${FILE_NAMES.host}, ${FILE_NAMES.lxc} and ${FILE_NAMES.vm} in it or below it`;

const EITHER = "Give the folder that holds the Phoenix files, or that with Proxmox's .fw files.";

function missing(tree: FileTree, folder: string, expected: string, remedy?: string): HarnessError {
  const detail = {
    subject: folder,
    expected,
    actual: describeFolder(tree, folder),
    ...(remedy !== undefined && { remedy }),
  };
  return new HarnessError("estate-missing", detail);
}

/** The node that a folder of either kind asks for; faults as `readDeclaration`'s. */
export function readNode(folder: string, nodeName?: string): Node {
  return readDeclaration(folder, nodeName).node;
}

/**
 * The estate that a folder declares: the folder with the files itself, a checkout's root, or any folder between.
 * @throws HarnessError or HarnessErrors (exit 2) that tell all faults of all files at once.
 */
export function readEstate(folder: string, tree: FileTree = DISK): Estate {
  const found = findConfigFolder(tree, tree.resolve(folder));
  const errors: HarnessError[] = [];
  const read = (name: string) => readText(tree, found, name, errors);
  const [host, lxc, vm] = [read(FILE_NAMES.host), read(FILE_NAMES.lxc), read(FILE_NAMES.vm)];
  const stacks = tree.entriesOf(found).some((entry) => entry.name === FILE_NAMES.stacks)
    ? read(FILE_NAMES.stacks)
    : undefined;
  if (errors.length > 1) throw new HarnessErrors(errors);
  if (errors[0]) throw errors[0];
  if (!host || !lxc || !vm) throw new TypeError("a file was neither read nor refused");
  const estate = loadEstate(found, { host, lxc, vm, ...(stacks && { stacks }) });
  const operator = readOperator({ tree, sha256Of, decode: decodeStrictly }, found);
  if (!operator) return estate;
  return { ...estate, operator, notes: [...estate.notes, ...passedOver({ operator })] };
}

/** The one folder at or below the given one that holds the host's file. A folder that holds it ends the search there. */
function findConfigFolder(tree: FileTree, folder: string): string {
  const candidates = candidatesBelow(tree, folder);
  const [only, second] = candidates;
  if (only !== undefined && second === undefined) return only;
  if (second !== undefined) {
    const actual = `${candidates.length}: ${candidates.join(", ")}`;
    throw new HarnessError("estate-ambiguous", {
      subject: folder,
      expected: "one configuration below it",
      actual,
    });
  }
  throw missing(tree, folder, PHOENIX_FILES);
}

/** Breadth first, so that the nearest come first; links to folders are not followed, so loops end. */
function candidatesBelow(tree: FileTree, root: string): string[] {
  const found: string[] = [];
  const queue = [{ folder: root, depth: 0 }];
  for (let next = 0; next < Math.min(queue.length, MOST_FOLDERS); next++) {
    const { folder, depth } = queue[next] ?? { folder: root, depth: DEEPEST };
    const entries = tree.entriesOf(folder);
    if (entries.some((entry) => entry.name === FILE_NAMES.host)) found.push(folder);
    else if (depth < DEEPEST) {
      for (const entry of entries) {
        const skipped = entry.name === "node_modules" || entry.name === ".git";
        if (entry.isDirectory() && !skipped)
          queue.push({ folder: join(folder, entry.name), depth: depth + 1 });
      }
    }
  }
  return found.sort();
}

function describeFolder(tree: FileTree, folder: string): string {
  const why = tree.whyNoFolder(folder);
  if (why !== undefined) return why;
  const names = tree.entriesOf(folder).map(({ name }) => name);
  const ours = Object.values(FILE_NAMES).filter((name) => names.includes(name));
  if (ours.length > 0) return `only ${ours.join(", ")}`;
  return names.length === 0 ? "an empty folder" : "none of them";
}

/** The file's text, or undefined with an error added. */
function readText(
  tree: FileTree,
  folder: string,
  name: string,
  errors: HarnessError[],
): FileText | undefined {
  try {
    const bytes = tree.readRegularFile(join(folder, name));
    return { name, bytes: bytes.length, sha256: sha256Of(bytes), text: decode(name, bytes) };
  } catch (error) {
    if (!(error instanceof HarnessError)) throw error;
    errors.push(error);
    return undefined;
  }
}

/** The first byte that is no UTF-8 is named by its place. */
function decode(name: string, bytes: Buffer): string {
  const text = decodeStrictly(bytes);
  if (text !== undefined) return text;
  const before = validPrefix(bytes);
  const position = positionAt(linesOf(name, before), before.length, []);
  throw new HarnessError("json-syntax", {
    subject: describePosition(position),
    expected: "text in UTF-8",
    actual: `the byte 0x${(bytes[Buffer.byteLength(before)] ?? 0).toString(16).padStart(2, "0")}`,
    remedy: "Save the file as UTF-8.",
  });
}
