import { templatesOf } from "../converge/operator/templates.ts";
import { SERVERS, type Server } from "../policy/operator/operator.ts";
import { describePosition } from "../policy/position.ts";
import { type Export, exportEstate, type NodeFile } from "../policy/proxmox/export.ts";
import { readEstate } from "../policy/read.ts";
import { asciiJson } from "../reports/ascii-json.ts";
import { parseArguments, usage } from "./arguments.ts";
import { tellAside } from "./aside.ts";
import { REFERENCE_FOLDER } from "./labs.ts";
import { type OutFile, writeFolder } from "./out-folder.ts";

export const help = `usage: phx export pve [DIR] [--out FOLDER] [--json]
       phx export nginx|traefik|step-ca FOLDER [DIR] [--force]

'nginx', 'traefik' and 'step-ca' write phx's own configuration of that server for the files of DIR into FOLDER, with the paths
of a real guest: what the lab runs where the checkout carries none. It is for /etc/nginx, /etc/traefik or /etc/step-ca of the
guest; comments tell which keys and certificates to put there. Laid into nginx/, traefik/ or step-ca/ beside the Phoenix files,
the lab loads it from there.

'pve' writes the firewall that the Phoenix files declare as Proxmox's own files: cluster.fw, and a .fw file for each guest with a
firewall section. Beside them what the firewall depends on, in part and not for a node to take as it is: 'interfaces' with the
host's address, and for each guest a .conf with its net0 line, which says whether the NIC carries firewall=1. There is no
host.fw: Phoenix says nothing that belongs in one. 'phx import pve' reads them back to the same decisions.
A rule that Proxmox would pass over becomes a comment with the reason, is told on stderr, and makes the exit status 1. A
template, or a guest on DHCP, is left out, and told on stderr. Needs no root.

  DIR            folder with the Phoenix files (default: the reference estate)
  FOLDER         where to write, new or empty

flags:
  --force        write into a FOLDER that holds something, and replace files of the same names
  --out FOLDER   of pve: write into this folder, new or empty, all files or none (default: print them all)
  --json         of pve: the files by name and the refused rules as JSON
  --help         this text

exit status: 0, or 1 where a rule was refused

example:
  phx export pve my-estate --out pve-files
  phx export nginx my-estate/nginx my-estate
`;

const EXPECTED = "pve [DIR] [--out FOLDER] [--json], or nginx, traefik or step-ca FOLDER [DIR] [--force]";
const OPTIONS = { out: { type: "string" }, json: { type: "boolean" }, force: { type: "boolean" } } as const;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArguments("export", EXPECTED, { args, options: OPTIONS }, 3);
  const [form, folder = REFERENCE_FOLDER] = positionals;
  const server = SERVERS.find((each) => each === form);
  if (server) return exportTemplates(server, positionals.slice(1), values);
  if (form !== "pve" || values.force || positionals.length > 2)
    throw usage("export", EXPECTED, positionals.join(" ") || "nothing");
  const estate = readEstate(folder);
  const made = exportEstate(estate);
  if (values.out !== undefined)
    writeFolder({ by: "phx export pve: --out", folder: values.out }, made.files.map(toWrite));
  process.stdout.write(values.json ? inJson(made) : inWords(made, values.out));
  for (const { id, name, reason } of estate.leftOut) tellAside(`left out: guest ${id} (${name}): ${reason}`);
  for (const { text, reason, position } of made.refused)
    tellAside(`refused: ${describePosition(position)} ${JSON.stringify(text)}: ${reason}`);
  return made.refused.length > 0 ? 1 : 0;
}

/** Nothing is printed of the files themselves: they are for a folder. */
function exportTemplates(
  server: Server,
  [out, folder = REFERENCE_FOLDER]: readonly string[],
  { out: other, json, force }: { out?: string; json?: boolean; force?: boolean },
): number {
  if (out === undefined) throw usage("export", `a FOLDER behind ${server}`, "none");
  if (other !== undefined || json)
    throw usage("export", EXPECTED, `${server} with ${json ? "--json" : "--out"}, which is of pve alone`);
  const { folder: place, files } = templatesOf(readEstate(folder), server);
  writeFolder({ by: `phx export ${server}:`, folder: out, force: force === true }, files);
  process.stdout.write(`${out}: ${files.map(({ name }) => name).join(", ")}, for ${place} of its guest\n`);
  return 0;
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
