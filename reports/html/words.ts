import type { Result } from "../../audit/finding.ts";
import type { Cell, Verdict } from "../../audit/run.ts";

/** How a value looks: `tone` is a class of the style sheet, never the only carrier of the meaning. */
export interface Mark {
  readonly glyph: string;
  readonly word: string;
  readonly tone: "pass" | "part" | "fail" | "unsure" | "idle";
}

export const RESULTS: Record<Result, Mark> = {
  fail: { glyph: "✗", word: "fail", tone: "fail" },
  error: { glyph: "!", word: "error", tone: "fail" },
  inconclusive: { glyph: "?", word: "inconclusive", tone: "unsure" },
  notrun: { glyph: "○", word: "not run", tone: "unsure" },
  notapplicable: { glyph: "–", word: "not applicable", tone: "idle" },
  pass: { glyph: "✓", word: "pass", tone: "pass" },
};

export const VERDICTS: Record<Verdict, Mark> = {
  PASS: { glyph: "✓", word: "PASS", tone: "pass" },
  PARTIAL: { glyph: "◐", word: "PARTIAL", tone: "part" },
  FAIL: { glyph: "✗", word: "FAIL", tone: "fail" },
  INCOMPLETE: { glyph: "?", word: "INCOMPLETE", tone: "unsure" },
};

export const STATES: Record<Cell["state"], Mark & { readonly meaning: string }> = {
  open: {
    glyph: "✓",
    word: "open as declared",
    tone: "pass",
    meaning: "every declared flow arrived, nothing else did",
  },
  denied: {
    glyph: "⊘",
    word: "denied, proven",
    tone: "idle",
    meaning: "nothing is declared and nothing arrived",
  },
  leak: { glyph: "✗", word: "leak", tone: "fail", meaning: "something undeclared arrived" },
  broken: { glyph: "◌", word: "broken", tone: "unsure", meaning: "something declared did not arrive" },
  unknown: { glyph: "?", word: "unknown", tone: "unsure", meaning: "could not be told" },
  unprobed: { glyph: "·", word: "unprobed", tone: "idle", meaning: "not probed in this run" },
};

export const ZONES = {
  outside: "Outside",
  lan: "LAN",
  host: "Host",
  edge: "Edge",
  ingress: "Ingress",
  ca: "CA",
  backends: "Backends",
} as const;

const FAMILIES: Record<string, string> = {
  FW: "Host and guest firewall",
  EDGE: "From outside, and Nginx",
  RTE: "Traefik",
  SEG: "East–west",
  PKI: "Step-CA",
  DNS: "Dual horizon",
  CFG: "Configuration and convergence",
  AUD: "The audit itself",
};

/** `FW-002` -> `FW`. */
export function familyOf(control: string): string {
  return control.split("-")[0] || control;
}

export function familyName(family: string): string {
  return (Object.hasOwn(FAMILIES, family) && FAMILIES[family]) || family;
}
