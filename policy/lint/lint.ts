import type { Note, Position } from "../estate.ts";
import type { FirewallFile, IgnoredLine } from "../proxmox/file.ts";
import type { Node } from "../proxmox/node.ts";
import { isSecretKey } from "../secret.ts";
import { definitionLints } from "./definitions.ts";
import { found, type LintFinding, secretsOf, sortFindings } from "./finding.ts";
import { Ground } from "./ground.ts";
import { groupLints } from "./groups.ts";
import { forgeableSources, guestLints } from "./guests.ts";
import { neverLints } from "./never.ts";
import { optionLints } from "./options.ts";
import { redundantLints } from "./redundant.ts";
import { ruleLints } from "./rules.ts";
import { shadowLints } from "./shadow.ts";

/** What there is to say of files. */
export interface LintReport {
  /** By file, line and column. */
  readonly findings: readonly LintFinding[];
  /** Whether all rules were compared with each other; otherwise a note of `unchecked` says from where on not. */
  readonly complete: boolean;
}

/** What reading the files told beside the node. */
export interface Told {
  /** Whether they are Phoenix's, of which CFG-001 tells a shared MAC. */
  readonly kind: "phoenix" | "proxmox";
  readonly secrets?: readonly Position[];
  readonly notes: readonly Note[];
  /** What is ignored in all files; without it, in those that the node has. */
  readonly ignored?: readonly IgnoredLine[];
  /** Files of the same cluster's other nodes: what they use is not unused. */
  readonly elsewhere?: readonly FirewallFile[];
}

/** All lints over a node. Pure; about 20 µs a rule. */
export function lint(node: Node, told: Told, comparisons?: number): LintReport {
  const ground = new Ground(node, comparisons, told.elsewhere);
  const never = neverLints(ground);
  const dead = new Set(never.map(({ position }) => position));
  const findings = [
    ...never,
    // A rule that never matches is not also shadowed: one reason is enough.
    ...[...shadowLints(ground), ...redundantLints(ground)].filter(({ position }) => !dead.has(position)),
    ...ruleLints(ground),
    ...definitionLints(ground),
    ...groupLints(ground),
    ...optionLints(node),
    ...(told.kind === "phoenix" ? forgeableSources(node) : []),
    ...guestLints(node).filter((each) => told.kind === "proxmox" || each.lint !== "shared-mac"),
    ...(told.ignored ?? filesOf(node).flatMap((file) => file.ignored)).flatMap(ignoredLine),
    ...(told.secrets ?? []).map(secret),
    ...told.notes.flatMap(noted),
  ];
  const { unchecked } = ground.budget;
  const all = unchecked ? [...findings, uncheckedFrom(unchecked)] : findings;
  return { findings: sortFindings(all), complete: unchecked === undefined };
}

function filesOf({ cluster, hostFile, guests }: Node): readonly FirewallFile[] {
  return [cluster, hostFile, ...guests.values()];
}

/** A secret in a .fw file stands in such a line; its value is gone already. */
function ignoredLine({ text, reason, position }: IgnoredLine): readonly LintFinding[] {
  if (/[ ]\+sdn\//.test(text) && reason.includes("no such ipset")) {
    const message = `"${text}" names a set of the SDN, which phx does not read: taken as a line without effect`;
    return [found("remark", position, text, message, { remedy: "Name an ipset of the files." })];
  }
  return [
    found("ignored-line", position, text, `Proxmox ignores "${text}": ${reason}`),
    ...secretsOf(text, position),
  ];
}

/** By key and place, never by value. A public key is redacted with the others, and is no secret. */
function secret(position: Position): LintFinding {
  const { pointer } = position;
  const keys = pointer.split("/").map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
  const named = keys.findLast((key) => isSecretKey(key));
  if (named !== undefined && /public_?key$/i.test(named)) {
    const remedy = "Nothing need be done.";
    return found("remark", position, pointer, `${named} is redacted in all output, for its name`, { remedy });
  }
  const words =
    keys.at(-1) === "value" ? "is a secret, by the name beside it" : "holds a secret in its words";
  const message = named === undefined ? `${pointer} ${words}` : `${named} holds a secret`;
  return found("secret-in-file", position, pointer, message);
}

/** What CFG-001 has is told by its proof, once. */
function noted({ control, message, position, remedy }: Note): readonly LintFinding[] {
  if (control === "CFG-001") return [];
  return [found("remark", position, position.pointer, message, { remedy })];
}

function uncheckedFrom(position: Position): LintFinding {
  const message = "from this rule on not all rules were compared with each other";
  return found("unchecked", position, "unchecked", message);
}
