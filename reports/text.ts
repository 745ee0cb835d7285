import { createHash } from "node:crypto";

/** Control, format (bidi, zero-width, tags), private-use, line-separator and lone-surrogate code points. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}\uFFFE\uFFFF]/gu;
const STACKED_MARKS = /(\p{M}{3})\p{M}+/gu;
const LINE_BREAKS = /[\t\n\r]+/g;

/** Longest text that is shown whole, in UTF-16 units; a caller that expects more says so. */
export const LONGEST = 600;

/**
 * A string of the run, fit to be shown on one line: what would hide, move or colour its surroundings is made visible
 * (`␛`, `⟨U+202E⟩`), what is very long is cut and its rest is counted and digested. Every string of a run is
 * hostile: a banner, a header, a certificate's subject.
 */
export function shown(text: string, longest = LONGEST): string {
  return visible(cut(text, longest).replace(LINE_BREAKS, " "));
}

/** The same for text of several lines; tabs become two spaces. */
export function shownLines(text: string, longest = LONGEST): string {
  return cut(text, longest)
    .replaceAll("\r\n", "\n")
    .replaceAll("\t", "  ")
    .split("\n")
    .map(visible)
    .join("\n");
}

/** Lines of a terminal, uncut: what follows the first stands further in, so that no text begins a line of ours. */
export function shownMessage(text: string): string {
  return shownLines(text, Number.POSITIVE_INFINITY).replaceAll("\n", "\n    ");
}

/** Fit for one line of a terminal, and short: what is left out stands in the report. */
export function clipped(text: string, longest: number): string {
  if (text.length <= longest) return shown(text);
  const end = text.lastIndexOf(" ", longest);
  const cutAt = end > longest / 2 ? end : isLead(text, longest - 1) ? longest - 1 : longest;
  return `${shown(text.slice(0, cutAt))} …`;
}

function visible(text: string): string {
  return text.replace(HIDDEN, picture).replace(STACKED_MARKS, "$1");
}

function picture(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return "␡";
  return `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
}

function cut(text: string, longest: number): string {
  if (text.length <= longest) return text;
  const end = isLead(text, longest - 1) ? longest - 1 : longest;
  const rest = Buffer.byteLength(text.slice(end));
  const digest = createHash("sha256").update(text).digest("hex").slice(0, 12);
  return `${text.slice(0, end)} … (${grouped(rest)} more bytes; sha256 of all ${digest}…)`;
}

function isLead(text: string, index: number): boolean {
  const unit = text.charCodeAt(index);
  return unit >= 0xd800 && unit < 0xdc00;
}

/** `1179630` -> `1,179,630`, whatever the locale. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** `1 check`, `3 checks`, `1 entry`, `2 entries`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${grouped(count)} ${count === 1 ? noun : plural}`;
}

/** `840 ms`, `9.8 s`, `2 min 04 s`. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1) return "under 1 ms";
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 59_950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}

/** `2026-11-23T11:30:00.120Z` -> `2026-11-23 11:30:00 UTC`. */
export function utc(instant: string): string {
  return `${new Date(instant).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Bytes for a reader: `812 B`, `14.2 KB`. */
export function bytes(count: number): string {
  return count < 1000 ? `${count} B` : `${(count / 1000).toFixed(1)} KB`;
}
