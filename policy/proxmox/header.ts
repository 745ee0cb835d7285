import type { FileKind } from "./file.ts";
import { cutComment, lowerCase } from "./line.ts";

/** What a section header opens; `refused` drops the section, so that its lines stand in none. */
export type Header =
  | { readonly section: "options" | "aliases" | "rules" }
  | { readonly section: "ipset" | "group"; readonly name: string; readonly comment?: string }
  | { readonly section: "refused"; readonly reason: string };

const SECTIONS: Readonly<Record<FileKind, ReadonlySet<string>>> = {
  cluster: new Set(["options", "aliases", "ipset", "group", "rules"]),
  host: new Set(["options", "rules"]),
  guest: new Set(["options", "aliases", "ipset", "rules"]),
};
const LONGEST_NAME = { ipset: 64, group: 18 } as const;
const NAMED = /^\[(ipset|group)[ \t\n\r\f\v]+([^ \t\n\r\f\v]+)\][ \t\n\r\f\v]*(#[^]*)?$/i;

/** The header that a line is in this kind of file; undefined where it is none: then it belongs to the section above it. */
export function parseHeader(kind: FileKind, text: string): Header | undefined {
  if (!text.startsWith("[")) return undefined;
  const plain = /^\[(options|aliases|rules)\]$/i.exec(text)?.[1];
  if (plain !== undefined) return plainHeader(kind, lowerCase(plain));
  const [, word, written = "", tail = ""] = NAMED.exec(text) ?? [];
  if (word === undefined) return undefined;
  const section = lowerCase(word) === "group" ? "group" : "ipset";
  if (!SECTIONS[kind].has(section)) return undefined;
  const name = lowerCase(written);
  const reason = nameFault(section, name);
  if (reason !== undefined) return { section: "refused", reason };
  const { comment } = cutComment(tail);
  return { section, name, ...(comment === undefined ? {} : { comment }) };
}

function plainHeader(kind: FileKind, section: string): Header | undefined {
  if (section !== "options" && section !== "aliases" && section !== "rules") return undefined;
  return SECTIONS[kind].has(section) ? { section } : undefined;
}

function nameFault(section: "ipset" | "group", name: string): string | undefined {
  const most = LONGEST_NAME[section];
  if (name.length > most)
    return `a name of an ${section} has at most ${most} characters`.replace("an g", "a g");
  if (/^[a-z][a-z0-9_-]+$/.test(name)) return undefined;
  return `the name is a letter and one or more letters, digits, \`-\` or \`_\``;
}

const NAMES = { cluster: "cluster.fw", host: "host.fw", guest: "a guest's .fw file" } as const;

/** Why a line that looks like a section header is none; undefined where it does not look like one. */
export function headerFault(kind: FileKind, text: string): string | undefined {
  const [, mark, word] = /^(\uFEFF?)\[([a-z]+)/i.exec(text) ?? [];
  if (word === undefined) return undefined;
  const goesOn = "so the section above it goes on";
  if (mark !== "") return `a byte order mark before it: no section header, ${goesOn}`;
  const section = lowerCase(word);
  const hasName = section === "ipset" || section === "group";
  if (!SECTIONS[kind].has(section)) return `no section header of ${NAMES[kind]}, ${goesOn}`;
  if (text.endsWith("\r")) return `a carriage return behind it: no section header, ${goesOn}`;
  if (text.includes("#") && !hasName) return `a comment behind it: no section header, ${goesOn}`;
  const form = hasName ? `[${section.toUpperCase()} name]` : `[${section.toUpperCase()}]`;
  return `no section header (${form} alone on its line), ${goesOn}`;
}
