import type { Position } from "../estate.ts";
import type { Decider, Place } from "../flow.ts";
import type { Ruling } from "../chain.ts";
import type { FirewallFile, FirewallRule, Option, SetEntry } from "../proxmox/file.ts";
import type { Node } from "../proxmox/node.ts";
import { ruleLine } from "../rule-line.ts";

/** A line of one side's files that decides packets, or changes what they are decided by. */
export interface Cause {
  readonly side: "base" | "head";
  /** What it says of the packets, where it decides them itself. */
  readonly verdict?: string;
  readonly text: string;
  /** Absent: a line of Proxmox's own, or of the gateway. */
  readonly position?: Position;
}

/** A verdict in words: `accept`, `drop`, `reject (tcp-reset)`. */
export function verdictOf({ verdict, reject }: Pick<Ruling, "verdict" | "reject">): string {
  return reject === undefined ? verdict : `${verdict} (${reject})`;
}

/** The line that a ruling names. */
export function causeOf(side: Cause["side"], ruling: Ruling): Cause {
  const { decider } = ruling;
  const position = "position" in decider ? { position: decider.position } : {};
  return { side, verdict: verdictOf(ruling), text: textOf(decider), ...position };
}

function textOf(decider: Decider): string {
  switch (decider.kind) {
    case "rule":
      return decider.text;
    case "policy": {
      const line = decider.text === undefined ? "" : ` (${decider.text})`;
      return `default policy ${decider.policy}${line}`;
    }
    case "standing":
      return `a standing accept of Proxmox (${decider.text})`;
    case "builtin":
      return `a line of Proxmox's own (${decider.text})`;
    case "gateway":
      return `the gateway (${decider.text})`;
    case "unfiltered":
      return decider.text;
  }
}

/** The options that decide packets; a policy does so by its own name. */
const OPTIONS = [
  "enable",
  "dhcp",
  "ndp",
  "radv",
  "macfilter",
  "ipfilter",
  "ips",
  "ips_queues",
  "nosmurfs",
  "tcpflags",
  "nf_conntrack_allow_invalid",
  "ebtables",
];

/** Sets that rules need not name to be decided by. */
const NAMELESS = /^(?:management|blacklist|ipfilter-net\d+)$/;

/**
 * Lines that decide nothing themselves and changed between two nodes: options, and what the deciding rules name (aliases, sets,
 * groups), of the cluster, the host and the guests at both ends.
 */
export function changedBehind(
  base: Node,
  head: Node,
  ends: readonly Place[],
  deciding: readonly Cause[],
): readonly Cause[] {
  const ids = ends.flatMap((end) => /^\d+/.exec(end)?.[0] ?? []);
  const hasHost = ends.includes("host");
  const filesOf = ({ cluster, hostFile, guests }: Node): readonly (FirewallFile | undefined)[] => [
    cluster,
    ...(hasHost ? [hostFile] : []),
    ...ids.map((id) => guests.get(id)),
  ];
  const heads = filesOf(head);
  const told = new Set(deciding.map(keyOf));
  return filesOf(base)
    .flatMap((file, index) => changesIn(file, heads[index], { base, head, deciding }))
    .filter((cause) => !told.has(keyOf(cause)));
}

interface Context {
  readonly base: Node;
  readonly head: Node;
  readonly deciding: readonly Cause[];
}

function keyOf({ side, position }: Cause): string {
  return `${side} ${position?.file} ${position?.line} ${position?.column} ${position?.pointer}`;
}

function changesIn(
  base: FirewallFile | undefined,
  head: FirewallFile | undefined,
  context: Context,
): readonly Cause[] {
  const named = namesIn(context.deciding);
  const isNamed = (name: string) => named.has(name.toLowerCase());
  return [
    ...changed(
      base?.options,
      head?.options,
      ({ value }) => value,
      (key) => OPTIONS.includes(key),
      optionText,
    ),
    ...changed(
      base?.aliases,
      head?.aliases,
      ({ cidr }) => cidr,
      isNamed,
      (name, { cidr }) => `alias ${name} ${cidr}`,
    ),
    ...changed(
      entriesOf(base),
      entriesOf(head),
      () => "",
      (entry) => isNamed(setOf(entry)) || NAMELESS.test(setOf(entry)),
      (entry) => `ipset ${entry}`,
    ),
    ...groupLines("base", base, head, context),
    ...groupLines("head", head, base, context),
  ];
}

/** An option as its file has it: Phoenix's `enabled` is Proxmox's `enable`. */
function optionText(key: string, { value, position }: Option): string {
  const isPhoenix = key === "enable" && position.file.endsWith(".json");
  return isPhoenix ? `enabled: ${value === "1"}` : `${key}: ${value}`;
}

interface Placed {
  readonly position: Position;
}

/** What one side has otherwise than the other, told of both. */
function changed<T extends Placed>(
  base: ReadonlyMap<string, T> | undefined,
  head: ReadonlyMap<string, T> | undefined,
  valueOf: (entry: T) => string,
  isMeant: (name: string) => boolean,
  words: (name: string, entry: T) => string,
): readonly Cause[] {
  const names = new Set([...(base?.keys() ?? []), ...(head?.keys() ?? [])]);
  return [...names].filter(isMeant).flatMap((name) => {
    const [was, is] = [base?.get(name), head?.get(name)];
    if (was && is && valueOf(was) === valueOf(is)) return [];
    return [
      ...(was ? [{ side: "base", text: words(name, was), position: was.position } as const] : []),
      ...(is ? [{ side: "head", text: words(name, is), position: is.position } as const] : []),
    ];
  });
}

/** Of all sets of a file, each under its set's name and its own: `ops !10.0.0.1`. */
function entriesOf(file: FirewallFile | undefined): ReadonlyMap<string, SetEntry> {
  const sets = [...(file?.sets.values() ?? [])];
  return new Map(
    sets.flatMap(({ name, entries }) =>
      entries.map((entry) => [`${name} ${entry.nomatch ? "!" : ""}${entry.address}`, entry] as const),
    ),
  );
}

function setOf(entry: string): string {
  return entry.slice(0, entry.indexOf(" "));
}

/** Names of aliases and sets in the deciding rules, and in the sets that these name. */
function namesIn(deciding: readonly Cause[]): ReadonlySet<string> {
  const words = deciding.flatMap(({ text }) =>
    [...text.matchAll(/-(?:source|dest) (\S+)/g)].map(([, word = ""]) => word),
  );
  return new Set(
    words
      .flatMap((word) => word.split(","))
      .map((word) => word.replace(/^\+?(?:dc\/|guest\/)?/, "").toLowerCase()),
  );
}

/** `GROUP name` lines that only this side has, where a deciding rule is the group's. */
function groupLines(
  side: Cause["side"],
  own: FirewallFile | undefined,
  other: FirewallFile | undefined,
  { deciding, ...nodes }: Context,
): readonly Cause[] {
  const others = new Set((other?.rules ?? []).map(ruleLine));
  const places = new Set(deciding.map(keyOf));
  const decides = (rule: FirewallRule): boolean => {
    const group =
      rule.type === "group" ? nodes[side].cluster.groups.get(rule.group.toLowerCase()) : undefined;
    return group?.rules.some(({ position }) => places.has(keyOf({ side, text: "", position }))) === true;
  };
  return (own?.rules ?? [])
    .filter((rule) => !others.has(ruleLine(rule)) && decides(rule))
    .map((rule) => ({ side, text: ruleLine(rule), position: rule.position }));
}
