import { describePosition } from "../policy/position.ts";
import { type Export, exportEstate, type NodeFile } from "../policy/proxmox/export.ts";
import { readEstate } from "../policy/read.ts";
import { asciiJson } from "../reports/ascii-json.ts";
import { parseArguments, usage } from "./arguments.ts";
import { tellAside } from "./aside.ts";
import { REFERENCE_FOLDER } from "./labs.ts";
import { type OutFile, writeFolder } from "./out-folder.ts";

export const help = `usage: phx export pve [DIR] [--out FOLDER] [--json]

Writes the firewall that the Phoenix files declare as Proxmox's own files: cluster.fw, and a .fw file for each guest with a
firewall section. Beside them what the firewall depends on, in part and not for a node to take as it is: 'interfaces' with the
host's address, and for each guest a .conf with its net0 line, which says whether the NIC carries firewall=1. There is no
host.fw: Phoenix says nothing that belongs in one. 'phx import pve' reads them back to the same decisions.
A rule that Proxmox would pass over becomes a comment with the reason, is told on stderr, and makes the exit status 1. A
template, or a guest on DHCP, is left out, and told on stderr. Needs no root.

  DIR            folder with the Phoenix files (default: the reference estate)

flags:
  --out FOLDER   write into this folder, new or empty, all files or none (default: print them all)
  --json         the files by name and the refused rules as JSON
  --help         this text

exit status: 0, or 1 where a rule was refused

example:
  phx export pve my-estate --out pve-files
`;

const EXPECTED = "pve [DIR] [--out FOLDER] [--json]";
const OPTIONS = { out: { type: "string" }, json: { type: "boolean" } } as const;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArguments("export", EXPECTED, { args, options: OPTIONS }, 2);
  const [form, folder = REFERENCE_FOLDER] = positionals;
  if (form !== "pve") throw usage("export", EXPECTED, form ?? "nothing");
  const estate = readEstate(folder);
  const made = exportEstate(estate);
  if (values.out !== undefined) writeFolder("export", values.out, made.files.map(toWrite));
  process.stdout.write(values.json ? inJson(made) : inWords(made, values.out));
  for (const { id, name, reason } of estate.leftOut) tellAside(`left out: guest ${id} (${name}): ${reason}`);
  for (const { text, reason, position } of made.refused)
    tellAside(`refused: ${describePosition(position)} ${JSON.stringify(text)}: ${reason}`);
  return made.refused.length > 0 ? 1 : 0;
}

function toWrite({ name, text }: NodeFile): OutFile {
  return { name, content: text };
}

function inJson({ files, refused }: Export): string {
  const byName = Object.fromEntries(files.map(({ name, text }) => [name, text]));
  return `${asciiJson({ files: byName, refused })}\n`;
}

function inWords({ files }: Export, out: string | undefined): string {
  if (out !== undefined) return `${out}: ${files.map(({ name }) => name).join(", ")}\n`;
  return files.map(({ name, text }) => `# ==> ${name}\n${text}`).join("\n");
}
