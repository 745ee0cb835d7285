import { readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { HarnessError } from "../errors.ts";
import type { Estate } from "../policy/estate.ts";
import { FILE_NAMES } from "../policy/files.ts";
import { type FileText, loadEstate } from "../policy/load.ts";
import { type RawTexts, type Replaced, replaceFirewalls } from "../policy/phoenix/replace.ts";
import { describePosition } from "../policy/position.ts";
import type { Node } from "../policy/proxmox/node.ts";
import type { Omission } from "../policy/proxmox/omission.ts";
import { type PhoenixFirewalls, phoenixFirewalls } from "../policy/proxmox/phoenix-json.ts";
import { isProxmoxFolder, type ProxmoxDeclaration, readProxmox } from "../policy/read-proxmox.ts";
import { readEstate } from "../policy/read.ts";
import { asciiJson } from "../reports/ascii-json.ts";
import { parseArguments, usage } from "./arguments.ts";
import { tellAside } from "./aside.ts";
import { type OutFile, writeFolder } from "./out-folder.ts";

export const help = `usage: phx import pve DIR [--node NAME] [--json]
       phx import pve DIR [--node NAME] --estate ESTATE --out FOLDER [--json]

Reads a Proxmox node's own firewall files and says the same in Phoenix JSON: the host's firewall, with the rules of host.fw
before those of cluster.fw, and each guest's. Groups stand at their place; aliases and sets are written out, a set with
exclusions as the fewest networks, a family at a time, a long list as several rules; whom the set management lets in becomes
a rule at the end. Macros, log levels, comments and disabled rules (enable: false) stay. Needs no root.

What Phoenix JSON has no words for is told on stderr, each with its place: "lost" where packets are decided otherwise for it
(macfilter: 0, ipfilter, a blacklist, a second NIC, ...), "note" where none is (a line that Proxmox ignores itself, a log
level, the name of an alias). The rest is still printed or written; the exit status is 1 where something is lost. A rule whose
set would be more than 65,536 networks is lost; a node of more than 100,000 rules, groups and sets written out, is refused.

  DIR                folder with cluster.fw, host.fw and ID.fw, or a copy of /etc/pve; guests' ID.conf tell their NICs

flags:
  --estate ESTATE    folder with Phoenix files: with --out, a copy of them with these firewall sections and all else as it
                     is, to the byte; a guest without a .fw file has no section in it; a guest that ESTATE does not declare
                     is lost. The files are not printed, since they hold secrets
  --out FOLDER       where to write that copy: a folder that is new or empty, all files or none
  --node NAME        which node of a cluster's /etc/pve (default: the one there is, or the one that it was read on)
  --json             on stdout also what was left out; with --out JSON instead of words
  --help             this text

exit status: 0, 1 where something is lost, or 2 where the node has too many rules

example:
  phx import pve /etc/pve
  phx import pve pve-files --estate my-estate --out my-new-estate
`;

const EXPECTED = "pve DIR [--node NAME] [--estate ESTATE --out FOLDER] [--json]";
const TEXT = { type: "string" } as const;
const OPTIONS = { node: TEXT, estate: TEXT, out: TEXT, json: { type: "boolean" } } as const;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArguments("import", EXPECTED, { args, options: OPTIONS }, 2);
  const [form, folder] = positionals;
  if (form !== "pve" || folder === undefined)
    throw usage("import", EXPECTED, positionals.join(" ") || "nothing");
  const { estate, out, json = false } = values;
  if ((estate === undefined) !== (out === undefined)) {
    const alone = estate === undefined ? "--out" : "--estate";
    throw usage("import", "--estate ESTATE and --out FOLDER together", `${alone} alone`);
  }
  const declaration = readPve(folder, values.node);
  return estate === undefined || out === undefined
    ? importAlone(declaration, json)
    : importInto(declaration, readEstate(estate), out, json);
}

function readPve(folder: string, nodeName: string | undefined): ProxmoxDeclaration {
  const root = resolve(folder);
  if (isProxmoxFolder(root)) return readProxmox(root, nodeName);
  throw new HarnessError("estate-missing", {
    subject: folder,
    expected: "cluster.fw, host.fw or a guest's ID.fw in it or in its firewall/",
    actual: "none of them",
    remedy: "Give a node's /etc/pve, or a folder with these files.",
  });
}

function importAlone(declaration: ProxmoxDeclaration, json: boolean): number {
  const firewalls = phoenixFirewalls(declaration.node);
  const omissions = [...ignoredLines(declaration), ...firewalls.omissions];
  print({ ...sectionsOf(firewalls), ...(json ? { omissions } : {}) });
  return tell(omissions);
}

function importInto(given: ProxmoxDeclaration, estate: Estate, out: string, json: boolean): number {
  const declaration = onHostOf(estate, given);
  const { node } = declaration;
  const firewalls = phoenixFirewalls(node, estate.host.subnet);
  const replaced = replaceFirewalls(rawTexts(estate), firewalls);
  const files = estate.files.map(({ name }) => outFile(estate, name, replaced.texts));
  requireLoadable(out, replaced.texts);
  writeFolder({ by: "phx import: --out", folder: out }, files);
  const omissions = [
    ...ignoredLines(declaration),
    ...firewalls.omissions,
    ...undeclared(node, replaced),
    ...removed(node, replaced),
  ];
  const { changed, removed: gone } = replaced;
  if (json) print({ ...sectionsOf(firewalls), omissions, written: { folder: out, changed, removed: gone } });
  else process.stdout.write(`${out}: ${summary(replaced)}\n`);
  return tell(omissions);
}

/** A node whose files do not say where the host is has the estate's. */
function onHostOf(
  { host: { address, bridge, subnet, gateway } }: Estate,
  given: ProxmoxDeclaration,
): ProxmoxDeclaration {
  if (!given.assumedHost) return given;
  const host = { address, bridge, localNetwork: subnet, gateway };
  return {
    ...given,
    node: { ...given.node, host },
    notes: given.notes.filter((note) => note !== given.assumedHost),
  };
}

/** What Proxmox passes over, and what the files leave open: no packet is decided otherwise for it. */
function ignoredLines({ ignored, notes }: ProxmoxDeclaration): readonly Omission[] {
  const assumed = notes.map(({ message, remedy, position }) => ({
    text: position.file,
    reason: `${message}. ${remedy}`,
    position,
  }));
  return [...assumed, ...ignored].map((line) => ({ ...line, decides: false }));
}

function sectionsOf({ host, guests }: PhoenixFirewalls) {
  const sections = [...guests].map(([id, firewall]) => [id, { firewall }] as const);
  return { firewall: host, guests: Object.fromEntries(sections) as Record<string, unknown> };
}

function print(value: unknown): void {
  process.stdout.write(`${asciiJson(value)}\n`);
}

/** Ends with the exit status. */
function tell(omissions: readonly Omission[]): number {
  for (const { text, reason, position, decides } of omissions) {
    const kind = decides ? "lost" : "note";
    tellAside(`${kind}: ${describePosition(position)} ${JSON.stringify(text)}: ${reason}`);
  }
  return omissions.some(({ decides }) => decides) ? 1 : 0;
}

/** As they are on disk: what was read is redacted, and must not be what is written. */
function rawTexts({ folder }: Estate): RawTexts {
  const read = (name: string) => readFileSync(join(folder, name), "utf8");
  return { host: read(FILE_NAMES.host), lxc: read(FILE_NAMES.lxc), vm: read(FILE_NAMES.vm) };
}

/** Who may read the original may read the copy, and nobody else. */
function outFile({ folder }: Estate, name: string, texts: RawTexts): OutFile {
  const path = join(folder, name);
  const mode = statSync(path).mode & 0o777;
  const key = (["host", "lxc", "vm"] as const).find((each) => FILE_NAMES[each] === name);
  return { name, content: key === undefined ? readFileSync(path) : texts[key], mode };
}

/** What does not load is a defect of phx: better told than written. */
function requireLoadable(out: string, { host, lxc, vm }: RawTexts): void {
  const file = (name: string, text: string): FileText => ({
    name,
    text,
    bytes: Buffer.byteLength(text),
    sha256: "",
  });
  loadEstate(out, {
    host: file(FILE_NAMES.host, host),
    lxc: file(FILE_NAMES.lxc, lxc),
    vm: file(FILE_NAMES.vm, vm),
  });
}

function undeclared({ guests }: Node, { undeclared: ids }: Replaced): readonly Omission[] {
  return ids.flatMap((id): readonly Omission[] => {
    const position = guests.get(id)?.position;
    const reason = "the estate declares no such guest";
    return position ? [{ text: `${id}.fw`, reason, position, decides: true }] : [];
  });
}

function removed({ cluster: { position } }: Node, { removed: ids }: Replaced): readonly Omission[] {
  return ids.map((id) => {
    const reason = "the node has no such file, so that the guest has no firewall section any more";
    return { text: `${id}.fw`, reason, position, decides: false };
  });
}

function summary({ changed, removed: gone }: Replaced): string {
  if (changed.length + gone.length === 0) return "the firewall sections say what the node does already";
  const parts = [
    ...(changed.length > 0 ? [`other sections for ${changed.join(", ")}`] : []),
    ...(gone.length > 0 ? [`none any more for ${gone.join(", ")}`] : []),
  ];
  return `${parts.join("; ")}; the rest is as it was`;
}
