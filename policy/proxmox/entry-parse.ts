import type { Position } from "../estate.ts";
import { type Family, parseIp } from "../ip.ts";
import type { Alias, SetEntry } from "./file.ts";
import { cutComment } from "./line.ts";
import { parseReference, resolveAlias, type RuleScope } from "./scope.ts";

interface Refused {
  readonly reason: string;
}

/** A line of `[ALIASES]`: a name, one blank or tab, an address or network. */
export function parseAlias(text: string, position: Position): Alias | Refused {
  const { body, comment } = cutComment(text);
  const line = comment === undefined && !text.includes("#") ? body : body.replace(/[ \t\n\r\f\v]+$/, "");
  const [, name = "", address = ""] = /^([^ \t\n\r\f\v]+)[ \t\n\r\f\v]([^ \t\n\r\f\v]+)$/.exec(line) ?? [];
  if (name === "") return { reason: aliasFault(line) };
  const parsed = parseAddress(address);
  if (!parsed) return { reason: `${address} is no address and no network` };
  return { name, ...parsed, ...(comment === undefined ? {} : { comment }), position };
}

function aliasFault(line: string): string {
  const words = line.split(/[ \t\n\r\f\v]+/, 3).filter((word) => word !== "");
  if (line.endsWith("\r")) return "a carriage return behind the address";
  if (words.length === 2) return "exactly one blank or tab stands between an alias and its address";
  return "an alias is a name, one blank and an address or network";
}

/** A line of `[IPSET name]`; `taken` holds the addresses above it in its section. */
export function parseEntry(
  text: string,
  position: Position,
  scope: RuleScope,
  taken: ReadonlySet<string>,
): SetEntry | Refused {
  const { body, comment } = cutComment(text);
  const [, mark, word = ""] = /^(!)?[ \t\n\r\f\v]*([^ \t\n\r\f\v]+)[ \t\n\r\f\v]*$/.exec(body) ?? [];
  if (word === "") return { reason: "an entry is one address, network or alias, with or without a `!`" };
  const address = entryAddress(word, scope);
  if (typeof address !== "string") return address;
  if (/\/0+$/.test(address)) return { reason: "a prefix of 0 is not allowed in a set" };
  if (taken.has(address))
    return { reason: `${address} stands above in this set already, with or without \`!\`` };
  return { address, nomatch: mark === "!", ...(comment === undefined ? {} : { comment }), position };
}

function entryAddress(word: string, scope: RuleScope): string | Refused {
  const reference = word.length > LONGEST ? undefined : parseReference(word);
  if (!reference) return parseAddress(word)?.cidr ?? { reason: `${word} is no address, network or alias` };
  if (reference.kind === "set") return { reason: "a set can't hold a set" };
  return resolveAlias(scope, reference) ? word : { reason: `no such alias ${word} up to here` };
}

const LONGEST = 65_536;

/** Host bits stay, and the prefix's length is not checked: `10.0.0.0/33` passes here. A `/32` or `/128` is dropped. */
function parseAddress(text: string): { readonly cidr: string; readonly family: Family } | undefined {
  if (text.length > LONGEST) return undefined;
  const slash = text.indexOf("/");
  const address = slash < 0 ? text : text.slice(0, slash);
  const prefix = slash < 0 ? undefined : text.slice(slash + 1);
  const ip = parseIp(address);
  if (!ip || (prefix !== undefined && !/^\d+$/.test(prefix))) return undefined;
  const isWhole = prefix === undefined || prefix === (ip.family === 4 ? "32" : "128");
  return { cidr: isWhole ? address : text, family: ip.family };
}
