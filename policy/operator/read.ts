import { HarnessError } from "../../errors.ts";
import type { FileTree } from "../file-tree.ts";
import type { Operator, OperatorFile, OperatorLink, Server } from "./operator.ts";
import { redact } from "./redact.ts";

/** A configuration has a few KiB; more would only slow its server down. */
const MOST_FILE_BYTES = 1024 * 1024;
const MOST_FILES = 500;
const DEEPEST = 4;

/** What the reading of a file needs of the disk beside the tree. */
export interface Reader {
  readonly tree: FileTree;
  readonly sha256Of: (bytes: Buffer) => string;
  readonly decode: (bytes: Buffer) => string | undefined;
}

interface Place {
  readonly server: Server;
  /** Below the estate's folder. */
  readonly folder: string;
  /** In its guest. */
  readonly path: string;
  /** Whether a file of that name, relative to the folder, is its configuration. */
  readonly takes: (name: string) => boolean;
}

const NGINX =
  /^(?:nginx\.conf|(?:conf\.d|modules-enabled|snippets|sites-available|sites-enabled)\/[^/]+|[\w.-]+\.conf|mime\.types|[\w-]+_params)$/;
const YAML = /\.ya?ml$/;
const TEMPLATE = /\.(?:template|tmpl|tpl|j2)$/;
const PLACES: readonly Place[] = [
  { server: "nginx", folder: "nginx", path: "/etc/nginx", takes: (name) => NGINX.test(name) },
  { server: "traefik", folder: "traefik", path: "/etc/traefik", takes: (name) => YAML.test(name) },
  ...["step-ca", "step_ca", "step-ca/config", "step_ca/config", ""].map((folder): Place => {
    return { server: "step-ca", folder, path: "/etc/step-ca", takes: (name) => name === "ca.json" };
  }),
];
/** What a template has where its tool puts a value in. */
const PLACEHOLDER = /\{\{|\{%|\$\{|__[A-Z][A-Z0-9_]*__|<[A-Z][A-Z0-9_]*>/;

/**
 * The servers' own files of a checkout: `nginx/`, `traefik/` and Step-CA's `ca.json`, in the estate's folder or in its
 * `etc/`. A template without placeholders is read under its name without the suffix. Undefined where there is none.
 * @throws HarnessError (exit 2) for a file that is too large, no text, or a link out of its folder.
 */
export function readOperator(reader: Reader, folder: string): Operator | undefined {
  const roots = ["", "etc/"].filter((below) => {
    const names = reader.tree.entriesOf(`${folder}/${below}`).map(({ name }) => name);
    return names.some((name) => /^(?:nginx|traefik|step[-_]ca|ca\.json)$/.test(name));
  });
  const read = new Reading(reader, folder);
  for (const root of roots) for (const place of PLACES) read.place(root, place);
  return read.result();
}

class Reading {
  readonly #files: OperatorFile[] = [];
  readonly #links: OperatorLink[] = [];
  readonly #leftOut: { name: string; reason: string }[] = [];
  readonly #reader: Reader;
  readonly #folder: string;

  constructor(reader: Reader, folder: string) {
    this.#reader = reader;
    this.#folder = folder;
  }

  result(): Operator | undefined {
    if (this.#files.length === 0 && this.#leftOut.length === 0) return undefined;
    const byName = <T extends { readonly path: string }>(all: readonly T[]) =>
      all.toSorted((a, b) => (a.path < b.path ? -1 : 1));
    return { files: byName(this.#files), links: byName(this.#links), leftOut: this.#leftOut };
  }

  place(root: string, place: Place): void {
    const base = [root.replace(/\/$/, ""), place.folder].filter(Boolean).join("/");
    const linked = this.#reader.tree.linkTarget(`${this.#folder}/${base}`);
    if (linked !== undefined && base !== "") throw outOfFolder(`${this.#folder}/${base}`, linked, place);
    const isAlone = place.server === "step-ca";
    const names = isAlone
      ? this.#names(base, 1).filter((name) => name === "ca.json")
      : this.#names(base, DEEPEST);
    for (const relative of names.sort()) this.#entry(base, relative, place);
  }

  /** Files and links below a folder, relative to it. */
  #names(base: string, depth: number, below = ""): string[] {
    if (depth === 0) return [];
    return this.#reader.tree.entriesOf(`${this.#folder}/${base}/${below}`).flatMap((entry) => {
      const name = `${below}${entry.name}`;
      return entry.isDirectory() ? this.#names(base, depth - 1, `${name}/`) : [name];
    });
  }

  #entry(base: string, relative: string, place: Place): void {
    const name = base === "" ? relative : `${base}/${relative}`;
    const plain = relative.replace(TEMPLATE, "");
    if (/(?:^|\/)(?:\.|[^/]*~$)/.test(relative) || !place.takes(plain)) return this.#unknown(name, relative);
    const target = this.#reader.tree.linkTarget(`${this.#folder}/${name}`);
    if (target !== undefined) return this.#link(name, relative, target, place);
    const file = this.#read(name, `${place.path}/${plain}`, place.server);
    if (plain !== relative) {
      const isThere = this.#reader.tree
        .entriesOf(`${this.#folder}/${name}/..`)
        .some((each) => `${base}/${each.name}` === `${base}/${plain}`);
      const placeholder = PLACEHOLDER.exec(file.text)?.[0];
      if (isThere) return this.#leave(name, `${plain} lies beside it`);
      if (placeholder) return this.#leave(name, `a template with placeholders, the first is ${placeholder}`);
    }
    const other = this.#files.find(({ path }) => path === file.path);
    if (other) throw twice(other, file);
    this.#files.push(file);
    if (this.#files.length > MOST_FILES) throw many(this.#folder);
  }

  /** Certificates and keys lie beside configurations: they are not read, and the lab has its own. */
  #unknown(name: string, relative: string): void {
    if (relative.endsWith(".toml")) this.#leave(name, "Traefik's TOML is not read: give YAML");
    else if (/\.(?:crt|pem|key|cer|p12)$/.test(relative))
      this.#leave(name, "no configuration: the lab has keys and certificates of its own");
  }

  #leave(name: string, reason: string): void {
    this.#leftOut.push({ name, reason });
  }

  #link(name: string, relative: string, target: string, place: Place): void {
    const from = `${place.path}/${relative}`;
    const to = resolved(
      target.startsWith("/") ? target : `${from.slice(0, from.lastIndexOf("/"))}/${target}`,
    );
    if (!to.startsWith(`${place.path}/`)) throw outOfFolder(`${this.#folder}/${name}`, target, place);
    this.#links.push({ path: from, target: to });
  }

  #read(name: string, path: string, server: Server): OperatorFile {
    const subject = `${this.#folder}/${name}`;
    const bytes = this.#reader.tree.readRegularFile(subject);
    if (bytes.length > MOST_FILE_BYTES) throw large(subject, bytes.length);
    const raw = this.#reader.decode(bytes);
    if (raw === undefined || raw.includes("\0")) throw binary(subject);
    const { text, secrets } = redact(server, raw);
    return { server, name, path, bytes: bytes.length, sha256: this.#reader.sha256Of(bytes), text, secrets };
  }
}

/** A path without `.` and `..`. */
function resolved(path: string): string {
  const segments: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(segment);
  }
  return `/${segments.join("/")}`;
}

function outOfFolder(subject: string, target: string, { folder }: Place): HarnessError {
  const remedy = "Put the file itself there: a lab reads nothing outside the operator's own folder.";
  return new HarnessError("estate-unreadable", {
    subject,
    expected: `a link within ${folder}/`,
    actual: `one to ${target}`,
    remedy,
  });
}

function large(subject: string, bytes: number): HarnessError {
  const remedy = "Give the server's own configuration: it has a few KiB.";
  return new HarnessError("estate-unreadable", {
    subject,
    expected: `at most ${MOST_FILE_BYTES} bytes`,
    actual: `${bytes}`,
    remedy,
  });
}

function binary(subject: string): HarnessError {
  const detail = {
    subject,
    expected: "text in UTF-8",
    actual: "bytes that are none",
    remedy: "Take it out of the folder, or save it as UTF-8.",
  };
  return new HarnessError("estate-unreadable", detail);
}

function many(subject: string): HarnessError {
  const remedy = "Give the servers' own configuration: it has a few dozen files.";
  return new HarnessError("estate-unreadable", {
    subject,
    expected: `at most ${MOST_FILES} files of its servers`,
    actual: "more",
    remedy,
  });
}

function twice(one: OperatorFile, other: OperatorFile): HarnessError {
  return new HarnessError("estate-ambiguous", {
    subject: other.name,
    expected: `one file for ${one.path}`,
    actual: `two: ${one.name} and ${other.name}`,
    remedy: "Keep one of the two.",
  });
}
