import { basename, join } from "node:path";
import { HarnessError, HarnessErrors } from "../errors.ts";
import type { Note, Position, SourceFile } from "./estate.ts";
import type { FileTree } from "./file-tree.ts";
import { remark } from "./note.ts";
import { type ProxmoxFolder, parseFolder } from "./proxmox/folder.ts";
import { DISK, decodeStrictly, MOST_BYTES, sha256Of, tooLarge, validPrefix } from "./read-file.ts";
import { redactLines } from "./secret.ts";

/** A folder of Proxmox's own files, read. */
export interface ProxmoxDeclaration extends ProxmoxFolder {
  readonly folder: string;
  /** Of a guest's hardware only the lines of its NICs: the others are not ours to show. */
  readonly files: readonly SourceFile[];
}

const RULES = /^(?:cluster|host|[1-9]\d{2,8})\.fw$/;
const HARDWARE = /^[1-9]\d{2,8}\.conf$/;
const HARDWARE_FOLDERS = ["lxc", "qemu-server"];
/** A rule each would be ten times what any declaration may have; more would not fit into memory. */
const MOST_LINES = 1_000_000;

/** Whether rule files lie in the folder itself or in its `firewall/`. */
export function isProxmoxFolder(folder: string, tree: FileTree = DISK): boolean {
  return [folder, join(folder, "firewall")].some((each) =>
    tree.entriesOf(each).some(({ name }) => RULES.test(name)),
  );
}

/**
 * Reads a folder of .fw files, flat or as /etc/pve has them. In the latter `local` names the node where nothing else does.
 * @throws HarnessError (exit 2) for a file that can't be read, or several nodes of which none is named.
 */
export function readProxmox(folder: string, nodeName?: string, tree: FileTree = DISK): ProxmoxDeclaration {
  const notes: Note[] = [];
  const errors: HarnessError[] = [];
  const read = pathsIn(tree, folder).flatMap((path) => readText({ tree, folder, notes, errors }, path));
  if (errors.length > 1) throw new HarnessErrors(errors);
  if (errors[0]) throw errors[0];
  notes.push(...strangers(tree, folder));
  const total = read.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total > MOST_BYTES) throw tooLarge(folder, total);
  const texts = new Map(read.map(({ name, text }) => [name, text]));
  const parsed = parseFolder(texts, folder, nodeName ?? localNode(tree, folder));
  const files = read.map((file) => ({ ...file, text: shown(file) }));
  return { ...parsed, notes: [...notes, ...parsed.notes], folder, files };
}

/** Files that look like rules and have no name that Proxmox reads. */
function strangers(tree: FileTree, folder: string): Note[] {
  const paths = ["", "firewall"].flatMap((below) =>
    tree.entriesOf(join(folder, below)).map(({ name }) => ({ name, path: join(below, name) })),
  );
  return paths
    .filter(({ name }) => /\.fw$/i.test(name) && !RULES.test(name))
    .map(({ path: file }) =>
      remark(
        { file, line: 1, column: 1, pointer: "" },
        "no name of a firewall file: Proxmox does not read it",
        "Name it cluster.fw, host.fw, or ID.fw with a guest's id.",
      ),
    );
}

/** A folder that is being read. */
interface Reading {
  readonly tree: FileTree;
  readonly folder: string;
  readonly notes: Note[];
  readonly errors: HarnessError[];
}

function readText({ tree, folder, notes, errors }: Reading, name: string): SourceFile[] {
  try {
    const bytes = tree.readRegularFile(join(folder, name));
    const text = redactLines(decode(name, bytes, notes));
    refuseLines(join(folder, name), text);
    return [{ name, bytes: bytes.length, sha256: sha256Of(bytes), text }];
  } catch (error) {
    if (!(error instanceof HarnessError)) throw error;
    errors.push(error);
    return [];
  }
}

function localNode(tree: FileTree, folder: string): string | undefined {
  const target = tree.linkTarget(join(folder, "local"));
  return target === undefined ? undefined : basename(target);
}

/** Every file that says something, in an order that does not depend on the disk. */
function pathsIn(tree: FileTree, folder: string): string[] {
  const named = (below: string, form: RegExp) =>
    tree.entriesOf(join(folder, below)).flatMap(({ name }) => (form.test(name) ? [join(below, name)] : []));
  const nodes = tree
    .entriesOf(join(folder, "nodes"))
    .flatMap(({ name }) => [
      ...named(join("nodes", name), /^(?:host\.fw|interfaces)$/),
      ...HARDWARE_FOLDERS.flatMap((each) => named(join("nodes", name, each), HARDWARE)),
    ]);
  return [
    ...named("", RULES),
    ...named("", HARDWARE),
    ...named("", /^(?:interfaces|corosync\.conf)$/),
    ...named("network", /^interfaces$/),
    ...named("firewall", RULES),
    ...nodes,
  ].sort();
}

/** Proxmox reads bytes: one that is no UTF-8 spoils no more than the word it stands in. */
function decode(path: string, bytes: Buffer, notes: Note[]): string {
  const strict = decodeStrictly(bytes);
  if (strict !== undefined) return strict;
  const before = validPrefix(bytes);
  const byte = bytes[Buffer.byteLength(before)] ?? 0;
  const message = `the byte 0x${byte.toString(16).padStart(2, "0")} is no UTF-8: read as U+FFFD, as any other like it`;
  notes.push(remark(endOf(path, before), message, "Save the file as UTF-8."));
  return bytes.toString("utf8");
}

function endOf(file: string, text: string): Position {
  const line = text.split("\n").length;
  return { file, line, column: text.length - text.lastIndexOf("\n"), pointer: "" };
}

function refuseLines(path: string, text: string): void {
  let lines = 1;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines++;
  if (lines <= MOST_LINES) return;
  const remedy = "Give a declaration's own files: they have a few hundred lines.";
  const detail = { subject: path, expected: `at most ${MOST_LINES} lines`, actual: `${lines}`, remedy };
  throw new HarnessError("estate-unreadable", detail);
}

function shown({ name, text }: SourceFile): string {
  return name.endsWith(".conf") ? text.replace(/^(?!net\d+:).+$/gm, "") : text;
}
