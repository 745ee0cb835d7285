import type { Position } from "../estate.ts";
import { redactLines } from "../secret.ts";
import { parseAlias, parseEntry } from "./entry-parse.ts";
import {
  type Alias,
  type Definitions,
  type FileKind,
  type FirewallFile,
  type FirewallRule,
  NO_DEFINITIONS,
} from "./file.ts";
import { type Header, headerFault, parseHeader } from "./header.ts";
import { contentLines, ignoredLine, type Line, lowerCase } from "./line.ts";
import { parseOption } from "./option-line.ts";
import {
  fileOf,
  forget,
  type Kept,
  type Named,
  positionOf,
  put,
  type Reader,
  readerOf,
  scopeOf,
} from "./reader.ts";
import { parseRule } from "./rule-parse.ts";

/**
 * Reads a .fw file as pve-firewall 6.0.4 does (`pve-firewall.md` section 2). No text is refused: what Proxmox does not
 * understand, it passes over, and that is in `ignored`. A guest's and the host's file see `dc`, the whole cluster.fw.
 */
export function parseFirewallFile(
  kind: FileKind,
  name: string,
  text: string,
  dc: Definitions = NO_DEFINITIONS,
): FirewallFile {
  const reader = readerOf(kind, name, dc);
  for (const line of contentLines(redactLines(text))) readLine(reader, line);
  return fileOf(reader);
}

function readLine(reader: Reader, line: Line): void {
  const header = parseHeader(reader.kind, line.text);
  if (header) {
    openSection(reader, header, line);
    return;
  }
  const position = positionOf(reader, line);
  const reason = readContent(reader, line.text, position);
  if (reason === undefined) return;
  reader.ignored.push(ignoredLine(line.text, headerFault(reader.kind, line.text) ?? reason, position));
}

/** Why the line is passed over; undefined where it counts. */
function readContent(reader: Reader, text: string, position: Position): string | undefined {
  const { section } = reader;
  switch (section.section) {
    case "none":
      return section.reason;
    case "options":
      return readOption(reader, text, position);
    case "aliases":
      return readAlias(reader, text, position);
    case "ipset": {
      const entry = parseEntry(text, position, scopeOf(reader, false), section.taken);
      if ("reason" in entry) return entry.reason;
      section.taken.add(entry.address);
      section.set.items.push({ text, value: entry });
      return undefined;
    }
    case "group":
      return readRuleInto(section.group.items, reader, text, position, true);
    case "rules":
      return readRuleInto(reader.rules, reader, text, position, false);
  }
}

function readOption(reader: Reader, text: string, position: Position): string | undefined {
  const option = parseOption(reader.kind, text);
  if ("reason" in option) return option.reason;
  put(reader, reader.options, option.key, { text, value: { value: option.value, position } });
  return undefined;
}

function readAlias(reader: Reader, text: string, position: Position): string | undefined {
  const alias = parseAlias(text, position);
  if ("reason" in alias) return alias.reason;
  const key = lowerCase(alias.name);
  const seen: Alias | undefined = reader.defined.aliases.get(key) ?? reader.dc.aliases.get(key);
  if (seen && seen.family !== alias.family) reader.isFamilyChanged = true;
  put(reader, reader.aliases, key, { text, value: alias });
  reader.defined.aliases.set(key, alias);
  return undefined;
}

function readRuleInto(
  rules: Kept<FirewallRule>[],
  reader: Reader,
  text: string,
  position: Position,
  isGroup: boolean,
): string | undefined {
  const rule = parseRule(text, position, scopeOf(reader, isGroup));
  if ("reason" in rule) return rule.reason;
  rules.push({ text, value: rule });
  return undefined;
}

function openSection(reader: Reader, header: Header, line: Line): void {
  switch (header.section) {
    case "options":
    case "aliases":
    case "rules":
      reader.section = { section: header.section, pointer: `[${header.section.toUpperCase()}]` };
      return;
    case "ipset": {
      const pointer = `[IPSET ${header.name}]`;
      const set = openNamed(reader, reader.sets, header, line, pointer);
      const { position } = set.header.value;
      reader.defined.sets.set(set.name, { name: set.name, entries: [], position });
      reader.section = { section: "ipset", pointer, set, taken: new Set() };
      return;
    }
    case "group": {
      const pointer = `[GROUP ${header.name}]`;
      reader.section = {
        section: "group",
        pointer,
        group: openNamed(reader, reader.groups, header, line, pointer),
      };
      return;
    }
    case "refused":
      reader.section = { section: "none", pointer: "", reason: `its section was dropped: ${header.reason}` };
      reader.ignored.push(ignoredLine(line.text, header.reason, positionOf(reader, line)));
  }
}

/** Opens a set or a group anew: what an earlier section of that name held is gone. */
function openNamed<T extends { readonly position: Position }>(
  reader: Reader,
  all: Map<string, Named<T>>,
  { name, comment }: { readonly name: string; readonly comment?: string },
  { text, number: line, column }: Line,
  pointer: string,
): Named<T> {
  const earlier = all.get(name);
  const again = `${pointer} stands again on line ${line}: the last one counts`;
  if (earlier) forget(reader, [earlier.header, ...earlier.items], again);
  const said = comment ?? earlier?.comment;
  const position = { file: reader.name, line, column, pointer };
  const opened: Named<T> = {
    name,
    ...(said === undefined ? {} : { comment: said }),
    header: { text, value: { position } },
    items: [],
  };
  all.set(name, opened);
  return opened;
}
