import type { Position } from "../estate.ts";
import { REDACTED, redactWords } from "../secret.ts";
import type { IgnoredLine } from "./file.ts";

/** A line that says something, or tries to: neither blank nor a comment. */
export interface Line {
  /** Without blanks and tabs around it. A CR stays: to Proxmox it is no end of a line. */
  readonly text: string;
  /** From 1, in UTF-16 units, of the first character that is no blank. */
  readonly number: number;
  readonly column: number;
}

/** Perl's white space over bytes: JavaScript's `\s` would take a byte order mark and no-break spaces too. */
const SPACE = " \t\n\r\f\v";
const NO_SPACE = /[^ \t\n\r\f\v]/g;

export function contentLines(text: string): Line[] {
  return text.split("\n").flatMap((raw, index): readonly Line[] => {
    const start = startOf(raw, 0, isBlank);
    const line = raw.slice(start, endOf(raw, start, isBlank));
    NO_SPACE.lastIndex = 0;
    const skipped = line.startsWith("#") || !NO_SPACE.test(line);
    return skipped ? [] : [{ text: line, number: index + 1, column: start + 1 }];
  });
}

/** What stands before the first `#`, and what after it; an empty comment is none. */
export function cutComment(text: string): { readonly body: string; readonly comment?: string } {
  const at = text.indexOf("#");
  if (at < 0) return { body: text };
  const comment = trimSpace(text.slice(at + 1));
  return { body: text.slice(0, at), ...(comment === "" ? {} : { comment }) };
}

export function trimSpace(text: string): string {
  const start = startOf(text, 0, isSpace);
  return text.slice(start, endOf(text, start, isSpace));
}

/** As Perl's `lc` over bytes: beyond ASCII no letter has a case. */
export function lowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/**
 * A line that Proxmox leaves without effect, or its reason, may quote a secret in any form: both are redacted. What it says may be
 * megabytes, so it is cut.
 */
export function ignoredLine(text: string, reason: string, position: Position): IgnoredLine {
  const { text: said, hidden } = redactWords(text);
  const why = hidden.reduce((words, value) => replaceAnyCase(words, value), redactWords(reason).text);
  return { text: shorten(said, 200), reason: shorten(why, 400), position };
}

/** A reason may quote a word in lower case. */
function replaceAnyCase(text: string, value: string): string {
  const parts: string[] = [];
  const [within, sought] = [lowerCase(text), lowerCase(value)];
  let end = 0;
  for (let at = within.indexOf(sought); at >= 0; at = within.indexOf(sought, end)) {
    parts.push(text.slice(end, at), REDACTED);
    end = at + sought.length;
  }
  return [...parts, text.slice(end)].join("");
}

function shorten(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

function isBlank(character: string): boolean {
  return character === " " || character === "\t";
}

function isSpace(character: string): boolean {
  return SPACE.includes(character);
}

function startOf(text: string, from: number, skipped: (character: string) => boolean): number {
  let start = from;
  while (start < text.length && skipped(text.charAt(start))) start++;
  return start;
}

function endOf(text: string, from: number, skipped: (character: string) => boolean): number {
  let end = text.length;
  while (end > from && skipped(text.charAt(end - 1))) end--;
  return end;
}
