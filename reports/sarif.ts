import { createHash } from "node:crypto";
import type { Position, SourceFile } from "../policy/estate.ts";
import type { Level } from "../policy/lint/catalogue.ts";
import type { LintFinding } from "../policy/lint/finding.ts";
import { shown } from "./text.ts";

/** What one lint looks for, as the catalogue has it; or what a control states. */
export interface SarifLint {
  readonly level: Level;
  readonly what: string;
  readonly why: string;
  readonly remedy: string;
}

/** What was found, by a lint or against a control. */
export type SarifFinding = Omit<LintFinding, "lint"> & {
  readonly lint: string;
  readonly properties?: object;
};

export interface SarifInput {
  readonly version: string;
  /** All that were looked for, found or not. */
  readonly lints: Readonly<Record<string, SarifLint>>;
  readonly findings: readonly SarifFinding[];
  /** The files that were read, as far as their digests are known. */
  readonly files: readonly Pick<SourceFile, "name" | "sha256">[];
  /** What paths count from, a sentence; of a check the folder that was checked. */
  readonly root?: string;
  /** What there is to say of the run as a whole. */
  readonly properties?: object;
}

const SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/** The folder that was checked: whoever reads the log knows where it is. */
const BASE = "ESTATE";
const LEVELS: Readonly<Record<Level, "error" | "note">> = { finding: "error", note: "note" };

/** Findings of `phx check` as a SARIF 2.1.0 log. Positions count UTF-16 units, as ours do. */
export function renderSarif(input: SarifInput): unknown {
  const { version, lints, findings, files, root = "The folder that was checked.", properties } = input;
  const ids = Object.keys(lints);
  const fingerprints = fingerprintsOf(findings);
  return {
    $schema: SCHEMA,
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "phoenix-conformance",
            semanticVersion: version,
            rules: Object.entries(lints).map(([id, lint]) => ruleOf(id, lint)),
          },
        },
        originalUriBaseIds: { [BASE]: { description: { text: root } } },
        artifacts: files.map(({ name, sha256 }) => ({
          location: artifact(name),
          hashes: { "sha-256": sha256 },
        })),
        columnKind: "utf16CodeUnits",
        results: findings.map((finding, index) => ({
          ruleId: finding.lint,
          ruleIndex: ids.indexOf(finding.lint),
          level: LEVELS[finding.level],
          message: { text: messageOf(finding) },
          locations: [locationOf(finding.position)],
          ...(finding.related.length > 0 && {
            relatedLocations: finding.related.map((position) => locationOf(position)),
          }),
          partialFingerprints: { "subject/v1": fingerprints[index] },
          ...(finding.properties && { properties: finding.properties }),
        })),
        ...(properties && { properties }),
      },
    ],
  };
}

const LONGEST = 4000;

/** A text of ours may hold a file's: `](` would make a link of it (SARIF 3.11.6). */
function messageOf({ message, remedy }: SarifFinding): string {
  return [message, remedy].map((each) => shown(each, LONGEST).replaceAll("](", "] (")).join(". ");
}

function ruleOf(id: string, { level, what, why, remedy }: SarifLint): unknown {
  return {
    id,
    name: id.replaceAll(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase()),
    shortDescription: { text: `${capital(what)}.` },
    fullDescription: { text: `${capital(what)}: ${why}.` },
    help: { text: remedy },
    defaultConfiguration: { level: LEVELS[level] },
  };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function locationOf({ file, line, column, pointer }: Position): unknown {
  return {
    physicalLocation: { artifactLocation: artifact(file), region: { startLine: line, startColumn: column } },
    ...(pointer !== "" && { logicalLocations: [{ fullyQualifiedName: shown(pointer) }] }),
  };
}

function artifact(name: string): unknown {
  const uri = name.toWellFormed().split("/").map(encodeURIComponent).join("/");
  return { uri, uriBaseId: BASE };
}

/**
 * What a finding is about, its lint and its file, but no line: the same after lines before it came or went. Equal ones in
 * one file are told apart by their order.
 */
function fingerprintsOf(findings: readonly SarifFinding[]): readonly string[] {
  const seen = new Map<string, number>();
  return findings.map(({ lint, position, subject }) => {
    const key = JSON.stringify([lint, position.file, subject]);
    const nth = seen.get(key) ?? 0;
    seen.set(key, nth + 1);
    return createHash("sha256").update(`${key} ${nth}`).digest("hex");
  });
}
