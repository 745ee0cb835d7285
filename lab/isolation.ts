import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { rootSockets } from "./root-sockets.ts";

/** The network and the mounts that this process itself lives in: the root namespace, as text that prints as JSON. */
export interface RootSnapshot {
  /** By aspect (`links`, `routes`, ...): its lines, sorted. A tool that is absent leaves one line that says so. */
  readonly aspects: Readonly<Record<string, readonly string[]>>;
  /** A line of proc_pid_net(5)'s `dev` an interface: they move with any traffic of the machine. */
  readonly counters: readonly string[];
}

/**
 * What the root namespace is like now; about 30 ms. Neighbours and conntrack entries are not looked at: they age by
 * themselves. Listeners are those of this process, its descendants and of any lab: other programs come and go.
 */
export function snapshotRoot(): RootSnapshot {
  const aspects = {
    ...sections(spawnSync("sh", ["-c", SCRIPT], { encoding: "utf8" }).stdout ?? ""),
    sysctls: settingsBelow("/proc/sys/net"),
    sockets: rootSockets(),
    mounts: linesOf("/proc/thread-self/mountinfo"),
    "named namespaces": NAMED.flatMap((folder) => entries(folder).map((name) => `${folder}/${name}`)),
  };
  const sorted = Object.entries(aspects).map(([name, lines]): [string, string[]] => [name, lines.toSorted()]);
  return { aspects: Object.fromEntries(sorted), counters: linesOf("/proc/thread-self/net/dev").slice(2) };
}

/** What differs between two snapshots, a line each (`links: new: ...`); none where they are equal. */
export function differences(
  before: RootSnapshot,
  after: RootSnapshot,
  { counters = false }: { readonly counters?: boolean } = {},
): string[] {
  const names = [...new Set([...Object.keys(before.aspects), ...Object.keys(after.aspects)])];
  return [
    ...names.flatMap((name) => difference(name, before.aspects[name], after.aspects[name])),
    ...(counters ? difference("counters", before.counters, after.counters) : []),
  ];
}

function difference(name: string, before: readonly string[] = [], after: readonly string[] = []): string[] {
  const [then, now] = [new Set(before), new Set(after)];
  return [
    ...before.filter((line) => !now.has(line)).map((line) => `${name}: gone: ${line}`),
    ...after.filter((line) => !then.has(line)).map((line) => `${name}: new: ${line}`),
  ];
}

const NAMED = ["/run/netns", "/var/run/netns"];

/* Saving a family's rules is left out where the kernel has no table: the tool would load modules for nothing. A table
   without a rule counts as none: listing it makes it. Lifetimes (router advertisements, DHCP) and counters are cut off. */
const SCRIPT = String.raw`
look() { echo "@ $1"; shift; if command -v "$1" >/dev/null; then "$@" 2>&1; else echo "not looked at: $1 is absent"; fi; }
tables() { echo "@ $1"; if [ -n "$(cat "/proc/net/$2" 2>/dev/null)" ]; then look "$1" "$3" | awk "$RULES"; fi; }
RULES='/^\*/ {table=$1; next} /^(COMMIT|:.* ACCEPT)/ {next} /^[-:]/ {$0=table " " $0} {print}'
{
  look links ip -o link
  look addresses ip -o addr
  look routes ip -o route show table all
  look "rules IPv4" ip -4 rule
  look "rules IPv6" ip -6 rule
  look sets ipset list -n
  look nftables nft -s list ruleset
  tables iptables ip_tables_names iptables-legacy-save
  tables ip6tables ip6_tables_names ip6tables-legacy-save
} | sed -E '/^#/d; s/ (expires|valid_lft|preferred_lft) [0-9]+sec//g; s/ \[[0-9]+:[0-9]+\]$//'
`;

/** Lines below `@ NAME` lines, by name. */
function sections(text: string): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  let lines: string[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("@ ")) lines = found[line.slice(2)] ??= [];
    else if (line.trim() !== "") lines.push(line.trimEnd());
  }
  return found;
}

/* A count of the moment, and keys that the kernel draws when any namespace first needs them. */
const MOVING = /\/(nf_conntrack_count|.*_key)$/;

function settingsBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return settingsBelow(path);
    const value = MOVING.test(path) ? undefined : setting(path);
    return value === undefined ? [] : [`${path.slice("/proc/sys/".length)} = ${value}`];
  });
}

/** Some can only be written, some have no value yet; an interface of another program may go while we look. */
function setting(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}

function linesOf(path: string): string[] {
  return readFileSync(path, "utf8").trim().split("\n");
}

function entries(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
