import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { worlds } from "../fixtures/vectors.ts";
import { FILE_NAMES } from "../policy/files.ts";
import { type FileText, loadEstate } from "../policy/load.ts";
import type { FileKind } from "../policy/proxmox/file.ts";
import { parseFirewallFile } from "../policy/proxmox/parse.ts";
import { printFirewallFile } from "../policy/proxmox/print.ts";
import { readDeclaration, readEstate } from "../policy/read.ts";
import { parseSource } from "../policy/source.ts";
import { readVectors } from "../policy/vector-file.ts";
import {
  FIREWALL_TEXTS,
  FIREWALL_WORDS,
  HARDWARE_TEXTS,
  JSON_WORDS,
  SMALL_ESTATE,
  VECTORS,
} from "./corpus.ts";
import type { Material } from "./mutate.ts";

/** What a reader made of an input, and the texts in which its positions have to lie, by the file that they name. */
export interface Reading {
  readonly texts: Readonly<Record<string, string>>;
  /** Reads. A HarnessError is an answer; anything else that it throws is a crash. */
  read(): unknown;
}

/** One kind of input of a reader. */
export interface Subject {
  readonly file: string;
  readonly format: "json" | "json-lines" | "text";
  readonly material: Material;
  /** What ends a line. */
  readonly lineEnd: RegExp;
  prepare(bytes: Buffer): Reading;
}

export interface Reader {
  readonly name: string;
  readonly subjects: readonly [Subject, ...Subject[]];
}

type Kind = keyof typeof FILE_NAMES;
type EstateTexts = Readonly<Record<Kind, string>>;

const KINDS: readonly Kind[] = ["host", "lxc", "vm", "stacks"];
const ESTATES = fileURLToPath(new URL("../fixtures/estates", import.meta.url));
const JSON_LINE_END = /\r\n|\n|\r/;

/** Every reader of the project. `scratch` is an empty folder for those that read folders. */
export function readersOf(scratch: string): readonly Reader[] {
  const found = [SMALL_ESTATE, SMALL_ESTATE, SMALL_ESTATE, ...declaredEstates()];
  const shared = sharedVectors();
  return [
    sourceReader(found),
    estateReader("load", found, loaded),
    estateReader("folder", found, onDisk(scratch)),
    firewallReader(shared),
    nodeReader(scratch),
    vectorReader(shared),
  ];
}

const SHARED = new URL("../../shared/vectors/", import.meta.url);

/** Whether the vectors lie beside the repository: without them the corpora are the repository's own alone. */
export const HAS_SHARED = existsSync(SHARED);

/** Some lines of vectors as they are. */
function sharedVectors(): readonly string[] {
  if (!HAS_SHARED) return [];
  return ["pve-general.jsonl", "pve-phoenix.jsonl"].flatMap((name) =>
    readFileSync(new URL(name, SHARED), "latin1").split("\n", 2),
  );
}

/** The estates of the repository but its mistakes, which say little new; what one of them lacks is the small one's. */
function declaredEstates(): readonly EstateTexts[] {
  const folders = readdirSync(ESTATES).filter((name) => existsSync(join(ESTATES, name, FILE_NAMES.host)));
  return folders.map((name) => {
    const read = (kind: Kind): string => {
      const path = join(ESTATES, name, FILE_NAMES[kind]);
      return existsSync(path) ? readFileSync(path, "latin1") : SMALL_ESTATE[kind];
    };
    return { host: read("host"), lxc: read("lxc"), vm: read("vm"), stacks: read("stacks") };
  });
}

function sourceReader(found: readonly EstateTexts[]): Reader {
  const samples = found.flatMap((each) => KINDS.map((kind) => each[kind]));
  const prepare = (bytes: Buffer): Reading => {
    const text = textOf(bytes);
    return { texts: { "source.json": text }, read: () => parseSource("source.json", text) };
  };
  return { name: "source", subjects: some([jsonSubject("source.json", samples, prepare)]) };
}

/** An estate with one of its files changed. */
function estateReader(
  name: string,
  found: readonly EstateTexts[],
  prepare: (estate: EstateTexts, kind: Kind, bytes: Buffer) => Reading,
): Reader {
  const subjects = found.flatMap((estate) =>
    KINDS.map((kind) =>
      jsonSubject(FILE_NAMES[kind], [estate[kind]], (bytes) => prepare(estate, kind, bytes)),
    ),
  );
  return { name, subjects: some(subjects) };
}

function jsonSubject(file: string, samples: readonly string[], prepare: Subject["prepare"]): Subject {
  const material = { samples: some(samples), dictionary: JSON_WORDS };
  return { file, format: "json", material, lineEnd: JSON_LINE_END, prepare };
}

function loaded(estate: EstateTexts, changed: Kind, bytes: Buffer): Reading {
  const textFor = (kind: Kind): string =>
    textOf(kind === changed ? bytes : Buffer.from(estate[kind], "latin1"));
  const file = (kind: Kind): FileText => ({
    name: FILE_NAMES[kind],
    text: textFor(kind),
    bytes: bytes.length,
    sha256: "",
  });
  const files = { host: file("host"), lxc: file("lxc"), vm: file("vm"), stacks: file("stacks") };
  const texts = Object.fromEntries(Object.values(files).map(({ name, text }) => [name, text]));
  return { texts, read: () => loadEstate("fuzz", files) };
}

/** The same from folders, one an estate: bytes that are no UTF-8 reach the reader as they are. */
function onDisk(scratch: string): (estate: EstateTexts, changed: Kind, bytes: Buffer) => Reading {
  const folders = new Map<EstateTexts, string>();
  const changedIn = new Map<string, Kind>();
  const write = (folder: string, kind: Kind, bytes: Buffer) =>
    writeFileSync(join(folder, FILE_NAMES[kind]), bytes);
  const bytesOf = (estate: EstateTexts, kind: Kind) => Buffer.from(estate[kind], "latin1");
  const folderOf = (estate: EstateTexts): string => {
    const folder = folders.get(estate) ?? mkdtempSync(join(scratch, "estate-"));
    if (!folders.has(estate)) for (const kind of KINDS) write(folder, kind, bytesOf(estate, kind));
    folders.set(estate, folder);
    return folder;
  };
  return (estate, changed, bytes) => {
    const folder = folderOf(estate);
    const contents = KINDS.map((kind) => (kind === changed ? bytes : bytesOf(estate, kind)).toString("utf8"));
    const texts = Object.fromEntries(KINDS.map((kind, index) => [FILE_NAMES[kind], contents[index] ?? ""]));
    const before = changedIn.get(folder);
    if (before !== undefined && before !== changed) write(folder, before, bytesOf(estate, before));
    write(folder, changed, bytes);
    changedIn.set(folder, changed);
    return { texts, read: () => readEstate(folder) };
  };
}

const KIND_NAMES = { cluster: "cluster.fw", host: "host.fw", guest: "101.fw" } as const;

/** A .fw file, which sees an unchanged cluster.fw. What was read must print as what reads the same. */
function firewallReader(shared: readonly string[]): Reader {
  const kinds = ["cluster", "host", "guest"] as const;
  return { name: "firewall", subjects: some(kinds.map((kind) => firewallSubject(kind, shared))) };
}

function firewallSubject(kind: FileKind, shared: readonly string[]): Subject {
  const file = KIND_NAMES[kind];
  const samples = [FIREWALL_TEXTS[kind], ...shared.flatMap((line) => firewallTexts(line, kind))];
  const cluster = parseFirewallFile("cluster", KIND_NAMES.cluster, FIREWALL_TEXTS.cluster);
  const parse = (text: string) =>
    kind === "cluster" ? parseFirewallFile(kind, file, text) : parseFirewallFile(kind, file, text, cluster);
  const prepare = (bytes: Buffer): Reading => {
    const text = textOf(bytes);
    const read = () => {
      const found = parse(text);
      const printed = printFirewallFile(found);
      const again = printFirewallFile(parse(printed));
      if (again !== printed)
        throw new Error(`it prints otherwise once read again: ${JSON.stringify(printed)}`);
      return found;
    };
    return {
      texts: { [file]: text, [KIND_NAMES.cluster]: kind === "cluster" ? text : FIREWALL_TEXTS.cluster },
      read,
    };
  };
  const material = { samples: some(samples), dictionary: FIREWALL_WORDS };
  return { file, format: "text", material, lineEnd: /\n/, prepare };
}

function firewallTexts(vector: string, kind: FileKind): readonly string[] {
  const { files } = JSON.parse(vector) as { readonly files: Readonly<Record<string, string>> };
  const isOfKind = (name: string) => (kind === "guest" ? /^\d/.test(name) : name === KIND_NAMES[kind]);
  return Object.entries(files).flatMap(([name, text]) => (isOfKind(name) ? [text] : []));
}

const NODE_TEXTS: Readonly<Record<string, string>> = {
  "cluster.fw": FIREWALL_TEXTS.cluster,
  "host.fw": FIREWALL_TEXTS.host,
  "101.fw": FIREWALL_TEXTS.guest,
  ...HARDWARE_TEXTS,
};

/** A folder of Proxmox's files with one of them changed. */
function nodeReader(scratch: string): Reader {
  const names = Object.keys(NODE_TEXTS);
  const subjects = names.map((file): Subject => {
    const folder = mkdtempSync(join(scratch, "node-"));
    for (const name of names) writeFileSync(join(folder, name), NODE_TEXTS[name] ?? "", "latin1");
    const prepare = (bytes: Buffer): Reading => {
      writeFileSync(join(folder, file), bytes);
      const texts = { ...NODE_TEXTS, [file]: bytes.toString("utf8") };
      return { texts, read: () => readDeclaration(folder) };
    };
    const material = { samples: some([NODE_TEXTS[file] ?? ""]), dictionary: FIREWALL_WORDS };
    return { file, format: "text", material, lineEnd: /\n/, prepare };
  });
  return { name: "node", subjects: some(subjects) };
}

function vectorReader(shared: readonly string[]): Reader {
  const machines = worlds();
  const file = "fuzz.jsonl";
  const prepare = (bytes: Buffer): Reading => {
    const text = textOf(bytes);
    // Its .fw files are texts of their own, and the firewall reader's.
    const read = () => readVectors(file, text, machines).map(({ line }) => ({ file, line, column: 1 }));
    return { texts: { [file]: text }, read };
  };
  const material = {
    samples: some([...VECTORS, ...VECTORS, ...VECTORS, ...shared]),
    dictionary: some([...JSON_WORDS, ...FIREWALL_WORDS]),
  };
  return { name: "vectors", subjects: [{ file, format: "json-lines", material, lineEnd: /\n/, prepare }] };
}

/** Text as a decoder that replaces gives it; half a surrogate pair, which it can't give, in place of its bytes. */
function textOf(bytes: Buffer): string {
  return bytes.toString("utf8").replaceAll("\uFFFD\uFFFD\uFFFD", "\uD800");
}

function some<T>(list: readonly T[]): readonly [T, ...T[]] {
  const [first, ...rest] = list;
  if (first === undefined) throw new TypeError("a reader without an input");
  return [first, ...rest];
}
